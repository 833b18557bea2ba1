package rollout_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

func TestReplicaDeletedByHandMakesItWait(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && strings.HasSuffix(e.Step, "west/partition/bank-2/soak") {
				f.byHand("north", 1)
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
		waited := slices.ContainsFunc(c.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventStepWait && strings.Contains(e.Message, "north/bank-1")
		})
		if !waited {
			t.Errorf("it did not wait for north/bank-1")
		}
	})
}

func TestUnreachableClusterStopsTheRun(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && e.Step == "west/partition/bank-2" {
				f.darken("east", true)
			}
		}
		err := c.execute()
		stopped(t, err, "east", "does not answer")
		if !errors.As(err, &darkError{}) {
			t.Errorf("the error does not carry the cluster's own: %v", err)
		}
		if got := f.tookDown(); len(got) != 1 {
			t.Errorf("taken down: %v", got)
		}
		f.do(func() { f.darken("east", false) })
		time.Sleep(2 * leaseTTL)
		f.mustApply(two, "again")
		f.settled(two)
	})
}

// A short outage is waited out.
func TestShortOutageIsWaitedOut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "east/partition/bank-1" {
				f.darken("north", true)
				f.after(time.Minute, func() { f.darken("north", false) })
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
	})
}

// darken makes a cluster's API server answer no more, or again.
func (f *fleet) darken(name string, dark bool) {
	f.logf("%s dark: %t", name, dark)
	f.lastHand = time.Now()
	f.clusters[name].dark = dark
	f.clusters[name].touch()
}

func TestScaleOut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		more := want(imageOne)
		more.replicas = map[string]int{"east": 4, "west": 5, "north": 3}
		f.mustApply(more, "scale")
		f.settled(more)
	})
}

func TestUpdateAndScaleOutTogether(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		more := want(imageTwo)
		more.replicas = map[string]int{"east": 4, "west": 3, "north": 3}
		f.mustApply(more, "both")
		f.settled(more)
	})
}

func TestUpdateOfTwoAtOnce(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		two.edit = func(topology *regions.Topology) { topology.Spec.Rollout.MaxUnavailable = 2 }
		f.mustApply(two, "update")
		f.settled(two)
	})
}

// A replica that was to be repaired comes back by itself while another one is
// down: it serves again, and is updated only once the database is whole.
func TestRepairThatIsNoneAnyMore(t *testing.T) {
	t.Parallel()
	for seed := range uint64(12) {
		opts := defaults()
		opts.seed, opts.controllerLag, opts.startTime = seed, 3*time.Second, 3*time.Second
		simulate(t, opts, func(f *fleet) {
			installed(f)
			_ = f.apply(want(imageBad), "bad")
			three := want(imageThree)
			c := f.prepare(three, "good")
			c.on = func(e rollout.Event) {
				if e.Type == rollout.EventStepStart && e.Step == "west/apply" {
					f.byHand("west", 2)
					f.byHand("east", 2)
				}
			}
			if err := c.execute(); err != nil {
				t.Fatal(account(err))
			}
			f.settled(three)
		})
	}
}

// byHand deletes a pod as people and nodes do.
func (f *fleet) byHand(cluster string, ordinal int) {
	s := f.clusters[cluster].sets["bank"]
	if p := s.pods[s.podName(ordinal)]; p != nil {
		s.remove(p, "hand")
	}
}

// A set that was applied by other hands, with a partition of nobody, is held and
// taken over before its template changes.
func TestSetOfOtherHandsIsTakenOver(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		installed(f)
		f.do(func() {
			s := f.clusters["east"].sets["bank"]
			s.rolloutOwned = false
			s.write(func(n *spec) { n.partition = 0 })
		})
		two := want(imageTwo)
		f.mustApply(two, "update")
		f.settled(two)
	})
}

// Somebody lowers a partition in another region: its replicas are about to go
// down one after the other, so nothing else is taken down before they are through.
func TestPartitionLoweredByHandElsewhere(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		opts := defaults()
		opts.seed, opts.controllerLag, opts.watchLag = seed, 12*time.Second, 50*time.Millisecond
		simulate(t, opts, func(f *fleet) {
			installed(f)
			f.do(func() { f.worst = 0 })
			two := want(imageTwo)
			two.soak, two.profile = "1s", func(p *kustomize.Profile) { p.Hooks.Gate = nil }
			c := f.prepare(two, "update")
			c.on = func(e rollout.Event) {
				if e.Type == rollout.EventStepDone && e.Step == "west/partition/bank-2/soak" {
					s := f.clusters["north"].sets["bank"]
					s.lastWriter = somebody
					s.write(func(n *spec) { n.partition = 0 })
				}
			}
			if err := c.execute(); err != nil {
				t.Fatal(account(err))
			}
			f.settled(two)
			if f.worst > 1 {
				t.Errorf("%d replicas were down at once", f.worst)
			}
		})
	}
}
