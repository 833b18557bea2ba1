package rollout_test

import (
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
)

// A soak that began anew between two looks ends when it is over, and not at the look that happens to come
// after; then the gate, whose second look comes when it is due.
func TestWaitsEndWhenTheyAreOver(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		two := want(imageTwo)
		c := f.prepare(two, "update")
		var late time.Duration
		c.on = func(e rollout.Event) {
			const (
				step           = "west/partition/bank-2/soak"
				soak, interval = 2 * time.Minute, 22 * time.Second // the canary's; that of profile cockroachdb
			)
			switch {
			case e.Type == rollout.EventStepStart && e.Step == step:
				f.after(31*time.Second+700*time.Millisecond, func() { f.byHand("east", 1) })
			case e.Type == rollout.EventStepDone && e.Step == step:
				late = time.Since(f.allUpSince) - soak - interval
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
		if late <= 0 || late > 2*time.Second {
			t.Errorf("the soak was over %s after its time", late)
		}
	})
}
