package rollout_test

import (
	"slices"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// The pictures of an update show every replica down and up again at the new template, one at a
// time; the exposure follows; and they come no more often than once a second.
func TestHealthIsTold(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		installed(f)
		c := f.prepare(want(imageTwo), "update")
		if err := c.execute(); err != nil {
			t.Fatal(err)
		}
		down, last := map[regions.ReplicaID]bool{}, rollout.Event{}
		pictures := slices.DeleteFunc(slices.Clone(c.events), func(e rollout.Event) bool { return e.Type != rollout.EventHealth })
		for i, e := range pictures {
			out := 0
			for _, r := range e.Health.Replicas {
				if r.State != rollout.ReplicaServing {
					down[r.ID], out = true, out+1
				}
			}
			if out > 1 {
				t.Errorf("%d replicas are shown down at once", out)
			}
			if out > 0 && e.Health.Exposure.Slack >= pictures[0].Health.Exposure.Slack {
				t.Errorf("with %d down the slack is still %d", out, e.Health.Exposure.Slack)
			}
			if i > 0 && i < len(pictures)-1 && e.Time.Sub(last.Time) < time.Second {
				t.Errorf("two pictures within %s", e.Time.Sub(last.Time))
			}
			last = e
		}
		if len(down) != len(last.Health.Replicas) || len(down) == 0 {
			t.Errorf("%d of %d replicas were seen down", len(down), len(last.Health.Replicas))
		}
		for _, r := range last.Health.Replicas {
			if r.State != rollout.ReplicaServing || !r.Updated || r.Region == "" {
				t.Errorf("the last picture shows %+v", r)
			}
		}
		if end := c.events[len(c.events)-1]; end.Type != rollout.EventRunEnd {
			t.Errorf("the last event is %s", end.Type)
		}
	})
}
