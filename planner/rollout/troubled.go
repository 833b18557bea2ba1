package rollout

import (
	"context"
	"maps"
	"sync"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// askedAtOnce bounds the names asked of the authority at the same time.
const askedAtOnce = 16

// troubled are the replicas that others cannot count on, each with what is wrong:
// those that are down, those about to be taken down by their own controller (an
// earlier run, or somebody else, left a partition low), and those that the authority
// does not name rightly.
func (b stepBase) troubled(ctx context.Context, v view) map[regions.ReplicaID]string {
	out := downReasons(v)
	for _, state := range v.all() {
		for _, id := range condemned(state) {
			if out[id] == "" {
				out[id] = id.String() + ": its controller is about to replace it"
			}
		}
	}
	maps.Copy(out, b.misnamed(ctx, v, out))
	return out
}

// downReasons name who is down and why.
func downReasons(v view) map[regions.ReplicaID]string {
	out := map[regions.ReplicaID]string{}
	for id := range planner.Down(v.all()) {
		out[id] = planner.Blocker(v.states[id.Cluster], id, planner.ConditionReady)
		if out[id] == "" {
			out[id] = id.String() + " is down"
		}
	}
	return out
}

// condemned are the replicas at or above their pool's partition that are not of
// its newest revision: the controller replaces them unasked.
func condemned(state regions.ClusterState) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, set := range state.StatefulSets {
		out = append(out, condemnedIn(state, set)...)
	}
	return out
}

func condemnedIn(state regions.ClusterState, set regions.StatefulSetState) []regions.ReplicaID {
	var out []regions.ReplicaID
	for ordinal := set.Partition; ordinal < set.Replicas && !set.OnDelete; ordinal++ {
		id := regions.ReplicaID{Cluster: state.Cluster, Pool: set.Name, Ordinal: ordinal}
		if pod := planner.FindPod(state, id); pod != nil && pod.Revision != set.UpdateRevision {
			out = append(out, id)
		}
	}
	return out
}

// misnamed asks the authority for every replica that is not troubled already.
func (b stepBase) misnamed(ctx context.Context, v view, known map[regions.ReplicaID]string) map[regions.ReplicaID]string {
	out := map[regions.ReplicaID]string{}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(askedAtOnce)
	for _, state := range v.all() {
		for _, id := range planner.Expected(state) {
			if known[id] != "" {
				continue
			}
			pod := *planner.FindPod(state, id)
			group.Go(func() error {
				if reason := b.nameBlocker(ctx, pod); reason != "" {
					mu.Lock()
					defer mu.Unlock()
					out[id] = reason
				}
				return nil
			})
		}
	}
	_ = group.Wait() // the goroutines report by replica
	return out
}
