package rollout_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
)

func TestStopAfterTheCurrentStep(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-2" {
				close(c.stop)
			}
		}
		err := c.execute()
		stopped(t, err, "stopped as asked", "run the same command again")
		if !errors.Is(err, rollout.ErrStopped) {
			t.Errorf("the error is %v", err)
		}
		steps := slices.DeleteFunc(slices.Clone(c.events), func(e rollout.Event) bool { return e.Type == rollout.EventHealth || e.Type == rollout.EventRunEnd })
		last := steps[len(steps)-1]
		if last.Type != rollout.EventStepDone || last.Step != "west/partition/bank-2" {
			t.Errorf("the last step was not ended: %+v", last)
		}
		if got := f.tookDown(); len(got) != 1 {
			t.Errorf("taken down: %v", got)
		}
		f.mustApply(two, "again")
		f.settled(two)
	})
}

func TestAbort(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		var aborted time.Time
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-1" {
				aborted = time.Now()
				c.cancel()
			}
		}
		err := c.execute()
		stopped(t, err, "context canceled", "run the same command again")
		if took := time.Since(aborted); took > 5*time.Second {
			t.Errorf("it took %s to abort", took)
		}
		for name, cluster := range f.clusters {
			if cluster.lease.holder != "" {
				t.Errorf("%s is still locked", name)
			}
		}
		f.mustApply(two, "again")
		f.settled(two)
	})
}

func TestSecondRunIsKeptOut(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		first, second := f.prepare(two, "first"), f.prepare(want(imageThree), "second")
		done := make(chan error, 1)
		go func() { done <- first.execute() }()
		time.Sleep(time.Minute)
		began := time.Now()
		err := second.execute()
		var taken takenLease
		if !errors.As(err, &taken) || taken.holder != "first" {
			t.Errorf("the second run ended with %v", err)
		}
		if took := time.Since(began); took > leaseTTL {
			t.Errorf("it took %s to say so", took)
		}
		if err := <-done; err != nil {
			t.Errorf("the first run ended with %v", account(err))
		}
		f.settled(two)
	})
}

func TestDeadHolderIsWaitedOut(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		first := f.prepare(two, "first")
		first.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-1" {
				_ = first.crash()
			}
		}
		if err := first.execute(); err == nil {
			t.Fatal("it should have died")
		}
		second := f.prepare(two, "second")
		began, locked := time.Now(), time.Duration(0)
		second.on = func(e rollout.Event) {
			if locked == 0 && e.Step != "" {
				locked = time.Since(began)
			}
		}
		if err := second.execute(); err != nil {
			t.Fatal(account(err))
		}
		told := slices.ContainsFunc(second.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventNote && strings.Contains(e.Message, "locked by first") && strings.Contains(e.Message, "expires")
		})
		if !told {
			t.Errorf("it did not say what it waits for")
		}
		if locked < leaseTTL || locked > 2*leaseTTL+10*time.Second {
			t.Errorf("it began %s after the other run had died", locked)
		}
		f.settled(two)
	})
}

// A Lease that somebody took ends the run before anything else is taken down.
func TestLeaseTakenStopsTheRun(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepDone && e.Step == "west/partition/bank-2" {
				f.clusters["north"].lease = lease{"thief", time.Now(), leaseTTL}
			}
		}
		err := c.execute()
		stopped(t, err, "the lock was lost", "thief")
		if got := f.tookDown(); len(got) != 1 {
			t.Errorf("taken down: %v", got)
		}
		f.do(func() { f.clusters["north"].lease = lease{} })
		f.mustApply(two, "again")
		f.settled(two)
	})
}

// A Lease that cannot be renewed pauses the run before it runs out, whatever the
// renewal itself does: it may fail, or hang.
func TestLeaseNotRenewedPausesTheRun(t *testing.T) {
	t.Parallel()
	for _, hang := range []bool{false, true} {
		simulate(t, defaults(), func(f *fleet) {
			installed(f)
			two := want(imageTwo)
			two.soak = "1s"
			c := f.prepare(two, "update")
			failing := false
			c.fault = func(op string, _ int) fault {
				if op == "renew" && failing && !hang {
					return lostBefore
				}
				return fine
			}
			ports := c.ports()
			ports.Leases = &stuckLeases{Leases: ports.Leases, stuck: func() bool { f.mu.Lock(); defer f.mu.Unlock(); return hang && failing }}
			c.on = func(e rollout.Event) {
				if e.Type == rollout.EventStepDone && e.Step == "west/partition/bank-2" {
					failing = true
				}
			}
			err := rollout.Run(c.ctx, ports, c.work, c.plan)
			c.cancel()
			stopped(t, err, "Lease", "renewed")
			if got := f.tookDown(); len(got) != 1 {
				t.Errorf("taken down: %v", got)
			}
		})
	}
}

// One renewal that hangs is given up in time for the next.
func TestOneRenewalThatHangs(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		ports, calls := c.ports(), 0
		ports.Leases = &stuckLeases{Leases: ports.Leases, stuck: func() bool {
			f.mu.Lock()
			defer f.mu.Unlock()
			calls++
			return calls == 20
		}}
		if err := rollout.Run(c.ctx, ports, c.work, c.plan); err != nil {
			t.Error(account(err))
		}
		c.cancel()
		f.settled(two)
	})
}

// stuckLeases hang in Renew until the caller gives up.
type stuckLeases struct {
	rollout.Leases
	stuck func() bool
}

func (s *stuckLeases) Renew(ctx context.Context, cluster, holder string) error {
	if s.stuck() {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Leases.Renew(ctx, cluster, holder)
}

// A plan that was made before another run changed things does nothing unsafe.
func TestStalePlans(t *testing.T) {
	t.Parallel()
	more := want(imageOne)
	more.replicas = map[string]int{"east": 4, "west": 4, "north": 4}
	stale := map[string]struct{ before, between, late wanted }{
		"installation after an installation":  {want(imageOne), want(imageOne), want(imageOne)},
		"bigger installation":                 {want(imageOne), want(imageOne), more},
		"corrected installation":              {want(imageBad), want(imageTwo), want(imageThree)},
		"update after a scale-out":            {want(imageOne), more, want(imageOne)},
		"update after another update":         {want(imageOne), want(imageTwo), want(imageThree)},
		"scale-out after the same scale-out":  {want(imageOne), more, more},
		"installation after a broken install": {want(imageBad), want(imageBad), want(imageTwo)},
	}
	for name, s := range stale {
		t.Run(name, func(t *testing.T) {
			simulate(t, defaults(), func(f *fleet) {
				if name != "installation after an installation" && name != "bigger installation" {
					_ = f.apply(s.before, "before")
				}
				late := f.prepare(s.late, "late")
				if err := f.apply(s.between, "between"); err != nil {
					t.Log(err)
				}
				f.do(func() { f.topology = late.work.Topology })
				if err := late.execute(); err != nil {
					t.Log(err)
				}
			})
		})
	}
}
