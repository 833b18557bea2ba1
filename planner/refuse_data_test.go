package planner_test

import (
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// TestRefusedShrinking: an edit of the file never takes a replica away, whatever was done to
// its StatefulSet by hand before.
func TestRefusedShrinking(t *testing.T) {
	smallerEast := func(replicas string) func(*world) {
		return func(w *world) {
			w.topology = deployment(w, "generic", "us: use1*"+replicas+"; west: usw1*3; eu: euw1*3")
		}
	}
	tests := map[string]struct {
		edit func(*world)
		says []string
		note string
	}{
		"scaled by hand, then the file": {
			func(w *world) {
				w.put("use1/bank", "replicas=2 pods=A,A managers=kubectl")
				smallerEast("2")(w)
			},
			[]string{"volumes of 3 replicas of bank exist and the topology says 2", "put 3 back", "data-bank-2"},
			"someone made it smaller (replicas is owned by kubectl)",
		},
		"set deleted, then the file": {
			func(w *world) {
				delete(w.clusters["use1"].sets, "bank")
				w.leaveVolumes("use1", 3)
				smallerEast("1")(w)
			},
			[]string{"volumes of 3 replicas", "says 1", "data-bank-1, data-bank-2"},
			"StatefulSet bank is gone, and volumes of 3 replicas exist",
		},
		"a volume far above": {
			func(w *world) {
				w.clusters["use1"].state.Claims = []regions.ClaimState{{Name: "data-bank-6", Phase: "Lost"}}
			},
			[]string{"volumes of 7 replicas", "delete its volume claims: data-bank-6"},
			"has 3 replicas and volumes of 7 exist",
		},
		"scaled out by hand": {
			func(w *world) { w.put("use1/bank", "replicas=4 pods=A,A,A,A managers=kubectl") },
			[]string{"StatefulSet bank was given 4 replicas by hand (replicas is owned by kubectl), and the topology says 3", "write `replicas: 4` for use1 in the topology and apply", "--replicas=3, and then delete their volume claims (data-bank-3)"},
			"",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := installed(t, deployment(t, "generic", three))
			test.edit(w)
			p := w.build()
			checkEncoding(t, p)
			if got := refused(p); !slices.Equal(got, []string{"scale-in"}) {
				t.Fatalf("refused with %v:\n%s", got, text(p))
			}
			for _, part := range test.says {
				if !strings.Contains(p.Refusals[0].Message+" "+p.Refusals[0].Hint, part) {
					t.Errorf("it does not say %q: %s", part, p.Refusals[0])
				}
			}
			if !noted(p, test.note) {
				t.Errorf("no note says %q: %q", test.note, p.Notes)
			}
		})
	}
}

func noted(p *planner.Plan, part string) bool {
	return part == "" || slices.ContainsFunc(p.Notes, func(n string) bool { return strings.Contains(n, part) })
}

// TestLongerPoolName: volumes of pool big-bank say nothing of pool bank.
func TestLongerPoolName(t *testing.T) {
	w := installed(t, deployment(t, "generic", "us: use1=bank:1,big-bank:3; eu: euw1=bank:1,big-bank:3"))
	if p := w.build(); !p.Empty() || len(p.Notes) > 0 {
		t.Errorf("more to do:\n%s", text(p))
	}
	delete(w.clusters["use1"].sets, "big-bank")
	for _, claim := range []string{"data-big-bank-0", "data-big-bank-1", "data-big-bank-2"} {
		w.clusters["use1"].state.Claims = append(w.clusters["use1"].state.Claims, regions.ClaimState{Name: claim, Phase: "Bound"})
	}
	p := w.build()
	if len(p.Refusals) > 0 || !noted(p, "StatefulSet big-bank is gone, and volumes of 3 replicas exist") || len(p.Notes) != 1 {
		t.Errorf("refusals %v, notes %q", p.Refusals, p.Notes)
	}
}

// wipe is a cluster that lost everything, and is itself still.
func wipe(cluster string) func(*world) {
	return func(w *world) {
		k := w.clusters[cluster]
		k.state.Record, k.sets, k.objects = regions.Record{}, map[string]*set{}, map[regions.ObjectRef]map[string]any{}
	}
}

// TestEmptiedRegion: what a region lost comes back before anything healthy moves, and is down until then.
func TestEmptiedRegion(t *testing.T) {
	w := installed(t, deployment(t, "cockroachdb", three, promised)).change(wipe("euw1")).change(to("B"))
	p := w.build()
	if len(p.Refusals) > 0 || !noted(p, "euw1 held replicas before and is empty now") {
		t.Fatalf("refusals %v, notes %q", p.Refusals, p.Notes)
	}
	var moved []string
	for _, s := range p.Steps {
		if s.Kind == planner.KindScale || s.Disruptive() {
			moved = append(moved, s.ID)
		}
	}
	if want := []string{"euw1/scale/bank-0", "euw1/scale/bank-1", "euw1/scale/bank-2", "use1/partition/bank-2"}; len(moved) != 9 || !slices.Equal(moved[:4], want) {
		t.Errorf("replicas move in the order %v", moved)
	}
	if e := p.Promise.AtRest; !e.Survives[regions.FailureRegion] {
		t.Errorf("at rest, with all of them up: %s", e)
	}
	w.run(p)
}

