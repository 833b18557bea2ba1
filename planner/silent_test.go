package planner_test

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
)

// TestSilentCluster: a cluster that does not answer is named, the others are
// shown, and nothing that its silence makes unsafe is planned as if it were safe.
func TestSilentCluster(t *testing.T) {
	t.Parallel()
	for name := range scenarios(t) {
		for _, silent := range []string{"first", "last"} {
			t.Run(name+"/"+silent, func(t *testing.T) {
				w := scenarios(t)[name]()
				clusters := w.topology.OrderedClusters()
				gone := clusters[0].Name
				if silent == "last" {
					gone = clusters[len(clusters)-1].Name
				}
				w.clusters[gone].unreachable = "dial tcp: i/o timeout"
				p := w.build()
				checkPlan(t, p)
				checkSilence(t, p, gone)
			})
		}
	}
}

func checkSilence(t *testing.T, p *planner.Plan, gone string) {
	t.Helper()
	if got := p.Unreachable(); !slices.Equal(got, []string{gone}) {
		t.Fatalf("unreachable: %v", got)
	}
	if !slices.ContainsFunc(p.Notes, func(n string) bool { return strings.HasPrefix(n, gone+" does not answer") }) {
		t.Errorf("no note names %s: %v", gone, p.Notes)
	}
	if !p.Promise.InForce {
		t.Error("nothing is promised, though a cluster that nobody could ask may hold data")
	}
	for _, s := range p.Steps {
		switch {
		case s.Cluster == gone:
			t.Errorf("step %s is planned in the silent cluster", s.ID)
		case s.Kind == planner.KindInit:
			t.Errorf("step %s is planned while a cluster may hold a database", s.ID)
		case s.Disruptive() && s.Exposure.Survives["region"]:
			t.Errorf("step %s counts on the silent cluster: %s", s.ID, s.Exposure)
		}
	}
	for _, o := range p.Objects {
		if o.Cluster == gone {
			t.Errorf("%s of the silent cluster is compared", o.Object)
		}
	}
}

// TestSilentUpdate: with a region gone no replica of another may be updated, and
// the plan says so.
func TestSilentUpdate(t *testing.T) {
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.image = "B"
	w.clusters["euw1"].unreachable = "dial tcp: i/o timeout"
	p := w.build()
	if got := refused(p); !slices.Equal(got, []string{"breaks-promise"}) || len(p.Refusals) != 6 {
		t.Fatalf("refused with %v:\n%s", got, text(p))
	}
	if !strings.Contains(p.Refusals[0].Message, "the replicas of euw1 count as down") {
		t.Errorf("the refusal does not say why: %s", p.Refusals[0].Message)
	}
}

// TestNotObserved: a cluster without an observation is silent, not empty.
func TestNotObserved(t *testing.T) {
	in := installed(t, deployment(t, "cockroachdb", three, promised)).input()
	in.Observed = in.Observed[:2]
	p := planner.Build(in)
	if got := p.Unreachable(); !slices.Equal(got, []string{"euw1"}) || len(p.Steps) > 0 {
		t.Errorf("unreachable %v, steps:\n%s", got, text(p))
	}
}

// TestOffline plans an installation from nothing, whatever is observed.
func TestOffline(t *testing.T) {
	w := newWorld(t, deployment(t, "cockroachdb", three, promised), "A")
	fresh := text(w.build())
	w.run(w.build())
	in := w.input()
	in.Offline = true
	p := planner.Build(in)
	if got := text(p); got != fresh {
		t.Errorf("offline plan:\n%s\nwant that of an installation:\n%s", got, fresh)
	}
	checkPlan(t, p)
}

// TestOrderOfObservations: who answered first does not matter.
func TestOrderOfObservations(t *testing.T) {
	for name := range scenarios(t) {
		in := scenarios(t)[name]().input()
		want := encoded(t, planner.Build(in))
		slices.Reverse(in.Observed)
		if got := encoded(t, planner.Build(in)); got != want {
			t.Errorf("%s: the plan depends on the order of the observations:\n%s\nwas\n%s", name, got, want)
		}
	}
}
