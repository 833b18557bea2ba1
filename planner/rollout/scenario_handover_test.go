package rollout_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// The images of a version that is replaced by one of a higher minor.
const (
	etcdOne = "example.com/etcd:v3.6.16"
	etcdTwo = "example.com/etcd:v3.7.3"
)

// installedEtcd starts a scenario with a database of which a replica leads.
func installedEtcd(f *fleet, replicas map[string]int, leader string) wanted {
	w := wantEtcd(etcdOne)
	if replicas != nil {
		w.replicas = replicas
	}
	f.mustApply(w, "install")
	f.settled(w)
	if leader != "" {
		id, err := regions.ParseReplicaID(leader)
		if err != nil {
			f.t.Fatal(err)
		}
		f.do(func() { f.database.lead(id) })
	}
	return w
}

func (w wanted) at(image string) wanted { w.image = image; return w }

func (f *fleet) handedOver() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.database.moves
}

func five() map[string]int { return map[string]int{"east": 2, "west": 2, "north": 1} }

// Whoever leads, it leads no more when it is restarted, and order, canary and
// ordinals stay as they are.
func TestLeadershipMovesFirst(t *testing.T) {
	t.Parallel()
	for _, replicas := range []map[string]int{wantEtcd("").replicas, five()} {
		for _, id := range updateOrder(wanted{replicas: replicas}) {
			t.Run(id.String(), func(t *testing.T) {
				everywhere(t, func(f *fleet) {
					two := installedEtcd(f, replicas, id.String()).at(etcdTwo)
					f.mustApply(two, "update")
					f.settled(two)
					if got, expected := f.tookDown(), updateOrder(two); !slices.Equal(got, expected) {
						t.Errorf("taken down %v, want %v", got, expected)
					}
					moves := 1
					if id == updateOrder(two)[0] {
						moves = 2 // nobody is updated yet: to the last one, and back in its turn
					}
					if got := f.handedOver(); got != moves {
						t.Errorf("leadership was moved %d times, not %d", got, moves)
					}
				})
			})
		}
	}
}

// The one that takes over is updated already, or else the last to be.
func TestWhoLeadsNext(t *testing.T) {
	t.Parallel()
	for leader, next := range map[string]string{
		"west/bank-1":  "north/bank-0", // the canary: nobody is updated, north comes last
		"west/bank-0":  "west/bank-1",  // the canary is updated
		"north/bank-0": "west/bank-1",
	} {
		t.Run(leader, func(t *testing.T) {
			simulate(t, defaults(), func(f *fleet) {
				two := installedEtcd(f, five(), leader).at(etcdTwo)
				var to []string
				f.do(func() {
					f.database.onMove = func(id regions.ReplicaID) bool { to = append(to, id.String()); return false }
				})
				f.mustApply(two, "update")
				if len(to) == 0 || to[0] != next {
					t.Errorf("leadership moved to %v, want %s", to, next)
				}
			})
		})
	}
}

// What moves leadership is in the journal, before and after.
func TestHandoverIsJournaled(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		two := installedEtcd(f, nil, "west/bank-0").at(etcdTwo)
		c := f.prepare(two, "update")
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		var steps []string
		for _, e := range c.entries {
			if e.Step == "west/partition/bank-0" && strings.Contains(e.Detail+e.Object, "leadership") {
				steps = append(steps, string(e.Event)+" "+e.Step+" "+e.Detail+e.Object)
			}
		}
		want := []string{
			string(journal.StepIntended) + " west/partition/bank-0 move leadership from west/bank-0 to north/bank-0",
			string(journal.StepWrote) + " west/partition/bank-0 leadership of north/bank-0",
		}
		if !slices.Equal(steps, want) {
			t.Errorf("the journal says %q", steps)
		}
	})
}

// A member that does not take leadership, or dies while it is offered, is passed over.
func TestTransfereeFails(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]func(f *fleet, id regions.ReplicaID) bool{
		"refuses": func(_ *fleet, id regions.ReplicaID) bool { return id.Cluster == "north" },
		"dies": func(f *fleet, id regions.ReplicaID) bool {
			if id.Cluster == "north" {
				f.byHand("north", 0)
			}
			return id.Cluster == "north"
		},
	} {
		t.Run(name, func(t *testing.T) {
			everywhere(t, func(f *fleet) {
				two := installedEtcd(f, five(), "west/bank-1").at(etcdTwo)
				f.do(func() { f.database.onMove = func(id regions.ReplicaID) bool { return fails(f, id) } })
				f.mustApply(two, "update")
				f.settled(two)
			})
		})
	}
}