// TestEmptiedUnlikeNew: no record knows a region that was added just now.
func TestEmptiedUnlikeNew(t *testing.T) {
	w := installed(t, deployment(t, "cockroachdb", three, promised)).change(grown(t, three+"; asia: as1*3"))
	if p := w.build(); noted(p, "is empty now") {
		t.Errorf("notes %q", p.Notes)
	}
}

// begun is an installation that died with the intent to initialise on record.
func begun(t *testing.T) *world {
	return crashed(t, deployment(t, "cockroachdb", three, promised), "euw1/names").change(func(w *world) {
		w.clusters["usw1"].state.Record.Database.IntentRun = "run-7"
		w.clusters["usw1"].state.Record.Database.IntentReplica = "use1/bank-0"
	})
}

// TestUnfinishedInit: volumes that may hold a database are no empty ones, so their pods are
// not replaced together.
func TestUnfinishedInit(t *testing.T) {
	p := begun(t).change(to("B")).build()
	checkEncoding(t, p)
	if got := refused(p); !slices.Equal(got, []string{"init-unfinished"}) || len(p.Refusals) != 3 {
		t.Fatalf("refused with %v:\n%s", got, text(p))
	}
	for _, part := range []string{`run "run-7"`, "use1/bank-0", "put the former template back", "database.json of ConfigMap quorate-bank"} {
		if !strings.Contains(p.Refusals[0].Message+" "+p.Refusals[0].Hint, part) {
			t.Errorf("it does not say %q: %s", part, p.Refusals[0])
		}
	}
	for _, s := range p.Steps {
		if s.Kind == planner.KindReplace {
			t.Errorf("step %s replaces %v", s.ID, s.Disrupts)
		}
	}
	w := begun(t) // with its own template it goes on
	w.run(w.build())
	if again := w.build(); !again.Empty() {
		t.Errorf("more to do:\n%s", text(again))
	}
}

// TestVersionNotRead: a version that cannot be read proves nothing.
func TestVersionNotRead(t *testing.T) {
	for version, want := range map[string]bool{"": true, "1.37.2": true, "v1.x": true, "v1.35.0-gke.100": false, "v1.37.2+k3s1": false} {
		w := installed(t, deployment(t, "cockroachdb", three, promised))
		w.clusters["use1"].state.ServerVersion = version
		p := w.build()
		if noted(p, "could not be read; make sure that it is Kubernetes v1.35 or newer") != want || len(p.Refusals) > 0 {
			t.Errorf("version %q: notes %q, refusals %v", version, p.Notes, p.Refusals)
		}
	}
}

// TestNotLooked: what could not be looked at is said, and stands in the way of the first
// installation alone.
func TestNotLooked(t *testing.T) {
	blinkered := func(w *world) {
		w.clusters["use1"].state.NotLooked = []string{"nodes", regions.NotLookedElsewhere}
	}
	topology := deployment(t, "cockroachdb", three, promised)
	p := installed(t, topology).change(blinkered).build()
	if len(p.Refusals) > 0 || !noted(p, "use1: could not look at nodes") || !noted(p, "use1: could not look at records in other namespaces") {
		t.Errorf("installed: refusals %v, notes %q", p.Refusals, p.Notes)
	}
	for _, profile := range []string{"cockroachdb", "generic"} {
		p = newWorld(t, deployment(t, profile, three), "A").change(blinkered).build()
		if got := refused(p); !slices.Equal(got, []string{"cannot-look-elsewhere"}) || p.Refusals[0].Cluster != "use1" {
			t.Errorf("%s, not installed: refused with %v", profile, got)
		}
	}
	if p := crashed(t, topology, "euw1/names").change(blinkered).build(); len(p.Refusals) > 0 {
		t.Errorf("on record in this namespace already: %v", p.Refusals)
	}
	p = newWorld(t, topology, "A").change(func(w *world) { w.clusters["use1"].state.NotLooked = []string{"nodes"} }).build()
	if len(p.Refusals) > 0 {
		t.Errorf("nodes do not matter to it: %v", p.Refusals)
	}
}

// TestWrongClusters needs neither a profile nor objects, and no order of the states.
func TestWrongClusters(t *testing.T) {
	topology := deployment(t, "generic", three)
	record := func(pins map[string]string) regions.Record { return regions.Record{Exists: true, Clusters: pins} }
	states := []regions.ClusterState{
		{Cluster: "euw1", UID: "eu", Record: record(map[string]string{"use1": "us", "usw1": "west", "euw1": "eu"})},
		{Cluster: "usw1", UID: "eu"},
		{Cluster: "use1", UID: "us"},
	}
	got := planner.WrongClusters(topology, states)
	if len(got) != 1 || got[0].Cluster != "usw1" || got[0].Code != "wrong-cluster" || !strings.Contains(got[0].Message, "recorded (in euw1) with UID west") {
		t.Errorf("wrong are %v", got)
	}
	states[0].Record = regions.Record{}
	if got := planner.WrongClusters(topology, states); len(got) != 1 || !strings.Contains(got[0].Message, `contexts "usw1" and "euw1" reach the same cluster`) {
		t.Errorf("wrong are %v", got)
	}
	if got := planner.WrongClusters(topology, states[1:]); len(got) > 0 {
		t.Errorf("wrong are %v", got)
	}
}
