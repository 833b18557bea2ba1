package rollout_test

import (
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
)

// A run that ends between its last change and the look at the database after it leaves a
// mark: the next plan is that look, and once it is done there is nothing to do.
func TestUnverified(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		f.mustApply(want(imageOne), "install")
		bigger := want(imageOne)
		bigger.replicas = map[string]int{"east": 3, "west": 3, "north": 4}
		c := f.prepare(bigger, "killed")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && strings.HasSuffix(e.Step, "north/scale/bank-3/gate") {
				_ = c.crash()
			}
		}
		if err := c.execute(); err == nil || !c.dead {
			t.Fatalf("it was not killed before its last gate: %v\n%s", err, f.tail())
		}
		time.Sleep(time.Minute)
		next := f.prepare(bigger, "next")
		if n := len(next.plan.Steps); n != 2 || next.plan.Steps[0].Kind != planner.KindProbe || next.plan.Steps[1].Kind != planner.KindSoak {
			t.Fatalf("the next plan does not look at the database: %v", next.plan.Steps)
		}
		if err := next.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(bigger)
	})
}
