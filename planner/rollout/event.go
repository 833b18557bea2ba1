package rollout

import "time"

// EventType is what an event tells.
type EventType string

// The events of a run, for people and machines.
const (
	EventRunStart  EventType = "run_start"
	EventStepStart EventType = "step_start"
	EventStepWait  EventType = "step_wait" // what a step waits for, when it changes, and every 30 s
	EventStepDone  EventType = "step_done"
	EventStepSkip  EventType = "step_skip" // true already
	EventStepFail  EventType = "step_fail"
	EventNote      EventType = "note"
	EventRunEnd    EventType = "run_end"
)

// Event is one thing that happened in a run.
type Event struct {
	Time    time.Time     `json:"time"`
	Type    EventType     `json:"type"`
	Run     string        `json:"run"`
	Step    string        `json:"step,omitempty"`
	Kind    string        `json:"kind,omitempty"`
	Cluster string        `json:"cluster,omitempty"`
	Number  int           `json:"number,omitempty"` // the step's place, from 1
	Total   int           `json:"total,omitempty"`
	Message string        `json:"message,omitempty"`
	Elapsed time.Duration `json:"elapsed_ns,omitempty"` // since the step, or for run_end the run, began
}

// heartbeat is how often a wait repeats what it waits for.
const heartbeat = 30 * time.Second
