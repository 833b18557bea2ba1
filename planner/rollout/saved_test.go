package rollout_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
)

// After a crash at any write of a run of a saved plan, that plan is accepted again and leads
// to the end that it would have had.
func TestSavedCrashAtEveryWrite(t *testing.T) {
	var saved sync.Map // of a world → the plan that was saved in it
	begin := func(world *fleet, k kind) *command {
		in := world.input(k.wanted, "saved")
		plan := planner.Save(planner.Build(in), in)
		saved.Store(world, plan)
		return world.command(in, plan.Plan, "killed")
	}
	faults := []fault{crashAfter}
	if thorough() {
		faults = append(faults, crashBefore)
	}
	eachCrash(t, 61, faults, begin, func(world *fleet, k kind) {
		plan, _ := saved.LoadAndDelete(world)
		world.goOnWith(k.wanted, plan.(*planner.Saved), "again")
		time.Sleep(time.Minute) // virtual: whoever looks later sees the same
		world.goOnWith(k.wanted, plan.(*planner.Saved), "more")
	})
}

// goOnWith runs what is left of a saved plan; nothing may have moved.
func (f *fleet) goOnWith(w wanted, saved *planner.Saved, id string) {
	f.t.Helper()
	in := f.input(w, id)
	plan, moved := planner.Continue(saved, in)
	if len(moved) > 0 {
		f.t.Fatalf("the saved plan is stale after a crash: %v\n%s", moved, f.tail())
	}
	if err := f.command(in, plan, id).execute(); err != nil {
		f.t.Fatalf("go on with the saved plan by %s: %v\n%s", id, account(err), f.tail())
	}
}

// Two operators run one saved plan: at once, one of them is locked out; one after the other, the
// second finds everything done. No replica is taken down twice.
func TestSavedByTwo(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []bool{true, false} {
		t.Run(fmt.Sprintf("at-once-%t", atOnce), func(t *testing.T) {
			t.Parallel()
			simulate(t, defaults(), func(f *fleet) { savedByTwo(f, atOnce) })
		})
	}
}

func savedByTwo(f *fleet, atOnce bool) {
	installed(f)
	two := want(imageTwo)
	in := f.input(two, "saved")
	saved := planner.Save(planner.Build(in), in)
	var runs [2]*command
	for i := range runs {
		left, moved := planner.Continue(saved, in)
		if len(moved) > 0 {
			f.t.Fatalf("moved: %v", moved)
		}
		runs[i] = f.command(in, left, fmt.Sprintf("operator-%d", i))
	}
	var errs [2]error
	var both sync.WaitGroup
	for i, run := range runs {
		both.Go(func() { errs[i] = run.execute() })
		if !atOnce {
			both.Wait()
		}
	}
	both.Wait()
	failed := 0
	for _, err := range errs {
		if err != nil {
			failed++
		}
	}
	if want := map[bool]int{true: 1, false: 0}[atOnce]; failed != want {
		f.t.Errorf("%d of two runs failed, want %d: %v, %v", failed, want, account(errs[0]), account(errs[1]))
	}
	if got, want := f.tookDown(), updateOrder(two); !slices.Equal(got, want) {
		f.t.Errorf("taken down %v, want %v", got, want)
	}
	f.goOnWith(two, saved, "later")
	f.settled(two)
}
