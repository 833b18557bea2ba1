package rollout_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
)

// A replica that goes down during a soak, even so shortly that no look at the
// clusters sees it, starts the soak anew, and the gate is asked again.
func TestDisturbedSoakStartsAnew(t *testing.T) {
	t.Parallel()
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

// A replica that goes down between two looks of the gate and is back before the last one does not
// show in figures that lag: the gate begins anew all the same.
func TestRestartBetweenLooksOfTheGate(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			opts := defaults()
			opts.seed, opts.startTime = seed, time.Second
			simulate(t, opts, func(f *fleet) {
				installed(f)
				two := want(imageTwo)
				c := f.prepare(two, "update")
				held := false
				c.on = func(e rollout.Event) {
					if e.Step != "west/partition/bank-2" {
						return
					}
					switch {
					case e.Type == rollout.EventStepStart:
						f.byHand("east", 2)
					case e.Type == rollout.EventStepWait && !held && strings.Contains(e.Message, "a second healthy look"):
						held = true
						f.after(18*time.Second, func() { f.byHand("west", 2) })
					}
				}
				if err := c.execute(); err != nil || !held {
					t.Fatal(account(err))
				}
				f.settled(two)
			})
		})
	}
}
