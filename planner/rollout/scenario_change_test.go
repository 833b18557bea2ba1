package rollout_test

import (
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner/rollout"
)

// A replica that goes down elsewhere is waited for before another one is added.
func TestScaleOutWaitsForWhoIsDown(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		more := want(imageOne)
		more.replicas = map[string]int{"east": 5, "west": 3, "north": 3}
		c := f.prepare(more, "scale")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && e.Step == "east/scale/bank-3/soak" {
				f.byHand("north", 1)
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(more)
	})
}

// A set made smaller by hand after the plan is not grown by several at once.
func TestSetMadeSmallerByHand(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		more := want(imageOne)
		more.replicas = map[string]int{"east": 4, "west": 3, "north": 3}
		more.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil }
		c := f.prepare(more, "scale")
		f.do(func() { f.clusters["east"].sets["bank"].write(func(n *spec) { n.replicas = 2 }) })
		time.Sleep(time.Minute)
		stopped(t, c.execute(), "several at once", "plan again")
	})
}

// A pod that goes while the initialisation is about to begin is waited for.
func TestReplicaLostBeforeInitialisation(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		w := want(imageOne)
		c := f.prepare(w, "install")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "init" {
				f.byHand("east", 1)
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(w)
	})
}

// A plan that would initialise, made before another run did, finds its record.
func TestInitialisationByAnotherRun(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		w := want(imageOne)
		c := f.prepare(w, "killed")
		c.fault = func(op string, _ int) fault {
			if op == "exec" {
				return crashBefore
			}
			return fine
		}
		_ = c.execute()
		late := f.prepare(w, "late")
		f.mustApply(w, "again")
		stopped(t, late.execute(), databaseID, "founded a second time")
		f.settled(w)
	})
}

// A replica that an earlier run let go and that is still starting is no reason to
// skip its step.
func TestReplicaStillStartingIsNotSkipped(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		opts := defaults()
		opts.seed, opts.startTime, opts.controllerLag = seed, 90*time.Second, 5*time.Millisecond
		simulate(t, opts, func(f *fleet) {
			installed(f)
			two := want(imageTwo)
			two.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil } // which would wait for it
			first, late := f.prepare(two, "first"), f.prepare(two, "late")
			first.on = func(e rollout.Event) {
				if e.Type == rollout.EventStepWait && strings.Contains(e.Message, "west/bank-2: pod is running, not ready") {
					_ = first.crash()
				}
			}
			_ = first.execute()
			f.do(func() { // somebody frees the Leases, so that nothing is waited for
				for _, c := range f.clusters {
					c.lease = lease{}
				}
			})
			if err := late.execute(); err != nil {
				t.Fatal(account(err))
			}
			f.settled(two)
		})
	}
}

// Two records of different databases are nobody's to choose between.
func TestTwoDatabasesOnRecord(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		f.do(func() { f.clusters["east"].record.Database.ClusterID = "another" })
		stopped(t, f.apply(want(imageTwo), "update"), "another", databaseID)
		if got := f.tookDown(); len(got) != 0 {
			t.Errorf("taken down: %v", got)
		}
	})
}

// A context that reaches another cluster than the one on record changes nothing there.
func TestAnotherClusterThanRecorded(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		c := f.prepare(want(imageTwo), "update")
		f.do(func() { f.clusters["east"].record.Clusters["west"] = "uid-elsewhere" })
		stopped(t, c.execute(), "uid-elsewhere", "context")
		if got := f.tookDown(); len(got) != 0 {
			t.Errorf("taken down: %v", got)
		}
	})
}

// A hold that was planned for fewer replicas holds them all.
func TestHoldAfterTheSetGrew(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		c := f.prepare(want(imageTwo), "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/rest/bank" {
				s := f.clusters["west"].sets["bank"]
				s.write(func(n *spec) { n.replicas = 4 })
				f.lastHand = time.Now() // somebody grew it by hand
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		if now := f.clusters["west"].sets["bank"].spec; now.partition < now.replicas {
			t.Errorf("partition %d with %d replicas", now.partition, now.replicas)
		}
	})
}

// A replica that breaks just before its step is mended by it; a set with pod
// management OrderedReady would never replace it by itself.
func TestReplicaBreaksBeforeItsStep(t *testing.T) {
	t.Parallel()
	for _, ordered := range []bool{false, true} {
		opts := defaults()
		opts.ordered, opts.selfReady = ordered, true
		simulate(t, opts, func(f *fleet) {
			noHooks := func(p *kustomize.Profile) { p.Hooks.Init, p.Hooks.Gate, p.Hooks.ClusterID = nil, nil, nil }
			one, two := want(imageOne), want(imageTwo)
			one.profile, two.profile = noHooks, noHooks
			f.mustApply(one, "install")
			f.database.initialised = true // from here on the rules hold
			c := f.prepare(two, "update")
			c.on = func(e rollout.Event) {
				if e.Type == rollout.EventStepDone && e.Step == "west/partition/bank-2/soak" {
					p := f.clusters["west"].pods["bank-1"]
					p.ready, p.waiting, f.lastHand = false, "CreateContainerError", time.Now()
					p.touch()
				}
			}
			if err := c.execute(); err != nil {
				t.Fatal(account(err))
			}
		})
	}
}
