package rollout_test

import (
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
)

// A replica that goes down during a soak, even so shortly that no look at the
// clusters sees it, starts the soak anew, and the gate is asked again.
func TestDisturbedSoakStartsAnew(t *testing.T) {
	slow, fleeting := defaults(), defaults()
	fleeting.startTime, fleeting.controllerLag = 20*time.Millisecond, 20*time.Millisecond
	fleeting.watchLag = 20 * time.Second
	for name, opts := range map[string]options{"slow": slow, "fleeting": fleeting} {
		t.Run(name, func(t *testing.T) {
			simulate(t, opts, func(f *fleet) {
				installed(f)
				two := want(imageTwo)
				c := f.prepare(two, "update")
				ended := false
				c.on = func(e rollout.Event) {
					const soak = "west/partition/bank-2/soak"
					switch {
					case e.Type == rollout.EventStepStart && e.Step == soak:
						f.after(100*time.Second+3*time.Millisecond, func() { f.byHand("east", 1) })
					case e.Type == rollout.EventStepDone && e.Step == soak:
						ended = true
						if calm := time.Since(f.allUpSince); calm < 2*time.Minute {
							t.Errorf("the soak ended %s after the last replica was back", calm)
						}
						if f.database.underReplicated(time.Now()) > 0 {
							t.Errorf("the soak ended while ranges were under-replicated")
						}
					}
				}
				if err := c.execute(); err != nil || !ended {
					t.Error(account(err))
				}
				f.settled(two)
			})
		})
	}
}
