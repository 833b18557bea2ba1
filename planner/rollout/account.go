package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// Stopped ends a run before its plan: what went wrong, what is where now, and
// what to do. Nothing is rolled back by itself: that too would disrupt.
type Stopped struct {
	Err   error
	Where []string // a line for each cluster
	Next  string
}

// Error is the cause alone; Account prints the rest.
func (s *Stopped) Error() string { return s.Err.Error() }

func (s *Stopped) Unwrap() error { return s.Err }

// Account is the cause, what is where, and what to do, in lines for people.
func (s *Stopped) Account() string {
	lines := append([]string{s.Err.Error(), "what is where:"}, s.Where...)
	return strings.Join(append(lines, s.Next), "\n")
}

// account looks at every cluster once more, also after an abort.
func (x *execution) account(ctx context.Context, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	v := observeAll(ctx, x.Observer, x.clusters())
	stopped := &Stopped{Err: cause, Next: next(cause)}
	for _, cluster := range x.clusters() {
		stopped.Where = append(stopped.Where, "  "+where(v, cluster))
	}
	return stopped
}

func next(cause error) string {
	switch {
	case errors.Is(cause, ErrStopped), errors.Is(cause, context.Canceled):
		return "run the same command again to go on"
	default:
		return "correct the cause (or the topology) and run `quorate apply` again: it looks at what is true and goes on from there"
	}
}

// where is one cluster's line: how many serve, at which partition, and who does not.
func where(v view, cluster string) string {
	if err := v.errs[cluster]; err != nil {
		return fmt.Sprintf("%s: does not answer: %v", cluster, err)
	}
	state := v.states[cluster]
	if len(state.StatefulSets) == 0 {
		return cluster + ": nothing is installed"
	}
	var parts []string
	for _, set := range state.StatefulSets {
		parts = append(parts, poolLine(state, set))
	}
	return cluster + ": " + strings.Join(parts, "; ")
}

func poolLine(state regions.ClusterState, set regions.StatefulSetState) string {
	up, updated := 0, 0
	var troubles []string
	for i := range set.Replicas {
		id := regions.ReplicaID{Cluster: state.Cluster, Pool: set.Name, Ordinal: i}
		pod := planner.FindPod(state, id)
		if pod != nil && pod.Revision == set.UpdateRevision {
			updated++
		}
		if blocker := planner.Blocker(state, id, planner.ConditionReady); blocker != "" {
			troubles = append(troubles, strings.TrimPrefix(blocker, state.Cluster+"/"))
			continue
		}
		up++
	}
	slices.Sort(troubles)
	line := fmt.Sprintf("%s %d of %d ready, %d at the newest template, partition %d", set.Name, up, set.Replicas, updated, set.Partition)
	if len(troubles) > 0 {
		line += " (" + strings.Join(troubles, "; ") + ")"
	}
	return line
}
