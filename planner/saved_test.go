package planner_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// saved is the world's plan, put aside and read again.
func (w *world) saved() *planner.Saved {
	w.Helper()
	in := w.input()
	data, err := planner.EncodeSaved(planner.Save(planner.Build(in), in))
	if err != nil {
		w.Fatalf("encode: %v", err)
	}
	s, err := planner.DecodeSaved(data)
	if err != nil {
		w.Fatalf("decode: %v\n%s", err, data)
	}
	return s
}

// goOnWith runs a saved plan on the world to its end.
func (w *world) goOnWith(s *planner.Saved, where string) {
	w.Helper()
	rest, moved := planner.Continue(s, w.input())
	if len(moved) > 0 {
		w.Fatalf("after a crash in %s the saved plan is stale: %v", where, moved)
	}
	if rest.Digest != s.Digest {
		w.Fatalf("what is left has digest %s, reviewed was %s", rest.Digest, s.Digest)
	}
	w.run(rest)
	if again, moved := planner.Continue(s, w.input()); !again.Empty() || len(moved) > 0 {
		w.Fatalf("after a crash in %s and the rest there is more to do: %v\n%s", where, moved, text(again))
	}
}

// TestSavedGoesOn: wherever a run of a saved plan is cut off, the plan is accepted again and
// leads to its end.
func TestSavedGoesOn(t *testing.T) {
	t.Parallel()
	for name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			w := scenarios(t)[name]()
			s, p := w.saved(), w.build()
			w.clone().goOnWith(s, "no step")
			for i, step := range p.Steps {
				w.step(p, step)
				if !crashes(p, i) {
					continue
				}
				crashed := w.clone()
				crashed.takeDown(step.Disrupts)
				crashed.goOnWith(s, step.ID)
			}
		})
	}
}

// TestSavedDone: the steps that are true already are counted.
func TestSavedDone(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	s, p := w.saved(), w.build()
	for i := range p.Steps {
		rest, _ := planner.Continue(s, w.input())
		if done := s.Done(rest); i == 0 && done != 0 || done > i+2 || done < i-5 {
			t.Errorf("after %d steps %d count as true", i, done)
		}
		w.step(p, p.Steps[i])
	}
	if rest, _ := planner.Continue(s, w.input()); s.Done(rest) != len(p.Steps) {
		t.Errorf("at the end %d of %d steps count as true", s.Done(rest), len(p.Steps))
	}
}

// TestSavedOffline: a plan made from nothing runs where everything is empty, and goes on.
func TestSavedOffline(t *testing.T) {
	t.Parallel()
	w := newWorld(t, deployment(t, "cockroachdb", three, promised), "A")
	in := w.input()
	in.Observed, in.Offline = nil, true
	p := planner.Build(in)
	s := planner.Save(p, in)
	live := w.build()
	for _, step := range live.Steps {
		w.clone().goOnWith(s, "before "+step.ID)
		w.step(live, step)
	}
	w = newWorld(t, deployment(t, "cockroachdb", three, promised), "A")
	ref := regions.ObjectRef{APIVersion: "v1", Kind: "Service", Namespace: "bank", Name: "bank"}
	w.clusters["use1"].objects[ref] = object("v1", "Service", "bank", "bank", map[string]any{"clusterIP": "10.0.0.1"})
	if _, moved := planner.Continue(s, w.input()); !mentions(moved, "use1: Service/bank/bank exists now, made by others: spec.clusterIP is 10.0.0.1") {
		t.Errorf("an object of others is not named: %v", moved)
	}
}

func mentions(moved []planner.Moved, text string) bool {
	return slices.ContainsFunc(moved, func(m planner.Moved) bool { return strings.Contains(m.String(), text) })
}

