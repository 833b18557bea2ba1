package rollout

import (
	"time"

	"quorate.dev/quorate/regions"
)

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
	EventHealth    EventType = "health" // the picture of the replicas, when it changes
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
	Health  *Health       `json:"health,omitempty"`     // of a health event
}

// Health is the picture of all replicas at one moment, by what the clusters tell of
// their pods. It is for readers: no step decides on it.
type Health struct {
	Replicas []ReplicaHealth  `json:"replicas"`         // of the topology, in rollout order
	Silent   []string         `json:"silent,omitempty"` // clusters that do not answer, sorted
	Exposure regions.Exposure `json:"exposure"`         // what could fail safely now
}

// ReplicaHealth is one replica.
type ReplicaHealth struct {
	ID     regions.ReplicaID `json:"id"`
	Region string            `json:"region"`
	State  ReplicaState      `json:"state"`
	// Updated: its pod is at the newest template of its StatefulSet.
	Updated bool   `json:"updated"`
	Why     string `json:"why,omitempty"` // why it does not serve
}

// ReplicaState is how a replica is, in a word.
type ReplicaState string

// The states of a replica.
const (
	ReplicaServing  ReplicaState = "serving"
	ReplicaStarting ReplicaState = "starting" // its pod exists and is on its way
	ReplicaStopping ReplicaState = "stopping" // its pod is terminating
	ReplicaFailing  ReplicaState = "failing"  // its pod does not start by itself
	ReplicaAbsent   ReplicaState = "absent"   // it has no pod
	ReplicaUnseen   ReplicaState = "unseen"   // its cluster does not answer
)

// heartbeat is how often a wait repeats what it waits for.
const heartbeat = 30 * time.Second
