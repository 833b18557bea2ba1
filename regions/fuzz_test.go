package regions

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// FuzzParse shows that Parse never panics, is deterministic, reports in the order of the file with
// documented codes, and that what it calls valid can be counted with.
func FuzzParse(f *testing.F) {
	for _, dir := range []string{"good", "bad"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.yaml"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no seeds in %s: %v", dir, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Add([]byte("a: &a [*a]\nspec: *a\n"))
	f.Add([]byte("spec: {regions: &r [{clusters: *r}]}\n"))
	f.Add([]byte("? [a]\n: b\n"))
	codes := map[string]bool{}
	for _, doc := range Codes() {
		codes[doc.Code] = true
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		topology, problems := Parse(data, "topology.yaml")
		again, problemsAgain := Parse(slices.Clone(data), "topology.yaml")
		if !reflect.DeepEqual(topology, again) || !reflect.DeepEqual(problems, problemsAgain) {
			t.Fatal("two readings differ")
		}
		if !slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Line - b.Line }) {
			t.Fatalf("not in the order of the file:\n%v", problems)
		}
		for _, p := range problems {
			if !codes[p.Code] || p.Line < 1 || p.Message == "" {
				t.Fatalf("incomplete: %#v", p)
			}
		}
		if topology == nil && len(problems.Errors()) == 0 {
			t.Fatal("neither a topology nor an error")
		}
		if len(problems.Errors()) == 0 {
			usable(t, topology)
		}
	})
}

// usable checks what every valid topology keeps.
func usable(t *testing.T, topology *Topology) {
	s := topology.Spec
	if n := len(topology.Replicas()); n < 1 || n > maxTotalReplicas || len(Slots(topology, nil)) != seedSlots {
		t.Fatalf("%d replicas", n)
	}
	if s.Survive.Failure != FailureNone && !DeclaredLayout(topology).Exposure(nil).Survives[s.Survive.Failure] {
		t.Fatalf("promises %s and does not keep it", s.Survive.Failure)
	}
	if s.Survive.WhileUpdating != FailureNone && !DeclaredLayout(topology).WorstExposure(s.Rollout.MaxUnavailable).Survives[s.Survive.WhileUpdating] {
		t.Fatalf("promises %s while updating and does not keep it", s.Survive.WhileUpdating)
	}
	if s.DNS.TTLDuration() <= 0 || s.Rollout.TimeoutDuration() <= 0 || len(s.Rollout.Order) != len(s.Regions) {
		t.Fatalf("defaults are missing: %+v", s)
	}
	if _, err := json.Marshal(topology); err != nil {
		t.Fatal(err)
	}
	canonical, err := Canonical(topology)
	if err != nil {
		t.Fatal(err)
	}
	again, problems := Parse(canonical, "canonical.yaml")
	if len(problems.Errors()) > 0 || again == nil {
		t.Fatalf("the canonical form is refused: %v\n%s", problems, canonical)
	}
	second, err := Canonical(again)
	if err != nil || !bytes.Equal(canonical, second) {
		t.Fatalf("the canonical form of the canonical form differs: %v\n%s\n%s", err, canonical, second)
	}
}
