package planner_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

var update = flag.Bool("update", false, "write the plans under testdata anew")

const (
	three   = "us: use1*3; west: usw1*3; eu: euw1*3"
	smaller = "home: h1*3"
)

// promised is the usual CockroachDB promise: five voters over three regions.
const promised = "survive: {failure: region, voters: 5, whileUpdating: zone}"

// installed is a world whose database runs template A everywhere, at rest.
func installed(f fataler, t *regions.Topology) *world {
	f.Helper()
	w := newWorld(f, t, "A")
	w.run(w.build())
	return w
}

// crashed is a world whose first installation ended after the given step.
func crashed(f fataler, t *regions.Topology, step string) *world {
	f.Helper()
	w := newWorld(f, t, "A")
	p := w.build()
	for i, s := range p.Steps {
		if s.ID == step {
			w.runFirst(p, i+1)
			return w
		}
	}
	f.Fatalf("the plan has no step %s", step)
	return nil
}

// change edits a world, in the middle of a scenario's line.
func (w *world) change(edit func(*world)) *world {
	edit(w)
	return w
}

// scenarios make worlds, by the name of the plan's golden file. None is refused.
func scenarios(t *testing.T) map[string]func() *world {
	t.Helper()
	usual := func() *regions.Topology { return deployment(t, "cockroachdb", three, promised) }
	to := func(image string) func(*world) { return func(w *world) { w.image = image } }
	all := map[string]func() *world{
		"install":               func() *world { return newWorld(t, usual(), "A") },
		"install-shared-region": func() *world { return newWorld(t, deployment(t, "cockroachdb", "us: use1*2 use2*2; eu: euw1*2"), "A") },
		"install-after-namespaces": func() *world {
			return crashed(t, usual(), "euw1/namespace").change(func(w *world) { clear(w.clusters["euw1"].objects) })
		},
		"install-after-objects":      func() *world { return crashed(t, usual(), "euw1/apply") },
		"install-after-first-region": func() *world { return crashed(t, usual(), "use1/names") },
		"install-before-init":        func() *world { return crashed(t, usual(), "euw1/names") },
		"install-corrected":          func() *world { return crashed(t, usual(), "usw1/names").change(to("B")) },
		"install-init-unrecorded": func() *world {
			return crashed(t, usual(), "init").change(func(w *world) {
				for _, k := range w.clusters {
					k.state.Record.Database.ClusterID = ""
					k.state.Record.Database.IntentReplica = "use1/bank-0"
				}
			})
		},
		"unchanged":       func() *world { return installed(t, usual()) },
		"update":          func() *world { return installed(t, usual()).change(to("B")) },
		"update-resumed":  func() *world { return halfway(t, usual()).change(to("B")) },
		"update-reverted": func() *world { return halfway(t, usual()) },
		"update-unseen": func() *world {
			return installed(t, usual()).change(to("B")).change(func(w *world) {
				for _, pool := range []string{"use1/bank", "usw1/bank", "euw1/bank"} {
					w.put(pool, "template=B unseen=A")
				}
			})
		},
		"repair-canary": func() *world {
			return installed(t, usual()).change(to("C")).change(func(w *world) {
				w.put("use1/bank", "template=Z partition=2 pods=A,A,Z!")
			})
		},
		"repair-middle": func() *world {
			return installed(t, usual()).change(to("C")).change(func(w *world) {
				w.put("use1/bank", "template=Z partition=1 pods=A,Z!,A")
			})
		},
		"repair-other-down": func() *world {
			return installed(t, usual()).change(to("B")).change(func(w *world) { w.put("usw1/bank", "pods=A,A~,A") })
		},
		"repair-recreated": func() *world {
			return installed(t, usual()).change(func(w *world) { delete(w.clusters["euw1"].sets, "bank"); w.leaveVolumes("euw1", 3) })
		},
		"scale-out": func() *world { return installed(t, usual()).change(grown(t, "us: use1*4; west: usw1*3; eu: euw1*4")) },
		"scale-out-update": func() *world {
			return installed(t, usual()).change(grown(t, "us: use1*4; west: usw1*3; eu: euw1*3")).change(to("B"))
		},
		"region-added":     func() *world { return installed(t, usual()).change(grown(t, three+"; asia: as1*3")) },
		"take-over":        func() *world { return installed(t, usual()).change(byHand) },
		"take-over-update": func() *world { return installed(t, usual()).change(byHand).change(to("B")) },
		"rolled-by-hand": func() *world {
			return installed(t, usual()).change(to("B")).change(func(w *world) {
				w.put("use1/bank", "template=B partition=0 pods=A,A,B~ managers=kubectl")
			})
		},
		"fell-out": func() *world {
			return installed(t, usual()).change(func(w *world) {
				w.settings = []string{"tuning"}
				w.run(w.build())
				w.settings = nil
			})
		},
	}
	addGeneric(t, all, to)
	return all
}

// halfway is an update to B that stopped after two replicas of the first cluster.
func halfway(t *testing.T, topology *regions.Topology) *world {
	t.Helper()
	w := installed(t, topology)
	w.put("use1/bank", "template=B partition=1 pods=A,B,B")
	w.put("usw1/bank", "template=B")
	w.put("euw1/bank", "template=B")
	return w
}

