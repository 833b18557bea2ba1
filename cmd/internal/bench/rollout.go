package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
)

// What a rollout waits for besides its pods, in the topology of this measurement.
const (
	soak         = 3 * time.Second
	gateInterval = 3 * time.Second
)

// rolloutTime measures an update of nine replicas against its critical path: the pods' starts, as a watch that is
// not quorate's saw them, from the acknowledged write to Ready; the soaks; the intervals of the gates. Replicas
// go one at a time, so that all of these follow one another.
func rolloutTime(ctx context.Context, b *bench) ([]row, error) {
	if err := b.up(ctx); err != nil {
		return nil, err
	}
	// The played database would take its time to replicate again; nobody but it knows how long it took.
	if _, err := b.exec(ctx, b.sandbox, "db", "set", "--name", b.name, "--under-replicated-for", "0s"); err != nil {
		return nil, err
	}
	pace := fmt.Sprintf(", soak: %s, canary: {replicas: 1, soak: %s}, gateInterval: %s", soak, soak, gateInterval)
	if _, _, err := b.turn(ctx, "v25.4.0", pace); err != nil {
		return nil, err
	}
	watching, stop := context.WithCancel(ctx)
	seen, err := b.watchPods(watching, "turn")
	if err != nil {
		stop()
		return nil, err
	}
	events, entries, err := b.turn(ctx, "v25.4.1", pace)
	stop()
	seen.ended.Wait()
	if err != nil {
		return nil, err
	}
	wall, path, err := criticalPath(events, entries, seen.ready)
	if err != nil {
		return nil, err
	}
	return []row{{
		key: "rollout", what: "rollout of nine replicas, soak and gate interval 3 s", ours: seconds(wall),
		against: "its critical path: " + seconds(path), ratio: fmt.Sprintf("%.3f", wall.Seconds()/path.Seconds()), aim: "≤ 1.05",
	}}, nil
}

// turn applies the deployment with an image and gives what the run said and wrote down.
func (b *bench) turn(ctx context.Context, image, pace string) ([]rollout.Event, []journal.Entry, error) {
	file, err := b.write("turn.yaml", three("turn", image, pace).topology())
	if err != nil {
		return nil, nil, err
	}
	f, err := b.exec(ctx, b.quorate, "apply", "-f", file, "--auto-approve", "--output", "json")
	if err != nil {
		return nil, nil, err
	}
	var events []rollout.Event
	for line := range strings.Lines(f.stdout) {
		var e rollout.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Time.IsZero() {
			continue // the plan's line
		}
		events = append(events, e)
	}
	runs, err := filepath.Glob(filepath.Join(b.dir, "state", "quorate", "turn", "*.jsonl"))
	if err != nil || len(runs) == 0 {
		return nil, nil, fmt.Errorf("no journal of the run: %w", err)
	}
	last, err := os.Open(slices.Max(runs))
	if err != nil {
		return nil, nil, err
	}
	entries, err := journal.Replay(last)
	return events, entries, joined(err, last.Close())
}

// joined is the first of two errors.
func joined(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// criticalPath gives how long a run took, and how long it would have, had it done nothing but wait for what it
// must. ready tells when the newest pod of cluster/name became ready, after an instant.
func criticalPath(events []rollout.Event, entries []journal.Entry, ready func(replica string, after time.Time) (time.Time, bool)) (wall, path time.Duration, err error) {
	wrote := map[string]journal.Entry{}
	for _, e := range entries {
		if e.Event == journal.StepWrote {
			wrote[e.Step] = e
		}
	}
	for _, e := range events {
		switch {
		case e.Type == rollout.EventRunEnd:
			wall = e.Elapsed
		case e.Type != rollout.EventStepDone:
		case e.Kind == "soak":
			path += soak
		case e.Kind == "probe":
			path += gateInterval
		case e.Kind == "partition" && strings.Contains(e.Step, "/partition/"):
			replica := e.Cluster + "/" + e.Step[strings.LastIndexByte(e.Step, '/')+1:]
			begun := wrote[e.Step].Time
			up, known := ready(replica, begun)
			if begun.IsZero() || !known || up.After(e.Time) {
				return 0, 0, fmt.Errorf("%s: its pod was not seen to become ready in its step", replica)
			}
			path += up.Sub(begun)
		}
	}
	if wall == 0 || path == 0 {
		return 0, 0, fmt.Errorf("the run said nothing to compute with (%d events)", len(events))
	}
	return wall, path, nil
}

// podWatch is when pods became ready, by kubectl's watches.
type podWatch struct {
	mu    sync.Mutex
	times map[string][]time.Time // cluster/pod → each time a watch said that a pod of the name is ready and was not before
	ended sync.WaitGroup
}

// watchPods begins to watch a namespace in every cluster, until ctx ends.
func (b *bench) watchPods(ctx context.Context, namespace string) (*podWatch, error) {
	w := &podWatch{times: map[string][]time.Time{}}
	const columns = `{.metadata.name} {.metadata.uid} {.metadata.deletionTimestamp}/{.status.conditions[?(@.type=="Ready")].status}{"\n"}`
	for _, c := range clusters {
		cmd := exec.CommandContext(ctx, b.kubectl, "--kubeconfig", b.kubeconfig, "--context", c.name, "-n", namespace, "get", "pods", "--watch", "-o", "jsonpath="+columns)
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		w.ended.Go(func() {
			ready := map[string]bool{}
			for lines := bufio.NewScanner(out); lines.Scan(); {
				w.line(c.name, lines.Text(), ready)
			}
			_ = cmd.Wait() // it was ended
		})
	}
	return w, nil
}

// line takes one line of a watch: name, UID, and "/True" where the pod is ready and nobody deletes it.
func (w *podWatch) line(cluster, text string, ready map[string]bool) {
	fields := strings.Fields(text)
	const wanted = 3
	if len(fields) != wanted {
		return
	}
	now := time.Now()
	isReady := fields[2] == "/True"
	if isReady && !ready[fields[1]] {
		w.mu.Lock()
		key := cluster + "/" + fields[0]
		w.times[key] = append(w.times[key], now)
		w.mu.Unlock()
	}
	ready[fields[1]] = isReady
}

func (w *podWatch) ready(replica string, after time.Time) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, at := range w.times[replica] {
		if at.After(after) {
			return at, true
		}
	}
	return time.Time{}, false
}
