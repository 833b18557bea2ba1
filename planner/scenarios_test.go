package planner_test

import (
	"fmt"
	"maps"
	"testing"

	"quorate.dev/quorate/regions"
)

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
	}
	addUpdates(t, all)
	addRepairs(t, all)
	addGeneric(t, all)
	addCorners(t, all)
	addAuthority(t, all)
	addStatic(t, all)
	addPerZone(t, all)
	return all
}

// to wants another template.
func to(image string) func(*world) { return func(w *world) { w.image = image } }

// addUpdates adds a database that is changed by the book.
func addUpdates(t *testing.T, all map[string]func() *world) {
	t.Helper()
	usual := func() *regions.Topology { return deployment(t, "cockroachdb", three, promised) }
	maps.Copy(all, map[string]func() *world{
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
		"scale-out": func() *world { return installed(t, usual()).change(grown(t, "us: use1*4; west: usw1*3; eu: euw1*4")) },
		"scale-out-update": func() *world {
			return installed(t, usual()).change(grown(t, "us: use1*4; west: usw1*3; eu: euw1*3")).change(to("B"))
		},
		"region-added": func() *world { return installed(t, usual()).change(grown(t, three+"; asia: as1*3")) },
		"fell-out": func() *world {
			return installed(t, usual()).change(func(w *world) {
				w.settings = []string{"tuning"}
				w.run(w.build())
				w.settings = nil
			})
		},
	})
}

// addRepairs adds a database of which something is down, or was led by hand.
func addRepairs(t *testing.T, all map[string]func() *world) {
	t.Helper()
	usual := func() *regions.Topology { return deployment(t, "cockroachdb", three, promised) }
	maps.Copy(all, map[string]func() *world{
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
		"repair-emptied-update": func() *world { return installed(t, usual()).change(wipe("euw1")).change(to("B")) },
		"take-over":             func() *world { return installed(t, usual()).change(byHand) },
		"take-over-update":      func() *world { return installed(t, usual()).change(byHand).change(to("B")) },
		"rolled-by-hand": func() *world {
			return installed(t, usual()).change(to("B")).change(func(w *world) {
				w.put("use1/bank", "template=B partition=0 pods=A,A,B~ managers=kubectl")
			})
		},
	})
}

// addCorners adds what comes of two things at once.
func addCorners(t *testing.T, all map[string]func() *world) {
	t.Helper()
	usual := func() *world { return installed(t, deployment(t, "cockroachdb", three, promised)) }
	// A new pod must not be born at the wrong template that the others are replaced for.
	all["install-corrected-grown"] = func() *world {
		w := crashed(t, deployment(t, "cockroachdb", three, promised), "usw1/names").change(to("B"))
		return w.change(grown(t, "us: use1*4; west: usw1*3; eu: euw1*3"))
	}
	// Slot 0 is a replica that does not exist yet: to initialise there would found a second database.
	all["take-over-region-added"] = func() *world {
		return usual().change(byHand).change(grown(t, "asia: as1*3; "+three))
	}
	all["take-over-unshared"] = func() *world {
		w := usual().change(byHand)
		for _, k := range w.clusters {
			k.shared = nil
		}
		return w
	}
	// The pod that goes comes back at its former template, since the partition is raised.
	all["rolled-by-hand-going"] = func() *world {
		w := usual().change(to("B"))
		w.put("use1/bank", "template=B partition=0 pods=A,A,B- managers=kubectl")
		return w
	}
	// The gate after the last replica never opened, and everything is as wanted.
	all["unverified"] = func() *world {
		return usual().change(func(w *world) { w.clusters["usw1"].state.Record.Database.Unverified = "20261105T040302Z-abcdef" })
	}
	all["scale-out-slots"] = func() *world {
		w := installed(t, deployment(t, "cockroachdb", smaller))
		return w.change(func(w *world) { w.topology = deployment(t, "cockroachdb", "home: h1*5") })
	}
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

func addGeneric(t *testing.T, all map[string]func() *world) {
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
		promise := promised
		if w.topology.DeclaresMembers() {
			promise = staticPlan
		}
		w.topology = deployment(t, w.topology.Spec.Profile, text, promise)
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
