package view

import (
	"slices"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// runState is a run so far, as its events tell.
type runState struct {
	deployment string
	promise    regions.Failure // kept at every step
	started    time.Time
	total      int
	ended      int // steps that are done or were true already
	running    []runningStep
	health     *rollout.Health
}

// runningStep is a step under way.
type runningStep struct {
	id      string
	number  int
	since   time.Time
	summary string
	waits   string // what it waits for; empty while it acts
}

// take brings the state up to an event.
func (r *runState) take(e rollout.Event) {
	switch e.Type {
	case rollout.EventRunStart:
		r.started, r.total = e.Time, e.Total
	case rollout.EventStepStart:
		r.running = append(r.running, runningStep{id: e.Step, number: e.Number, since: e.Time, summary: e.Message})
	case rollout.EventStepWait:
		for i := range r.running {
			if r.running[i].id == e.Step {
				r.running[i].waits = e.Message
			}
		}
	case rollout.EventStepDone, rollout.EventStepSkip:
		r.ended++
		r.leave(e.Step)
	case rollout.EventStepFail:
		r.leave(e.Step)
	case rollout.EventHealth:
		r.health = e.Health
	case rollout.EventNote, rollout.EventRunEnd:
	}
}

func (r *runState) leave(step string) {
	r.running = slices.DeleteFunc(r.running, func(s runningStep) bool { return s.id == step })
}

// elapsed is the time since the run began.
func (r *runState) elapsed(now time.Time) time.Duration {
	if r.started.IsZero() {
		return 0
	}
	return now.Sub(r.started)
}