// foreign are changes of the world that nobody reviewed, with what is to be said of them.
func foreign() map[string]func(*world) string {
	service := regions.ObjectRef{APIVersion: "v1", Kind: "Service", Namespace: "bank", Name: "bank"}
	return map[string]func(*world) string{
		"topology": func(w *world) string {
			edited := *w.topology
			edited.Spec.Rollout.Soak = "31s"
			w.topology = &edited
			return "topology: spec.rollout.soak: 30s → 31s"
		},
		"rendered": func(w *world) string {
			w.settings = append(w.settings, "foreign")
			return "use1: ConfigMap/bank/foreign is rendered now, and was not"
		},
		"cluster": func(w *world) string {
			w.clusters["use1"].state.UID = "other"
			return `use1: context "use1" reaches another cluster: its UID was uid-use1 and is other`
		},
		"field": func(w *world) string {
			w.clusters["usw1"].edit = func(o *regions.ObjectState) {
				if o.Ref == service && o.Live != nil {
					o.Live = object("v1", "Service", "bank", "bank", map[string]any{"clusterIP": "10.0.0.1"})
				}
			}
			return "usw1: Service/bank/bank spec.clusterIP was None and is 10.0.0.1"
		},
		"template": func(w *world) string {
			w.put("euw1/bank", "template=Z")
			return "db:Z"
		},
		"object": func(w *world) string {
			delete(w.clusters["euw1"].objects, service)
			return "euw1: Service/bank/bank is gone"
		},
		"set": func(w *world) string {
			delete(w.clusters["usw1"].sets, "bank")
			return "usw1: StatefulSet bank is gone"
		},
		"grown by hand": func(w *world) string {
			w.put("use1/bank", "replicas=4")
			return "use1: StatefulSet bank had 3 replicas and has 4"
		},
		"shrunk by hand": func(w *world) string {
			w.put("use1/bank", "replicas=2 claims=3")
			return "use1: StatefulSet bank had 3 replicas and has 2"
		},
		"database": func(w *world) string {
			for _, k := range w.clusters {
				k.state.Record.Database.ClusterID = "other"
			}
			return "the database on record was founded and is other"
		},
	}
}

// TestSavedStale: any foreign change, before the run or in the middle of it, makes a saved
// plan stale, and is named; without one it is not.
func TestSavedStale(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(maps.Keys(foreign()))
	rapid.Check(t, func(r *rapid.T) {
		w := installed(r, deployment(r, "cockroachdb", three, promised))
		w.image = rapid.SampledFrom([]string{"A", "B"}).Draw(r, "desired")
		s, p := w.saved(), w.build()
		w.runFirst(p, rapid.IntRange(0, len(p.Steps)).Draw(r, "crash"))
		if _, moved := planner.Continue(s, w.input()); len(moved) > 0 {
			r.Fatalf("stale though nothing moved: %v", moved)
		}
		name := rapid.SampledFrom(names).Draw(r, "foreign")
		want := foreign()[name](w)
		if _, moved := planner.Continue(s, w.input()); !mentions(moved, want) {
			r.Fatalf("%s: want %q, got %v", name, want, moved)
		}
	})
}

// TestSavedAgainstHands: any value that anybody writes into a field that the plan changes
// makes it stale, but the one before and the one after.
func TestSavedAgainstHands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := installed(r, deployment(r, "cockroachdb", three, promised))
		w.image = "B"
		s := w.saved()
		value := rapid.SampledFrom([]string{"A", "B", "C", "D", ""}).Draw(r, "value")
		cluster := rapid.SampledFrom([]string{"use1", "usw1", "euw1"}).Draw(r, "cluster")
		set := w.clusters[cluster].sets["bank"]
		set.image, set.history = value, append(set.history, value)
		_, moved := planner.Continue(s, w.input())
		if stale := len(moved) > 0; stale != (value != "A" && value != "B") {
			r.Fatalf("with %q in %s: %v", value, cluster, moved)
		}
	})
}

// TestSavedMends: a replica that went down since is mended; one that the plan leaves
// alone is not restarted.
func TestSavedMends(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	s := w.saved()
	w.put("use1/bank", "template=B pods=A,A!,A")
	w.clone().goOnWith(s, "no step")
	w = installed(t, deployment(t, "cockroachdb", three, promised))
	w.settings = []string{"more"}
	s = w.saved()
	w.put("use1/bank", "pods=A,Z,A")
	if _, moved := planner.Continue(s, w.input()); !mentions(moved, "use1: bank-1 would be restarted, and the plan leaves it alone") {
		t.Errorf("a restart that nobody reviewed is not named: %v", moved)
	}
}

