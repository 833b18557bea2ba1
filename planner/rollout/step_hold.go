package rollout

import (
	"context"
	"fmt"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// holdStep moves a partition without updating a replica that serves: up, so that
// no template moves a pod; or down, to let replicas that do not serve follow one.
type holdStep struct{ stepBase }

func (h holdStep) perform(ctx context.Context) error {
	if !h.plan.Promise.InForce {
		return h.first(ctx)
	}
	freed, err := h.freed(ctx)
	switch {
	case err != nil:
		return err
	case freed == nil:
		return h.onFreshSet(ctx, h.step.Payload.Pool, h.raise)
	}
	return h.guarded(ctx, []regions.ReplicaID{*freed}, func(ctx context.Context, seen view) error {
		set, err := h.poolIn(seen, h.step.Payload.Pool)
		if err != nil {
			return err
		}
		if pod := planner.FindPod(seen.states[h.step.Cluster], *freed); pod != nil && pod.Up() {
			return nil // it came back: the steps for replicas that serve update it
		}
		return h.setRollout(ctx, seen, set, set.Replicas, *h.step.Payload.Partition)
	})
}

// freed is the replica that the partition would let go: one that is down. A
// partition that would let go one that serves is a hold, made for a smaller set.
func (h holdStep) freed(ctx context.Context) (*regions.ReplicaID, error) {
	var freed *regions.ReplicaID
	err := h.onFreshSet(ctx, h.step.Payload.Pool, func(_ context.Context, seen view, set *regions.StatefulSetState) error {
		if *h.step.Payload.Partition >= set.Replicas {
			return nil
		}
		if set.ObservedGeneration < set.Generation {
			return notYet("the StatefulSet controller to see the newest " + set.Name)
		}
		lowered := *set
		lowered.Partition = *h.step.Payload.Partition
		state := seen.states[h.step.Cluster]
		ids := condemnedIn(state, lowered)
		down := planner.Down([]regions.ClusterState{state})
		if len(ids) == 1 && down[ids[0]] {
			freed = &ids[0]
		}
		return nil
	})
	return freed, err
}

// raise holds every replica there is; some may have been added since the plan.
func (h holdStep) raise(ctx context.Context, seen view, set *regions.StatefulSetState) error {
	if h.step.Payload.Condition == planner.ConditionSettled {
		if reason := unsettled(set); reason != "" {
			return notYet(reason)
		}
	}
	if err := h.setRollout(ctx, seen, set, set.Replicas, max(*h.step.Payload.Partition, set.Replicas)); err != nil || !h.step.Payload.TakeBack {
		return err
	}
	return h.recordRelease(ctx, set.Name, false)
}

// first moves a partition before the first initialisation, when pods that do not
// serve follow a corrected template at once.
func (h holdStep) first(ctx context.Context) error {
	if *h.step.Payload.Partition > 0 {
		return h.onFreshSet(ctx, h.step.Payload.Pool, h.raise)
	}
	if err := h.stillEmpty(ctx); err != nil {
		return err
	}
	return h.onFreshSet(ctx, h.step.Payload.Pool, func(ctx context.Context, seen view, set *regions.StatefulSetState) error {
		if servesOutdated(seen.states[h.step.Cluster], set) && h.serving(ctx) {
			return fmt.Errorf("%s of %s serves since the plan was made, and would be replaced: plan again", set.Name, h.step.Cluster)
		}
		return h.setRollout(ctx, seen, set, set.Replicas, 0)
	})
}

// serving: a database serves, or nobody can tell. A replica that is ready is not
// enough where it may be so before there is a database.
func (b stepBase) serving(ctx context.Context) bool {
	v := observeAll(ctx, b.Observer, b.clusters())
	return len(v.silent(b.clusters())) > 0 || b.holdsData(v)
}

func (b stepBase) holdsData(v view) bool {
	return b.plan.Promise.InForce || regions.HoldsData(b.Topology, v.all())
}

// servesOutdated: a replica that serves is of another revision than the newest.
func servesOutdated(state regions.ClusterState, set *regions.StatefulSetState) bool {
	for _, pod := range state.Pods {
		if pod.ID.Pool == set.Name && pod.Up() && pod.Revision != set.UpdateRevision {
			return true
		}
	}
	return false
}

// stillEmpty refuses what may be done only before the first initialisation, where
// another run installed the database after this plan was made.
func (b stepBase) stillEmpty(ctx context.Context) error {
	if b.plan.Promise.InForce {
		return nil
	}
	return b.poll(ctx, wait{clusters: b.clusters(), deadline: b.timeout(), recheck: guardRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		v := observeAll(ctx, b.Observer, b.clusters())
		for _, state := range v.all() {
			if record := state.Record.Database; record.ClusterID != "" || record.Installed != "" {
				return nil, fmt.Errorf("%s records an installed database, and the plan was made before it: plan again", state.Cluster)
			}
		}
		return v.silent(b.clusters()), nil
	}})
}

// unsettled: a partition raised before the controller has counted the last
// replica would leave the old revision the current one.
func unsettled(set *regions.StatefulSetState) string {
	switch {
	case set.ObservedGeneration < set.Generation:
		return "the StatefulSet controller to see the newest " + set.Name
	case set.CurrentRevision != set.UpdateRevision:
		return fmt.Sprintf("%s to count %s as its current revision (now %s)", set.Name, set.UpdateRevision, set.CurrentRevision)
	}
	return ""
}
