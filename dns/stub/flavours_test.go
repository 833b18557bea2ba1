package stub

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"
)

func TestAKS(t *testing.T) {
	t.Parallel()
	in := Input{
		Flavour: AKS, Entry: delegation(t, "10.96.0.53"),
		Main: Config{Object: "ConfigMap coredns", Data: map[string]string{CorefileKey: custom}},
		Custom: Config{Object: "ConfigMap coredns-custom", Data: map[string]string{"log.override": "log\nforward bank.db.example.com 1.1.1.1", // for the block of everything else
			"other.server": "example.org:53 {\n  whoami\n}\n"}},
	}
	edit := planned(t, in)
	if edit.Key != "quorate-bank.server" || edit.Existed || !edit.Exists || !edit.Changes() || edit.State != Absent || !strings.HasPrefix(edit.After, "# quorate:begin bank ") {
		t.Fatalf("%+v", edit)
	}
	before := maps.Clone(in.Custom.Data)
	in.Custom.Data[edit.Key] = edit.After
	if edit := planned(t, in); edit.State != Present || edit.Changes() {
		t.Errorf("%+v", edit)
	}
	in.Remove = true
	if edit := planned(t, in); edit.Exists || !edit.Changes() {
		t.Errorf("%+v", edit)
	}
	in.Remove, in.Custom.Data = false, before
	in.Custom.Data["other.server"] = "bank.db.example.com:53 {\n  whoami\n}\n"
	if edit := planned(t, in); edit.State != Foreign || !strings.Contains(edit.Refusal.Error(), "coredns-custom other.server, line 1") {
		t.Errorf("%+v", edit)
	}
	in.Custom.Data = nil // it does not exist
	if edit := planned(t, in); edit.State != Absent || !edit.Changes() {
		t.Errorf("%+v", edit)
	}
}

