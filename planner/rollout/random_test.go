package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// seeds is how many random histories are tried; QUORATE_SEEDS sets another number.
func seeds(t *testing.T) int {
	if text := os.Getenv("QUORATE_SEEDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("QUORATE_SEEDS: %v", err)
		}
		return n
	}
	switch {
	case testing.Short():
		return 10
	case raceEnabled:
		return 12
	}
	return 60
}

// In a random history of faults the invariants hold, and once the faults end the
// same command ends well. QUORATE_SEED tries one seed alone.
func TestRandomHistories(t *testing.T) {
	first, last := 1, seeds(t)
	if text := os.Getenv("QUORATE_SEED"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("QUORATE_SEED: %v", err)
		}
		first, last = n, n
	}
	const lanes = 2
	for lane := range lanes {
		t.Run(fmt.Sprintf("lane-%d", lane), func(t *testing.T) {
			t.Parallel()
			for seed := first + lane; seed <= last; seed += lanes {
				history(t, uint64(seed))
			}
		})
	}
}

// history installs, updates and grows a database, each command being repeated
// under random faults until it ends well.
func history(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 11))
	opts := defaults()
	opts.seed = seed
	opts.gateOff = seed%3 == 0
	if seed%4 == 0 {
		opts.controllerLag, opts.watchLag, opts.nameLag = 3*time.Second, 6*time.Second, 3*time.Second
	}
	bigger := want(imageTwo)
	bigger.replicas = map[string]int{"east": 4, "west": 3, "north": 4}
	commands := []wanted{want(imageOne), want(imageTwo), bigger}
	switch {
	case seed%5 == 0:
		commands = []wanted{want(imageOne), want(imageBad), want(imageThree)}
	case seed%5 == 1:
		one := wantEtcd(etcdOne)
		if seed%2 == 0 {
			one.replicas = five()
		}
		commands = []wanted{one, one.at(imageBad), one.at(etcdTwo)}
	}
	simulate(t, opts, func(f *fleet) {
		h := &hazards{fleet: f, rng: rng, rate: 0.01 + 0.05*rng.Float64()}
		for i, w := range commands {
			h.until(w, fmt.Sprintf("c%d", i))
		}
		time.Sleep(time.Minute) // virtual: what was deleted by hand at the very end is back
		f.settled(commands[len(commands)-1])
	})
}

// hazards are the faults of one history.
type hazards struct {
	*fleet
	rng  *rand.Rand
	rate float64
}

// until repeats a command under faults a few times, then without.
func (h *hazards) until(w wanted, id string) {
	attempts := 1 + h.rng.IntN(4)
	for attempt := range attempts {
		c := h.prepare(w, fmt.Sprintf("%s-%d", id, attempt))
		if len(c.plan.Unreachable()) > 0 {
			h.do(h.light)
			continue
		}
		c.fault = h.fault
		c.on = h.event
		if err := c.execute(); err == nil {
			break
		}
		time.Sleep(time.Duration(h.rng.IntN(40)) * time.Second)
	}
	h.do(h.light)
	time.Sleep(time.Second)
	if w.image == imageBad {
		return
	}
	h.mustApply(w, id+"-calm")
}

func (h *hazards) light() {
	for name, c := range h.clusters {
		if c.dark {
			h.darken(name, false)
		}
	}
}

// fault is drawn for every write.
func (h *hazards) fault(op string, _ int) fault {
	if h.rng.Float64() > h.rate {
		return fine
	}
	faults := []fault{changed, lostBefore, lostAfter, crashBefore, crashAfter}
	if op != "set-rollout" && op != "delete-pod" {
		faults = faults[1:]
	}
	if op == "journal" {
		faults = []fault{crashBefore, crashAfter}
	}
	return faults[h.rng.IntN(len(faults))]
}

// event disturbs the world while the run tells what it does.
func (h *hazards) event(e rollout.Event) {
	switch dice := h.rng.Float64(); {
	case dice < h.rate/2:
		h.deleteByHand()
	case h.database.votes() && dice > 1-h.rate:
		h.wander()
	case dice < h.rate && e.Type == rollout.EventStepStart:
		name := h.names()[h.rng.IntN(len(h.clusters))]
		h.darken(name, true)
		h.after(time.Duration(h.rng.IntN(400))*time.Second, func() { h.darken(name, false) })
	}
}

// wander moves leadership, as elections do.
func (h *hazards) wander() {
	if up := h.database.upIDs(); h.database.majority() && h.database.leader != (regions.ReplicaID{}) {
		h.database.lead(up[h.rng.IntN(len(up))])
	}
}

// deleteByHand deletes a pod somewhere, as people and nodes do.
func (h *hazards) deleteByHand() {
	c := h.clusters[h.names()[h.rng.IntN(len(h.clusters))]]
	s := c.sets["bank"]
	if s == nil || s.spec.replicas == 0 {
		return
	}
	if p := c.pods[s.podName(h.rng.IntN(s.spec.replicas))]; p != nil {
		s.remove(p, "hand")
	}
}
