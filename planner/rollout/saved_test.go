package rollout_test

import (
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
