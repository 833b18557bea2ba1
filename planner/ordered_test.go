package planner_test

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// TestOrderedReadyIsNoted where it can keep an installation from ending, once a pool, and not after.
func TestOrderedReadyIsNoted(t *testing.T) {
	tests := map[string]struct {
		profile, layout string
		want            []string // the pools noted
	}{
		"several clusters":        {"generic", "us: use1=db:2,proxy:1; eu: euw1=db:1,proxy:1", []string{"db"}},
		"twice":                   {"generic", "us: use1=db:2; eu: euw1=db:3", []string{"db"}},
		"one cluster":             {"generic", "us: use1=db:3; eu: euw1=db:0", nil},
		"one replica in each":     {"generic", "us: use1=db:1; eu: euw1=db:1", nil},
		"a profile that is right": {"cockroachdb", three, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			topology := deployment(t, test.profile, test.layout)
			for _, c := range []struct {
				plan *planner.Plan
				want []string
			}{{newWorld(t, topology, "A").build(), test.want}, {installed(t, topology).change(to("B")).build(), nil}} {
				var got []string
				for _, n := range c.plan.Notes {
					if strings.Contains(n, "podManagementPolicy: Parallel") {
						got = append(got, strings.Fields(n)[1])
					}
				}
				if !slices.Equal(got, c.want) {
					t.Errorf("noted for %v, want %v: %q", got, c.want, c.plan.Notes)
				}
			}
		})
	}
}

// TestStartNamesThePool where a cluster has several, and passes over one without replicas.
func TestStartNamesThePool(t *testing.T) {
	p := newWorld(t, deployment(t, "generic", "us: use1=db:2,proxy:1; eu: euw1=db:1,proxy:0"), "A").build()
	var got []string
	for _, s := range p.Steps {
		if s.Kind == planner.KindScale {
			got = append(got, s.Summary)
		}
	}
	if want := []string{"start 2 replicas of db in use1", "start 1 replica of proxy in use1", "start 1 replica of db in euw1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestJobHint: the way on from "field is immutable" is to rename the Job.
func TestJobHint(t *testing.T) {
	w := installed(t, deployment(t, "generic", three))
	w.clusters["use1"].edit = func(o *regions.ObjectState) {
		if o.Ref.Kind == "Service" {
			o.Ref.Kind, o.Rejected = "Job", "spec.template: field is immutable"
		}
	}
	if p := w.build(); len(p.Refusals) != 1 || !strings.Contains(p.Refusals[0].Hint, "give the Job another name") {
		t.Errorf("refused: %v", p.Refusals)
	}
}
