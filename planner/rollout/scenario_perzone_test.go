package rollout_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// zoned wants a StatefulSet for each zone of each cluster.
func zoned(w wanted, replicas map[string]int) wanted {
	w.perZone, w.replicas = true, replicas
	return w
}

// zonedOrder are the replicas as an update takes them: round the zones, from the last that was added.
func zonedOrder(t *testing.T, w wanted) []regions.ReplicaID {
	t.Helper()
	topology := w.topology(t)
	var out []regions.ReplicaID
	for _, c := range topology.OrderedClusters() {
		for k := c.Replicas - 1; k >= 0; k-- {
			out = append(out, regions.ReplicaID{Cluster: c.Name, Pool: "bank-" + c.Zones[k%len(c.Zones)], Ordinal: k / len(c.Zones)})
		}
	}
	return out
}

// With several StatefulSets a cluster, one replica over all of them is taken down at a time, round the zones.
func TestPerZoneUpdate(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		five := map[string]int{"east": 5, "west": 3, "north": 2}
		f.mustApply(zoned(want(imageOne), five), "install")
		f.settled(zoned(want(imageOne), five))
		two := zoned(want(imageTwo), five)
		f.mustApply(two, "update")
		f.settled(two)
		if got, expected := f.tookDown(), zonedOrder(t, two); !slices.Equal(got, expected) {
			t.Errorf("taken down %v, want %v", got, expected)
		}
	})
}

// Replicas are added round the zones and nobody goes down, a zone's first one included.
func TestPerZoneScaleOut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		f.mustApply(zoned(want(imageOne), map[string]int{"east": 3, "west": 3, "north": 1}), "install")
		more := zoned(want(imageOne), map[string]int{"east": 4, "west": 3, "north": 5})
		f.mustApply(more, "grow")
		f.settled(more)
		if got := f.tookDown(); len(got) > 0 {
			t.Errorf("taken down: %v", got)
		}
	})
}

// A run that dies at any of its first replicas is gone on with, across the sets of a cluster.
func TestPerZoneCrash(t *testing.T) {
	t.Parallel()
	for _, step := range []string{"west/partition/bank-west-a-1", "west/rest/bank-west-c", "east/partition/bank-east-b-0"} {
		t.Run(step, func(t *testing.T) {
			simulate(t, defaults(), func(f *fleet) {
				four := map[string]int{"east": 3, "west": 4, "north": 3}
				f.mustApply(zoned(want(imageOne), four), "install")
				two := zoned(want(imageTwo), four)
				c := f.prepare(two, "first")
				crashed := false
				c.on = func(e rollout.Event) {
					if e.Type == rollout.EventStepDone && e.Step == step {
						crashed = true
						_ = c.crash()
					}
				}
				_ = c.execute()
				time.Sleep(2 * leaseTTL)
				f.mustApply(two, "second")
				f.settled(two)
				if !crashed {
					t.Errorf("the plan has no step %s", step)
				}
				if got, expected := f.tookDown(), zonedOrder(t, two); !slices.Equal(got, expected) {
					t.Errorf("taken down %v, want %v", got, expected)
				}
			})
		})
	}
}

// A static cluster goes round the zones too; its leader moves on before it is restarted.
func TestPerZoneStatic(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		replicas := map[string]int{"east": 2, "west": 2, "north": 1}
		f.mustApply(zoned(wantEtcd(etcdOne), replicas), "install")
		two := zoned(wantEtcd(etcdTwo), replicas)
		f.mustApply(two, "update")
		f.settled(two)
		if got, expected := f.tookDown(), zonedOrder(t, two); !slices.Equal(got, expected) {
			t.Errorf("taken down %v, want %v", got, expected)
		}
	})
}

// A release hands back every set of its clusters that has replicas, moves no pod, and ends with the next update.
func TestPerZoneRelease(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		replicas := map[string]int{"east": 2, "west": 4, "north": 3} // a zone of east has none
		one, two := zoned(want(imageOne), replicas), zoned(want(imageTwo), replicas)
		f.mustApply(one, "install")
		for i, takeBack := range []bool{false, true, false} {
			if err := f.release(one, fmt.Sprintf("release-%d", i), takeBack, "east", "west").execute(); err != nil {
				t.Fatal(account(err))
			}
			time.Sleep(time.Minute) // virtual: the controllers saw it, which the next release asks for
			f.zonesReleased(!takeBack, "east", "west")
		}
		if plan := f.prepare(one, "same").plan; !plan.Empty() {
			t.Errorf("the plan fights a release: %v", plan.Steps)
		}
		if got := f.tookDown(); len(got) > 0 {
			t.Errorf("taken down by a release: %v", got)
		}
		f.mustApply(two, "update")
		f.settled(two)
		f.zonesReleased(false, "east", "west", "north")
		if got, expected := f.tookDown(), zonedOrder(t, two); !slices.Equal(got, expected) {
			t.Errorf("taken down %v, want %v", got, expected)
		}
	})
}

// zonesReleased holds of every set with replicas in these clusters that its partition is released, or held.
func (f *fleet) zonesReleased(want bool, clusters ...string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, name := range clusters {
		c, sets := f.clusters[name], 0
		for pool, s := range c.sets {
			if s.spec.replicas == 0 {
				continue
			}
			sets++
			if recorded := slices.Contains(c.record.Database.Released, pool); recorded != want || (s.spec.partition == 0) != want {
				f.t.Errorf("%s/%s: released %t on record, partition %d of %d; want released %t", name, pool, recorded, s.spec.partition, s.spec.replicas, want)
			}
		}
		if sets < 2 {
			f.t.Errorf("%s has %d sets with replicas: too few to show anything", name, sets)
		}
	}
}
