package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// releasedIs holds which clusters are released, by the record and by the partition.
func (f *fleet) releasedIs(want ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, c := range f.clusters {
		s, released := c.sets["bank"], slices.Contains(want, name)
		recorded := slices.Contains(c.record.Database.Released, "bank")
		if recorded != released || s.released != released || (s.spec.partition == 0) != released || s.spec.replicas != 3 {
			f.t.Errorf("%s: released %t on record %t, partition %d of %d replicas; want released %t\n%s",
				name, s.released, recorded, s.spec.partition, s.spec.replicas, released, f.tail())
		}
	}
}

// A release moves no pod, is left alone by a plan, and ends where a change needs the hold.
func TestRelease(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		f.mustApply(want(imageOne), "install")
		down := len(f.tookDown())
		if err := f.release(want(imageOne), "release", false, "west", "north").execute(); err != nil {
			t.Fatal(account(err))
		}
		time.Sleep(time.Minute)
		f.releasedIs("west", "north")
		again := f.prepare(want(imageOne), "same")
		if !again.plan.Empty() || !strings.Contains(fmt.Sprint(again.plan.Notes), "west: the partition of bank is released") {
			t.Errorf("the plan fights a release: %v, %v", again.plan.Steps, again.plan.Notes)
		}
		if err := f.release(want(imageOne), "take back", true, "north").execute(); err != nil {
			t.Fatal(account(err))
		}
		f.releasedIs("west")
		if n := len(f.tookDown()); n != down {
			t.Errorf("%d replicas went down by a release", n-down)
		}
		f.mustApply(want(imageTwo), "update")
		f.releasedIs()
		f.settled(want(imageTwo))
	})
}

// While an update is under way a release is refused, before and by the engine.
func TestReleaseWhileUpdating(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		f.mustApply(want(imageOne), "install")
		early := f.release(want(imageBad), "early", false, "west")
		if err := f.apply(want(imageBad), "bad"); err == nil {
			t.Fatal("a broken image was rolled out")
		}
		late := f.release(want(imageBad), "late", false, "west")
		if len(late.plan.Refusals) != 1 || late.plan.Refusals[0].Code != "update-pending" {
			t.Errorf("the plan is not refused: %v", late.plan.Refusals)
		}
		if err := early.execute(); err == nil || !strings.Contains(err.Error(), "plan again") {
			t.Errorf("a plan from before the update ran: %v", err)
		}
		f.mustApply(want(imageThree), "recover")
		f.settled(want(imageThree))
	})
}

// After a crash at any write of a release or a taking back, the same command ends it, and so
// does an update that follows at once.
func TestReleaseCrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	all := []string{"east", "west", "north"}
	for n, reached := 1, true; reached; n += every(5) {
		opts := defaults()
		opts.seed = uint64(n)
		simulate(t, opts, func(f *fleet) {
			f.mustApply(want(imageOne), "install")
			die := func(c *command) {
				c.fault = func(_ string, number int) fault {
					if number == n {
						return []fault{crashBefore, crashAfter}[n%2]
					}
					return fine
				}
				if err := c.execute(); err != nil && !c.dead {
					t.Errorf("without a crash it ends with %v", account(err))
				}
				reached = c.dead
			}
			die(f.release(want(imageOne), "release", false, all...))
			time.Sleep(time.Minute)
			if err := f.release(want(imageOne), "again", false, all...).execute(); err != nil {
				t.Error(account(err))
			}
			f.releasedIs(all...)
			die(f.release(want(imageOne), "take", true, all...))
			time.Sleep(time.Minute)
			if n%3 > 0 {
				if err := f.release(want(imageOne), "take again", true, all...).execute(); err != nil {
					t.Error(account(err))
				}
			}
			f.mustApply(want(imageTwo), "update")
			f.releasedIs()
			f.settled(want(imageTwo))
		})
	}
}