// TestSavedAfterSilence: what was not seen was not reviewed.
func TestSavedAfterSilence(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	w.clusters["use1"].unreachable = "no route to host"
	s := w.saved()
	w.clusters["use1"].unreachable = ""
	if _, moved := planner.Continue(s, w.input()); !mentions(moved, "use1: it did not answer when the plan was made") {
		t.Errorf("a cluster that nobody saw is not named: %v", moved)
	}
}

func TestDecodeSaved(t *testing.T) {
	t.Parallel()
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	in := w.input()
	p := planner.Build(in)
	file, err := planner.EncodeSaved(planner.Save(p, in))
	if err != nil {
		t.Fatal(err)
	}
	printed, err := planner.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	newer := reseal(strings.Replace(string(file), `"1.1"`, `"1.9"`, 1))
	newer = reseal(strings.Replace(newer, `"basis":`, `"news": {"a": 1}, "basis":`, 1))
	tests := map[string]struct{ file, want string }{
		"as it is":       {string(file), ""},
		"a newer minor":  {newer, ""},
		"a newer major":  {reseal(strings.Replace(string(file), `"1.1"`, `"2.0"`, 1)), "this quorate reads 1.x"},
		"printed":        {string(printed), "it was printed by `quorate plan --output json`"},
		"edited":         {strings.Replace(string(file), "db:B", "db:C", 1), "its checksum does not match"},
		"cut off":        {string(file[:len(file)/2]), "it is no plan"},
		"appended":       {string(file) + "{}", "something follows"},
		"foreign JSON":   {`{"kind": "ConfigMap"}`, "it names no deployment"},
		"a list":         {`[]`, "it is no plan"},
		"YAML":           {"apiVersion: v1\n", "it is no plan"},
		"empty":          {"", "it is no plan"},
		"no checksum":    {strings.Replace(string(file), `"checksum": "sha256:`, `"checksum": "md5:`, 1), "is none"},
		"an unknown act": {reseal(strings.Replace(string(file), `"kind": "apply"`, `"kind": "explode"`, 1)), "unknown kind"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := planner.DecodeSaved([]byte(test.file))
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// reseal gives an edited file a checksum that matches, as a program with bad intent would.
func reseal(file string) string {
	at := strings.LastIndex(file, `"checksum": "`) + len(`"checksum": "`)
	end := at + strings.Index(file[at:], `"`)
	sum := sha256.Sum256([]byte(file[:at] + file[end:]))
	return fmt.Sprintf("%ssha256:%s%s", file[:at], hex.EncodeToString(sum[:]), file[end:])
}

// TestSavedKeepsSecrets: of a Secret nothing but its name gets into the file.
func TestSavedKeepsSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, deployment(t, "cockroachdb", three, promised), "A")
	in := w.input()
	secret := object("v1", "Secret", "bank", "keys", nil)
	secret["stringData"] = map[string]any{"password": "hunter2"}
	in.Desired["use1"] = append(in.Desired["use1"], secret)
	with, err := planner.EncodeSaved(planner.Save(planner.Build(in), in))
	if err != nil {
		t.Fatal(err)
	}
	secret["stringData"] = map[string]any{"password": "hunter3"}
	other, err := planner.EncodeSaved(planner.Save(planner.Build(in), in))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(with, other) || bytes.Contains(with, []byte("hunter")) || !bytes.Contains(with, []byte(`"name": "keys"`)) {
		t.Errorf("a saved plan depends on the value of a Secret, or lacks its name")
	}
}

// FuzzDecodeSaved: what is accepted can be written and read again, the same.
func FuzzDecodeSaved(f *testing.F) {
	f.Add([]byte(reseal(`{"format_version": "1.1", "deployment": "bank", "steps": [], "basis": {"topology": {"a": 1.50}, "clusters": null}, "checksum": ""}`)))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := planner.DecodeSaved(data)
		if err != nil {
			return
		}
		first, err := planner.EncodeSaved(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := planner.DecodeSaved(first)
		if err != nil {
			t.Fatalf("%v\n%s", err, first)
		}
		second, err := planner.EncodeSaved(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s\nbecame (%v)\n%s", first, err, second)
		}
	})
}
