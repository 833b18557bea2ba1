package rollout_test

import (
	"testing"
	"time"

	"quorate.dev/quorate/planner"
)

// After a crash before or after any write of a run of a saved plan, that plan is accepted
// again and leads to the end that it would have had.
func TestSavedCrashAtEveryWrite(t *testing.T) {
	for _, k := range kinds() {
		for _, f := range []fault{crashBefore, crashAfter} {
			name := k.name + "/before"
			if f == crashAfter {
				name = k.name + "/after"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				points := 0
				for at := 1; savedCrashAt(t, k, f, at); at += 5 * every() {
					points++
				}
				if points < max(1, 8/every()) {
					t.Errorf("only %d crash points", points)
				}
			})
		}
	}
}

// savedCrashAt saves a plan, kills its run at the n-th write, and goes on with it. It is
// false where the run ended before.
func savedCrashAt(t *testing.T, k kind, f fault, n int) (reached bool) {
	t.Helper()
	opts := defaults()
	opts.seed = uint64(n)
	opts.gateOff = n%2 == 0
	simulate(t, opts, func(world *fleet) {
		k.prepared(world)
		in := world.input(k.wanted, "saved")
		saved := planner.Save(planner.Build(in), in)
		c := world.command(in, saved.Plan, "killed")
		c.fault = func(_ string, number int) fault {
			if number == n {
				return f
			}
			return fine
		}
		err := c.execute()
		if reached = c.dead; !reached {
			if err != nil {
				t.Errorf("without a crash it ends with %v", account(err))
			}
			return
		}
		world.goOnWith(k.wanted, saved, "again")
		time.Sleep(time.Minute) // virtual: whoever looks later sees the same
		world.goOnWith(k.wanted, saved, "more")
		world.settled(k.wanted)
	})
	return reached
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
