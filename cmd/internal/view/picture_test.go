package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

var pictureTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// sampleRun is an update under way with every kind of replica.
func sampleRun() *runState {
	r := &runState{deployment: "bank", promise: regions.FailureZone}
	health := &rollout.Health{Exposure: regions.Exposure{Survives: map[regions.Failure]bool{"node": true}, Slack: 1}}
	states := []rollout.ReplicaState{
		rollout.ReplicaServing, rollout.ReplicaServing, rollout.ReplicaStarting, rollout.ReplicaStopping,
		rollout.ReplicaFailing, rollout.ReplicaAbsent, rollout.ReplicaUnseen, rollout.ReplicaServing,
	}
	for i, state := range states {
		cluster, region := "use1", "us-east1"
		if i >= 4 {
			cluster, region = "euw1", "europe-west1"
		}
		id := regions.ReplicaID{Cluster: cluster, Pool: "bank", Ordinal: i % 4}
		health.Replicas = append(health.Replicas, rollout.ReplicaHealth{ID: id, Region: region, State: state, Updated: i == 0})
	}
	for _, e := range []rollout.Event{
		{Type: rollout.EventRunStart, Time: pictureTime, Total: 38},
		{Type: rollout.EventStepSkip, Step: "a", Time: pictureTime},
		{Type: rollout.EventStepStart, Step: "b", Number: 2, Time: pictureTime.Add(time.Second), Message: "update use1/bank-2"},
		{Type: rollout.EventStepWait, Step: "b", Number: 2, Time: pictureTime.Add(3 * time.Second), Message: "waiting for use1/bank-2: pod is running, not ready"},
		{Type: rollout.EventHealth, Health: health},
	} {
		r.take(e)
	}
	return r
}

const picture80 = `
bank  1 of 38 steps done  1:23

  us-east1      use1  ● bank-0  ○ bank-1 old  ◌ bank-2 starting
                      ◌ bank-3 stopping
  europe-west1  euw1  ✗ bank-0 failing  ✗ bank-1 absent  ✗ bank-2 unseen
                      ○ bank-3 old

  now: a node may be lost, not a zone (slack 1)
  ▸ update use1/bank-2 (1m22s)
    waiting for use1/bank-2: pod is running, not ready`

const pictureASCII40 = `
bank  1 of 38 steps done  1:23

  us-east1      use1  + bank-0
                      o bank-1 old
                      ~ bank-2 starting
                      ~ bank-3 stopping
  europe-west1  euw1  x bank-0 failing
                      x bank-1 absent
                      x bank-2 unseen
                      o bank-3 old

  now: a node may be lost, not a zone
    (slack 1)
  > update use1/bank-2 (1m22s)
    waiting for use1/bank-2: pod is
    running, not ready`

func TestPicture(t *testing.T) {
	now := pictureTime.Add(83 * time.Second)
	for name, c := range map[string]struct {
		style Style
		want  string
	}{
		"80 columns":        {Style{Width: 80}, picture80},
		"80, colour":        {Style{Width: 80, Colour: true}, picture80},
		"40 columns, ASCII": {Style{Width: 40, ASCII: true}, pictureASCII40},
	} {
		got := sampleRun().picture(c.style, now, 40)
		if ansi.Strip(got) != c.want || c.style.Colour != strings.Contains(got, "\x1b") {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

// However many clusters there are and however low the terminal is, the display fits; what needs
// attention comes first, the rest is counted.
func TestPictureFits(t *testing.T) {
	r := sampleRun()
	for i := range 97 {
		id := regions.ReplicaID{Cluster: fmt.Sprintf("c%d", i), Pool: "bank"}
		r.health.Replicas = append(r.health.Replicas, rollout.ReplicaHealth{ID: id, Region: "r", State: rollout.ReplicaServing, Updated: true})
	}
	for height := 1; height < 120; height++ {
		got := r.picture(Style{Width: 80}, pictureTime, height)
		if lines := strings.Count(got, "\n") + 1; lines > height {
			t.Fatalf("%d lines in %d:\n%s", lines, height, got)
		}
		if height >= 16 && height < 100 && (!strings.Contains(got, "bank-0 failing") || !strings.Contains(got, "97 more clusters: all 97 replicas serve")) {
			t.Fatalf("height %d:\n%s", height, got)
		}
	}
}

// Where nothing is said for a while, a line says what the run is at; and only then.
func TestHeartbeat(t *testing.T) {
	var out, narration bytes.Buffer
	now := pictureTime
	p := NewProgress(Terms{Out: &out, Err: &narration, Now: func() time.Time { return now }}, samplePlan())
	defer p.Close()
	p.beatIfDue(now.Add(time.Hour)) // the run has not begun
	p.Event(rollout.Event{Type: rollout.EventRunStart, Time: now, Total: 3})
	p.Event(rollout.Event{Type: rollout.EventStepStart, Time: now, Step: "s", Number: 1, Total: 3, Message: "update use1/bank-2"})
	p.Event(rollout.Event{Type: rollout.EventHealth, Time: now, Health: sampleRun().health})
	p.beatIfDue(now.Add(29 * time.Second))
	now = now.Add(31 * time.Second)
	p.beatIfDue(now)
	p.beatIfDue(now.Add(time.Second))
	want := "  0:00  1/3  update use1/bank-2\n" +
		"  0:31  still at it: 0 of 3 steps done; update use1/bank-2 (31s); now a node may be lost, not a zone (slack 1)\n"
	if narration.String() != want {
		t.Errorf("got\n%s\nwant\n%s", narration.String(), want)
	}
	p.End(nil)
	if want := "Done: every step is true. 0 of 3 steps done in 31s; now a node may be lost, not a zone (slack 1).\n"; out.String() != want {
		t.Errorf("the summary is %q", out.String())
	}
}

// On a pipe a watched status is told when it changes, not when the time does.
func TestWatchingTellsChanges(t *testing.T) {
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		w := NewWatching(&out, nil, Style{}, asJSON)
		status := &Status{Deployment: "bank", Time: pictureTime}
		for i := range 4 {
			status.Time = status.Time.Add(time.Second)
			if i == 2 {
				status.DatabaseID = "d1"
			}
			if err := w.Show(status); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		if got := strings.Count(out.String(), "bank"); got != 2 {
			t.Errorf("told %d times, want 2:\n%s", got, out.String())
		}
	}
}
