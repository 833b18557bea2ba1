package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

func samplePlan() *planner.Plan {
	between := regions.Exposure{Survives: map[regions.Failure]bool{"node": true, "zone": true, "region": true}, Slack: 2}
	exposure := regions.Exposure{Survives: map[regions.Failure]bool{"node": true, "zone": true, "region": false}, Slack: 1}
	id := regions.ReplicaID{Cluster: "use1", Pool: "bank", Ordinal: 2}
	image := planner.FieldChange{Path: "spec.image", Before: "db:v1", After: "db:v2"}
	set := regions.ObjectRef{APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "bank", Name: "bank"}
	return &planner.Plan{
		FormatVersion: "1.0", Deployment: "bank", Digest: "sha256:0123456789abcdef",
		Promise: planner.Promise{
			Failure: "region", WhileUpdating: "zone", InForce: true, Basis: "live",
			AtRest: regions.Exposure{Survives: map[regions.Failure]bool{"node": true, "zone": true, "region": true}, Slack: 2}, Now: exposure,
		},
		Clusters: []planner.ClusterView{
			{Name: "use1", Region: "us-east1", Reachable: true, Version: "v1.37.2"},
			{Name: "usw1", Region: "us-west1", Reachable: true, Version: "v1.37.2"},
		},
		Preamble: []string{"hold Lease bank/quorate-bank in use1, usw1"},
		Objects: []planner.ObjectChange{
			{Cluster: "use1", Object: set, Action: planner.ActionUpdate, Fields: []planner.FieldChange{image}},
			{Cluster: "usw1", Object: set, Action: planner.ActionUpdate, Fields: []planner.FieldChange{image}},
		},
		Steps: []planner.Step{
			{ID: "use1/partition/bank-2", Kind: planner.KindPartition, Summary: "update use1/bank-2", Why: "image v1 → v2", Disrupts: []regions.ReplicaID{id}, Exposure: &exposure},
			{ID: "use1/partition/bank-2/gate", Kind: planner.KindProbe, Summary: "healthy", Exposure: &between},
			{ID: "use1/partition/bank-2/soak", Kind: planner.KindSoak, Summary: "stay", Exposure: &between, Payload: planner.Payload{Duration: "30s"}},
			{ID: "use1/rest/bank", Kind: planner.KindPartition, Summary: "hold use1/bank at partition 3"},
		},
		Summary: planner.Summary{Update: 2, Disruptive: 1},
	}
}

// A plan for people, whole: the same change in two clusters is told once, a gate and
// a soak stand in their step's line, and no line ends with a blank.
func TestPlan(t *testing.T) {
	var out bytes.Buffer
	Plan(&out, Style{}, samplePlan())
	want := `Plan for bank sha256:0123456789ab

Clusters
  use1  us-east1  v1.37.2
  usw1  us-west1  v1.37.2

Promise
  at rest           survives the loss of any region             with every replica up, as placed: a region may be lost (slack 2)
  during each step  survives the loss of any zone
  now               a zone may be lost, not a region (slack 1)  some replicas are down or cannot be seen

Changes
  ~ update StatefulSet/bank  use1, usw1
      spec.image: db:v1 → db:v2

Steps
   ·  hold Lease bank/quorate-bank in use1, usw1
   1–3  update use1/bank-2, gate, soak 30s  any zone may be lost, not a region; then any region  image v1 → v2
   4    hold use1/bank at partition 3

Objects: 0 to create, 2 to update, 0 to delete. Replicas: 1 restarts.
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// What cannot or may not run says so last, and says why before.
func TestPlanThatMayNotRun(t *testing.T) {
	p := samplePlan()
	refusal := planner.Refusal{Code: "breaks-promise", Cluster: "use1", Message: "the quorum would be lost", Hint: "bring a region back"}
	p.Refusals = []planner.Refusal{refusal, refusal, refusal, {Code: "scale-in", Cluster: "use1", Message: "fewer"}}
	var out bytes.Buffer
	Plan(&out, Style{}, p)
	for _, want := range []string{"breaks-promise: the quorum would be lost", "and 2 more like it in use1", "bring a region back", "scale-in: fewer", "This plan may not run."} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("%q is not said once:\n%s", want, out.String())
		}
	}
	p.Clusters[1].Reachable, p.Clusters[1].Error = false, "connection refused"
	out.Reset()
	Plan(&out, Style{}, p)
	for _, want := range []string{"usw1  us-west1  does not answer: connection refused", "This plan cannot run: usw1 did not answer."} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not said:\n%s", want, out.String())
		}
	}
}

// Colour is for terminals alone.
func TestColour(t *testing.T) {
	var plain, coloured bytes.Buffer
	Plan(&plain, Style{}, samplePlan())
	Plan(&coloured, Style{Colour: true}, samplePlan())
	if strings.Contains(plain.String(), "\x1b") || !strings.Contains(coloured.String(), "\x1b[33m~ update\x1b[0m") {
		t.Error("colours where none are wished, or none where they are")
	}
}

func TestProgress(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	events := []rollout.Event{
		{Time: at, Type: rollout.EventRunStart, Total: 12},
		{Time: at.Add(time.Second), Type: rollout.EventStepStart, Number: 3, Total: 12, Message: "update use1/bank-2"},
		{Time: at.Add(3 * time.Second), Type: rollout.EventStepWait, Number: 3, Total: 12, Message: "waiting for use1/bank-2: pod is Pending"},
		{Time: at.Add(65 * time.Second), Type: rollout.EventStepDone, Number: 3, Total: 12, Message: "update use1/bank-2", Elapsed: 64 * time.Second},
		{Time: at.Add(66 * time.Second), Type: rollout.EventStepFail, Number: 4, Total: 12, Message: "update use1/bank-1: a long story"},
	}
	var out, narration bytes.Buffer
	now := func() time.Time { return at.Add(66 * time.Second) }
	p := NewProgress(Terms{Out: &out, Err: &narration, Now: now}, samplePlan())
	for _, e := range events {
		p.Event(e)
	}
	p.End(&rollout.Stopped{Err: errors.New("a long story")})
	want := "  0:01   3/12  update use1/bank-2\n" +
		"  0:03   3/12    waiting for use1/bank-2: pod is Pending\n" +
		"  1:05   3/12  ✓ update use1/bank-2 (1m4s)\n" +
		"  1:06   4/12  ✗ update use1/bank-1\n"
	if narration.String() != want || !strings.Contains(out.String(), "nothing was rolled back") {
		t.Errorf("got\n%s%s\nwant\n%s", narration.String(), out.String(), want)
	}
	out.Reset()
	machine := NewProgress(Terms{Out: &out, Err: &narration, JSON: true, Now: now}, samplePlan())
	defer machine.Close()
	machine.Event(events[1])
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["format_version"] != "1.0" || line["type"] != "step_start" || line["step"] != nil {
		t.Errorf("%v: %s", err, out.String())
	}
}
