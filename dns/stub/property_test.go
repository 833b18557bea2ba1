package stub

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// seeds are texts for the fuzz tests and pieces for the property.
func seeds() []string {
	return []string{
		"", kubeadm, custom, strings.ReplaceAll(kubeadm, "\n", "\r\n"), strings.TrimSuffix(kubeadm, "\n"), byteOrderMark + kubeadm,
		"# a comment\n", "example.org {\n  file \"db zone\" {\n    x \"a \\\" }\" # c\n  }\n}\n", "(s) {\n  log\n}\nexample.net:5353 dns://x {\n  import s # x\n}",
		"import a/*\nimport b\n", "{$X}:53 {\n  whoami\n}\n", "a.org,\nb.org {\n  whoami\n}\n# quorate:begin shop 12\n# quorate:end shop\n",
		". {\n  log\n}\n#quorate:begin\n", "x\r", ".:53 {\n}\n  # quorate:begin bank 0", "a , b, \"\" c {\n}\n", "a#b c {\n}\n", ". {\r\n errors\r\n}",
	}
}

// insertAndRemove holds for every text that can be read: twice is once, and what was inserted comes out to the byte.
func insertAndRemove(t interface{ Fatalf(string, ...any) }, text string, e, other Entry) {
	edit, err := Plan(corefileInput(text, e))
	if err != nil || edit.Refusal != nil || edit.State != Absent {
		return
	}
	again, err := Plan(corefileInput(edit.After, e))
	if err != nil || again.State != Present || again.Changes() || again.After != edit.After {
		t.Fatalf("inserted twice: %v %s\n%q", err, again.State, edit.After)
	}
	both, err := Plan(corefileInput(edit.After, other))
	if err != nil || both.Refusal != nil {
		return // its zone is somebody's
	}
	for _, order := range [][]Entry{{e, other}, {other, e}} {
		left := both.After
		for _, entry := range order {
			in := corefileInput(left, entry)
			in.Remove = true
			gone, err := Plan(in)
			if err != nil || gone.Refusal != nil {
				t.Fatalf("%v %v\n%q", err, gone.Refusal, left)
			}
			left = gone.After
		}
		if left != text {
			t.Fatalf("removed:\n%q\nwas:\n%q", left, text)
		}
	}
}

func shop(t testing.TB) Entry {
	e := delegation(t, "10.96.0.77")
	e.Deployment, e.Zone = "shop", "shop.example.com."
	e.Domains[0].Names = []string{e.Zone}
	return e
}

func TestInsertAndRemove(t *testing.T) {
	t.Parallel()
	e, other := delegation(t, "10.96.0.53"), shop(t)
	for _, text := range seeds() {
		insertAndRemove(t, text, e, other)
	}
	if edit := planned(t, corefileInput(strings.ReplaceAll(kubeadm, "\n", "\r\n"), e)); strings.Count(edit.After, "\n") != strings.Count(edit.After, "\r\n") {
		t.Errorf("line ends are mixed:\n%q", edit.After)
	}
	rapid.Check(t, func(rt *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom(append(seeds(), "\n", "\r\n", " ", "#", "}", "{", "\"")), 0, 6).Draw(rt, "pieces")
		insertAndRemove(rt, strings.Join(pieces, ""), e, other)
	})
}

func FuzzCorefile(f *testing.F) {
	for _, text := range seeds() {
		f.Add(text)
	}
	e, other := delegation(f, "10.96.0.53"), shop(f)
	f.Fuzz(func(t *testing.T, text string) {
		insertAndRemove(t, text, e, other)
		forwards(text, "x.example.com.")
	})
}

func FuzzStubDomains(f *testing.F) {
	for _, text := range []string{"", "{}", `{"a":["1.1.1.1"]}`, "{\n \"a\" : [ ] ,\"b\":[{}]\n}\n", `{"\u0061":1}`, `{"a":{"b":[1,2,"}"]}}`} {
		f.Add(text)
	}
	e := delegation(f, "10.96.0.53")
	f.Fuzz(func(t *testing.T, text string) {
		edit, err := Plan(kubeDNSInput(e, map[string]string{StubDomainsKey: text}, nil))
		if err != nil || edit.Refusal != nil {
			return
		}
		held := kubeDNSInput(e, map[string]string{StubDomainsKey: edit.After}, map[string]string{edit.Annotation.Key: edit.Annotation.After})
		if again := planned(t, held); again.State != Present || again.Changes() {
			t.Fatalf("%q: %+v", text, again)
		}
		held.Remove = true
		if gone := planned(t, held); gone.Exists && gone.After != text || !gone.Exists && strings.TrimSpace(text) != "" {
			t.Fatalf("%q came back as %q", text, gone.After)
		}
	})
}

func FuzzValues(f *testing.F) {
	for _, text := range []string{"", "{}", "a: 1\ncorefile: |\n  . {\n  }\nb: 2\n", `{"corefile":". {\n}\n"}`, "corefile: 'x'\n"} {
		f.Add(text, kubeadm)
	}
	f.Fuzz(func(t *testing.T, text, corefile string) {
		out, err := withCorefile(text, corefile)
		if err != nil {
			return
		}
		if got, given, err := corefileOf(out); err != nil || !given || got != corefile {
			t.Fatalf("%v %q", err, out)
		}
	})
}