// TestEKS: the corefile changes, and nothing else does.
func TestEKS(t *testing.T) {
	t.Parallel()
	e := delegation(t, "10.96.0.53")
	want := planned(t, corefileInput(kubeadm, e)).After
	encoded, err := json.Marshal(kubeadm)
	if err != nil {
		t.Fatal(err)
	}
	yamlFile := "# ours\nreplicaCount:   3 # three\n" + scalarBlock(kubeadm) + "\nresources: {limits: {memory: 170Mi}}\n"
	for name, test := range map[string]struct{ text, head, tail string }{
		"empty":           {"", `{"corefile": "`, "\"}\n"},
		"json":            {`{"replicaCount":3, "corefile" : ` + string(encoded) + ` , "x":{"y": 1.50}}`, `{"replicaCount":3, "corefile" : "`, `" , "x":{"y": 1.50}}`},
		"json without":    {"{\n  \"replicaCount\": 3\n}\n", "{\n  \"replicaCount\": 3,\n  \"corefile\": \"", "\"\n}\n"},
		"yaml":            {yamlFile, "# ours\nreplicaCount:   3 # three\ncorefile: |2\n  .:53 {\n", "\nresources: {limits: {memory: 170Mi}}\n"},
		"yaml without":    {"replicaCount: 3", "replicaCount: 3\ncorefile: |2\n  .:53 {\n", "  # quorate:end bank\n"},
		"yaml, in quotes": {"corefile: " + string(encoded) + "\nreplicaCount: 3\n", "corefile: |2\n  .:53 {\n", "\nreplicaCount: 3\n"},
	} {
		in := Input{Flavour: EKS, Entry: e, Main: Config{Object: "the values", Data: map[string]string{ValuesKey: test.text, CorefileKey: kubeadm}}}
		edit := planned(t, in)
		got, _, err := corefileOf(edit.After)
		if err != nil || got != want || !strings.HasPrefix(edit.After, test.head) || !strings.HasSuffix(edit.After, test.tail) {
			t.Errorf("%s: %v\n%s", name, err, edit.After)
		}
		in.Main.Data[ValuesKey] = edit.After
		if again := planned(t, in); again.State != Present || again.Changes() {
			t.Errorf("%s, again: %+v", name, again)
		}
		in.Remove = true
		if got, _, err := corefileOf(planned(t, in).After); err != nil || got != kubeadm {
			t.Errorf("%s, removed: %v\n%s", name, err, got)
		}
	}
	for text, want := range map[string]string{"{": "neither JSON nor YAML", "corefile: 3\n": "no text", "[1]": "neither"} {
		in := Input{Flavour: EKS, Entry: e, Main: Config{Object: "the values", Data: map[string]string{ValuesKey: text}}}
		if _, err := Plan(in); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func kubeDNSInput(e Entry, data, annotations map[string]string) Input {
	return Input{Flavour: KubeDNS, Entry: e, Main: Config{Object: "ConfigMap kube-dns", Data: data, Annotations: annotations}}
}

// TestKubeDNS: foreign keys and their formatting stay; what was added can be taken out again.
func TestKubeDNS(t *testing.T) {
	t.Parallel()
	e := delegation(t, "10.96.0.53", "10.96.0.54")
	const ours = `"bank.db.example.com": ["10.96.0.53", "10.96.0.54"]`
	for before, after := range map[string]string{
		"":                                   "{" + ours + "}",
		"{}":                                 "{" + ours + "}",
		"{ }\n":                              "{" + ours + " }\n",
		`{"a.com":["1.2.3.4"]}`:              `{"a.com":["1.2.3.4"],` + ours + "}",
		"{\n  \"a.com\" : [\"1.2.3.4\"]\n}":  "{\n  \"a.com\" : [\"1.2.3.4\"],\n  " + ours + "\n}",
		"{\"a\":[\"1.1.1.1\"],\n \"b\":[] }": "{\"a\":[\"1.1.1.1\"],\n \"b\":[]," + ours + " }",
	} {
		data := map[string]string{}
		if before != "" {
			data[StubDomainsKey] = before
		}
		edit := planned(t, kubeDNSInput(e, data, nil))
		if edit.After != after || edit.State != Absent || !edit.Changes() || edit.Refusal != nil {
			t.Errorf("%q: %+v", before, edit)
		}
		held := kubeDNSInput(e, map[string]string{StubDomainsKey: edit.After}, map[string]string{edit.Annotation.Key: edit.Annotation.After})
		if again := planned(t, held); again.State != Present || again.Changes() {
			t.Errorf("%q, again: %+v", before, again)
		}
		other := held
		other.Entry = delegation(t, "10.96.0.99")
		if moved := planned(t, other); moved.State != Outdated || !strings.Contains(moved.After, `["10.96.0.99"]`) {
			t.Errorf("%q, moved: %+v", before, moved)
		}
		held.Remove = true
		if gone := planned(t, held); gone.After != before || gone.Exists != (before != "") || gone.Annotation.After != "" {
			t.Errorf("%q, removed: %+v", before, gone)
		}
	}
}

func TestKubeDNSRefuses(t *testing.T) {
	t.Parallel()
	e := delegation(t, "10.96.0.53")
	chain, err := Chain(chainInput(), "use1")
	if err != nil {
		t.Fatal(err)
	}
	first := planned(t, kubeDNSInput(e, map[string]string{StubDomainsKey: "{}"}, nil))
	annotations := map[string]string{first.Annotation.Key: first.Annotation.After}
	for name, test := range map[string]struct {
		in    Input
		state State
		want  string
	}{
		"foreign": {kubeDNSInput(e, map[string]string{StubDomainsKey: "{\n\"bank.db.example.com\": [\"9.9.9.9\"]}"}, nil), Foreign, "line 2: an entry answers for bank.db.example.com already"},
		"below":   {kubeDNSInput(e, map[string]string{StubDomainsKey: `{"use1.bank.db.example.com": ["9.9.9.9"]}`}, nil), Foreign, "takes use1.bank.db.example.com away"},
		"edited":  {kubeDNSInput(e, map[string]string{StubDomainsKey: strings.Replace(first.After, "53", "99", 1)}, annotations), Edited, "changed by hand"},
		"gone":    {kubeDNSInput(e, map[string]string{StubDomainsKey: "{}"}, annotations), Absent, ""},
		"chain":   {kubeDNSInput(chain, nil, nil), Absent, "rewrites no names"},
		"port":    {kubeDNSInput(delegation(t, "10.96.0.53:5353"), nil, nil), Absent, "take no port"},
	} {
		edit := planned(t, test.in)
		if edit.State != test.state || (edit.Refusal == nil) != (test.want == "") || test.want != "" && !strings.Contains(edit.Refusal.Error(), test.want) {
			t.Errorf("%s: %s %v", name, edit.State, edit.Refusal)
		}
	}
	for text, want := range map[string]string{"{": "no JSON", "[]": "no JSON object", `{"a":1,"a":2}`: "twice", "{} x": "behind"} {
		if _, err := Plan(kubeDNSInput(e, map[string]string{StubDomainsKey: text}, nil)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