func addGeneric(t *testing.T, all map[string]func() *world, to func(string) func(*world)) {
	t.Helper()
	streams := func() *regions.Topology {
		return deployment(t, "generic", "us: use1=broker:2,controller:1; eu: euw1=broker:2,controller:1")
	}
	all["generic-install"] = func() *world { return newWorld(t, streams(), "A") }
	all["generic-update"] = func() *world { return installed(t, streams()).change(to("B")) }
	all["generic-repair-ordered"] = func() *world {
		return installed(t, deployment(t, "generic", smaller)).change(to("C")).change(func(w *world) {
			w.put("h1/bank", "template=Z partition=1 pods=A,A!,Z!")
		})
	}
}

// grown edits the topology's clusters.
func grown(t *testing.T, text string) func(*world) {
	return func(w *world) {
		w.topology = deployment(t, "cockroachdb", text, promised)
		w.addClusters()
	}
}

// byHand makes it look as if kubectl apply -k had installed everything.
func byHand(w *world) {
	for name, k := range w.clusters {
		k.state.Record, k.shared = regions.Record{}, []string{"kubectl"}
		for pool := range k.sets {
			w.put(name+"/"+pool, "partition=0 managers=kubectl")
		}
	}
}

// leaveVolumes is what a deleted StatefulSet leaves behind.
func (w *world) leaveVolumes(cluster string, n int) {
	k := w.clusters[cluster]
	for i := range n {
		k.state.Claims = append(k.state.Claims, regions.ClaimState{Name: fmt.Sprintf("data-bank-%d", i), Phase: "Bound"})
	}
}

func TestPlans(t *testing.T) {
	for name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			w := scenarios(t)[name]()
			p := w.build()
			golden(t, name, text(p))
			checkPlan(t, p)
			w.run(p)
			if again := w.build(); !again.Empty() {
				t.Errorf("after the run there is more to do:\n%s", text(again))
			}
		})
	}
}

// TestResume crashes each plan's run after each of its steps, once with the replicas
// of the last step back and once before they are: a new plan goes on to the end.
func TestResume(t *testing.T) {
	for name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			w := scenarios(t)[name]()
			p := w.build()
			for _, s := range p.Steps {
				w.step(p, s)
				goOn(t, w.clone(), s.ID)
				if s.Disruptive() {
					crashed := w.clone()
					crashed.takeDown(s.Disrupts)
					goOn(t, crashed, s.ID)
				}
			}
		})
	}
}

func goOn(t *testing.T, w *world, crashedIn string) {
	t.Helper()
	rest := w.build()
	checkPlan(t, rest)
	w.run(rest)
	if again := w.build(); !again.Empty() {
		t.Fatalf("after a crash in %s and a second run there is more to do:\n%s", crashedIn, text(again))
	}
}

// takeDown makes it the moment before the replicas' new pods are ready.
func (w *world) takeDown(ids []regions.ReplicaID) {
	for _, id := range ids {
		w.clusters[id.Cluster].sets[id.Pool].pods[id.Ordinal].up = false
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", "plans", name+".txt")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	have, wanted := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(have), len(wanted)) {
		if have[i] != wanted[i] {
			t.Fatalf("plan %s has changed (go test -update writes it anew), first in line %d:\n%s\nwant:\n%s", name, i+1, have[i], wanted[i])
		}
	}
	if len(have) != len(wanted) {
		t.Fatalf("plan %s has %d lines, want %d (go test -update writes it anew)", name, len(have), len(wanted))
	}
}

// text is a plan on a few lines.
func text(p *planner.Plan) string {
	var b strings.Builder
	for _, s := range p.Steps {
		fmt.Fprintf(&b, "%s (%s)", s.ID, s.Kind)
		if len(s.Needs) > 0 {
			fmt.Fprintf(&b, " after %s", strings.Join(s.Needs, " "))
		}
		if s.Disruptive() {
			fmt.Fprintf(&b, " disrupts %v, %s", s.Disrupts, s.Exposure)
		}
		fmt.Fprintf(&b, "\n    %s", s.Summary)
		if s.Why != "" {
			fmt.Fprintf(&b, ": %s", s.Why)
		}
		b.WriteString("\n")
	}
	for _, o := range p.Objects {
		fmt.Fprintf(&b, "%s %s in %s %s\n", o.Action, o.Object, o.Cluster, o.Note)
		for _, f := range o.Fields {
			fmt.Fprintf(&b, "    %s\n", f)
		}
	}
	for _, c := range p.DNS.Changes {
		fmt.Fprintf(&b, "%s %s %s\n", c.Action, c.Type, c.Name)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(&b, "refused, %s: %s %s\n    %s\n    %s\n", r.Code, r.Cluster, r.Step, r.Message, r.Hint)
	}
	fmt.Fprintf(&b, "promise: %s, while updating %s, in force %v, %s; at rest %s\n",
		p.Promise.Failure, p.Promise.WhileUpdating, p.Promise.InForce, p.Promise.Basis, p.Promise.AtRest)
	fmt.Fprintf(&b, "%+v\n", p.Summary)
	return b.String()
}
