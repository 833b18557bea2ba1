package kube

import (
	"context"
	"errors"
	"testing"
	"time"

	"quorate.dev/quorate/regions"
)

// await reads snapshots until one is as wanted.
func await(t *testing.T, snapshots <-chan Snapshot, what string, wanted func(Snapshot) bool) Snapshot {
	t.Helper()
	deadline := time.After(40 * time.Second)
	var last Snapshot
	for {
		select {
		case s, open := <-snapshots:
			if !open {
				t.Fatalf("the watch ended while waiting for: %s", what)
			}
			if wanted(s) {
				return s
			}
			last = s
		case <-deadline:
			t.Fatalf("did not come: %s; last: %+v", what, last)
		}
	}
}

func isLost(s Snapshot) bool {
	var unreachable *Unreachable
	return errors.As(s.Err, &unreachable) && unreachable.Cluster == "c1" && len(s.State.Pods) == 0
}

func TestWatchAcrossAStop(t *testing.T) {
	t.Parallel()
	for name, cut := range map[string]struct{ down func(*link) }{
		"refused": {func(l *link) { l.down() }},
		"silent":  {func(l *link) { l.freeze() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			direct, namespace := sandboxCluster(t)
			r := newRig(t)
			wire := throughLink(t, r)
			c := r.open(t, Options{RequestTimeout: 2 * time.Second})
			ctx, cancel := context.WithCancel(t.Context())
			snapshots := c.Watch(ctx, dbScope(namespace))
			await(t, snapshots, "an empty namespace", func(s Snapshot) bool {
				return s.Err == nil && len(s.State.StatefulSets) == 0 && s.State.UID != "" && s.State.NamespaceExists
			})
			if err := direct.InstallStatefulSet(t.Context(), database(namespace, 2), 2); err != nil {
				t.Fatal(err)
			}
			step := func(replicas int) {
				t.Helper()
				if _, err := direct.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: replicas, Partition: 2}, ""); err != nil {
					t.Fatal(err)
				}
			}
			step(1)
			seen := await(t, snapshots, "one pod", pods(1))
			cut.down(wire)
			await(t, snapshots, "the loss", isLost)
			step(2)
			wire.down()
			wire.up(t)
			again := await(t, snapshots, "two pods", pods(2))
			if again.State.Seen["pods"] == seen.State.Seen["pods"] || again.State.Seen["pods"] == "" {
				t.Errorf("pods seen up to %q, before up to %q", again.State.Seen["pods"], seen.State.Seen["pods"])
			}
			cancel()
			for range snapshots { // ends only when the channel is closed
			}
		})
	}
}

func pods(n int) func(Snapshot) bool {
	return func(s Snapshot) bool {
		return s.Err == nil && len(s.State.Pods) == n && len(s.State.Claims) == n && len(s.State.StatefulSets) == 1 &&
			s.State.StatefulSets[0].ReplicasManagers != nil
	}
}

func TestOfferReplacesWhatNobodyTook(t *testing.T) {
	t.Parallel()
	out := make(chan Snapshot, 1)
	for i := range 5 {
		offer(out, Snapshot{State: regions.ClusterState{ServerVersion: string(rune('0' + i))}})
	}
	if s := <-out; s.State.ServerVersion != "4" {
		t.Errorf("%q, want the latest", s.State.ServerVersion)
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	snapshots := openAt(t, "https://127.0.0.1:1", Options{}).Watch(ctx, dbScope("n"))
	var unreachable *Unreachable
	if s := <-snapshots; !errors.As(s.Err, &unreachable) {
		t.Errorf("%v, want Unreachable", s.Err)
	}
	cancel()
	for range snapshots { // what was on its way
	}
}
