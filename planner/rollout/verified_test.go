package rollout_test

import (
	"fmt"
	"slices"
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

// A run that ends while a replica that it added is not ready yet leaves a mark, also where
// nothing asks the database and nothing soaks: the next plan waits for that replica, and ends the mark.
func TestUnverifiedWithoutLooks(t *testing.T) {
	t.Parallel()
	for _, hooked := range []bool{true, false} {
		t.Run(fmt.Sprintf("gate-%t", hooked), func(t *testing.T) {
			t.Parallel()
			simulate(t, defaults(), func(f *fleet) { crashedWhileGrowing(f, hooked) })
		})
	}
}

func crashedWhileGrowing(f *fleet, hooked bool) {
	one, bigger := want(imageOne), want(imageOne)
	bigger.replicas = map[string]int{"east": 3, "west": 3, "north": 4}
	if !hooked {
		one, bigger = withoutLooks(one), withoutLooks(bigger)
	}
	f.mustApply(one, "install")
	c := f.prepare(bigger, "killed")
	c.fault = func(op string, _ int) fault {
		if op == "set-rollout" {
			return crashAfter
		}
		return fine
	}
	if err := c.execute(); err == nil || !c.dead {
		f.t.Fatalf("it was not killed: %v", err)
	}
	time.Sleep(100 * time.Millisecond) // virtual: the controller has seen the write, no pod is ready
	next := f.prepare(bigger, "next")
	waits := func(s planner.Step) bool { return s.Kind == planner.KindWait && len(s.Payload.Targets) == 1 }
	if !slices.ContainsFunc(next.plan.Steps, waits) {
		f.t.Fatalf("the next plan does not wait for the new replica: %v", next.plan.Steps)
	}
	if err := next.execute(); err != nil {
		f.t.Fatal(account(err))
	}
	f.settled(bigger)
	for name, cluster := range f.clusters {
		if run := cluster.record.Database.Unverified; run != "" {
			f.t.Errorf("%s: the record still has run %s as unverified", name, run)
		}
	}
}
