package rollout_test

import (
	"strings"
	"testing"

	"quorate.dev/quorate/planner/rollout"
)

// However healthy its figures are, a database that is not the one on record ends the run at the next gate, and no
// further replica is taken down.
func TestTheGateKnowsAnotherDatabase(t *testing.T) {
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		c := f.prepare(want(imageTwo), "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && strings.HasSuffix(e.Step, "/partition/bank-2/gate") && f.database.foreign == "" {
				f.database.foreign = "north" // the hook has the lock
			}
		}
		stopped(t, c.execute(), "there are two databases")
		if down := f.tookDown(); len(down) != 1 {
			t.Errorf("took down %v after that", down)
		}
	})
}