// Where leadership cannot be moved nothing is restarted, and the reasons are told.
func TestLeadershipStays(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		two := installedEtcd(f, nil, "west/bank-0").at(etcdTwo)
		f.do(func() { f.database.onMove = func(regions.ReplicaID) bool { return true } })
		err := f.apply(two, "update")
		stopped(t, err, "west/bank-0 leads and was not restarted", "to north/bank-0", "nor to east/bank-0", "leader transfer took too long", "apply")
		if got := f.tookDown(); len(got) != 0 {
			t.Errorf("taken down: %v", got)
		}
		f.do(func() { f.database.onMove = nil })
		f.mustApply(two, "again")
		f.settled(two)
	})
}

// Leadership that comes back by itself is moved again, and at last the step fails.
func TestLeadershipComesBack(t *testing.T) {
	t.Parallel()
	for times, ends := range map[int]bool{1: true, 2: true, 3: false} {
		t.Run(fmt.Sprint(times), func(t *testing.T) {
			simulate(t, defaults(), func(f *fleet) {
				two := installedEtcd(f, nil, "west/bank-0").at(etcdTwo)
				target := regions.ReplicaID{Cluster: "west", Pool: "bank", Ordinal: 0}
				left := times
				f.do(func() {
					f.database.onSay = func(id regions.ReplicaID, leads bool) {
						if id == target && !leads && left > 0 {
							left--
							f.database.lead(target)
						}
					}
				})
				err := f.apply(two, "update")
				if ends {
					f.settled(two)
					return
				}
				stopped(t, err, "west/bank-0 leads and was not restarted: leadership was moved away 3 times and came back")
				if got := f.tookDown(); len(got) != 0 {
					t.Errorf("taken down: %v", got)
				}
			})
		})
	}
}

// One that moved by itself before it was asked is not moved.
func TestLeaderMovesByItself(t *testing.T) {
	t.Parallel()
	everywhere(t, func(f *fleet) {
		two := installedEtcd(f, nil, "west/bank-0").at(etcdTwo)
		c := f.prepare(two, "update")
		c.on = func(e rollout.Event) {
			if e.Type == rollout.EventStepStart && e.Step == "west/partition/bank-0" {
				f.database.lead(regions.ReplicaID{Cluster: "east", Pool: "bank"})
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
		if got := f.handedOver(); got != 1 { // away from east, in its turn
			t.Errorf("leadership was moved %d times", got)
		}
	})
}

// While nobody leads, whoever is about to be restarted may be the next one: it is waited for.
func TestNobodyLeads(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		two := installedEtcd(f, nil, "east/bank-0").at(etcdTwo)
		two.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil } // its look would come before
		c := f.prepare(two, "update")
		told := false
		c.on = func(e rollout.Event) {
			if e.Step != "west/partition/bank-0" {
				return
			}
			told = told || e.Type == rollout.EventStepWait && strings.Contains(e.Message, "west/bank-0 to know who leads")
			if e.Type == rollout.EventStepStart {
				f.database.leader = regions.ReplicaID{}
				f.after(20*time.Second, func() { f.database.lead(regions.ReplicaID{Cluster: "west", Pool: "bank"}) })
			}
		}
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		f.settled(two)
		if got := f.handedOver(); got == 0 || !told {
			t.Errorf("leadership was moved %d times, the wait was told: %t", got, told)
		}
	})
}

// A replica that is ready and does not say whether it leads is no reason to stop.
func TestMuteReplica(t *testing.T) {
	t.Parallel()
	simulate(t, defaults(), func(f *fleet) {
		w := installedEtcd(f, nil, "east/bank-0")
		two := w.at(etcdTwo)
		two.profile = func(p *kustomize.Profile) { p.Hooks.Gate = nil }
		f.do(func() {
			f.database.mute = map[regions.ReplicaID]bool{{Cluster: "west", Pool: "bank"}: true}
		})
		c := f.prepare(two, "update")
		if err := c.execute(); err != nil {
			t.Fatal(account(err))
		}
		told := slices.ContainsFunc(c.events, func(e rollout.Event) bool {
			return e.Type == rollout.EventNote && strings.Contains(e.Message, "west/bank-0 serves and does not say whether it leads")
		})
		if !told {
			t.Error("nothing was said of it")
		}
	})
}
