package rollout

import (
	"context"
	"fmt"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// updateStep updates one replica by lowering its pool's partition to its ordinal.
type updateStep struct{ stepBase }

func (u updateStep) target() regions.ReplicaID { return u.step.Payload.Targets[0] }

func (u updateStep) satisfied(ctx context.Context) (bool, string) {
	v := observeAll(ctx, u.Observer, []string{u.step.Cluster})
	state := v.states[u.step.Cluster]
	set := planner.FindSet(state, u.step.Payload.Pool)
	if set == nil || onRevision(state, u.target()) != "" || planner.Blocker(state, u.target(), planner.ConditionReady) != "" {
		return false, ""
	}
	if len(u.unnamed(ctx, v, u.step.Payload.Targets)) > 0 {
		return false, ""
	}
	return true, u.target().String() + " runs " + set.UpdateRevision + " already"
}

func (u updateStep) perform(ctx context.Context) error {
	prepare := u.handOver
	if u.Profile.Hooks.Handover == nil || !u.plan.Promise.InForce {
		prepare = nil // no leader is known, or nothing is promised yet
	}
	return u.guardedAfter(ctx, u.step.Disrupts, prepare, func(ctx context.Context, seen view) error {
		set, err := u.poolIn(seen, u.step.Payload.Pool)
		if err != nil {
			return err
		}
		state := seen.states[u.step.Cluster]
		if onRevision(state, u.target()) == "" {
			return nil // the controller did it meanwhile: verify waits for the replica
		}
		if set.ObservedGeneration < set.Generation {
			return ErrChanged // its update revision is not the newest template's yet
		}
		partition, err := u.partition(state, set)
		if err != nil {
			return err
		}
		if err := u.setRollout(ctx, seen, set, set.Replicas, partition); err != nil {
			return err
		}
		return u.free(ctx, state, set)
	})
}

// partition is the one that lets the controller take the target alone: as low as
// it is already where that is so, else exactly the target's ordinal.
func (u updateStep) partition(state regions.ClusterState, set *regions.StatefulSetState) (int, error) {
	target := u.target()
	partition := min(set.Partition, target.Ordinal)
	for ordinal := partition; ordinal < set.Replicas; ordinal++ {
		id := regions.ReplicaID{Cluster: target.Cluster, Pool: target.Pool, Ordinal: ordinal}
		pod := planner.FindPod(state, id)
		switch {
		case pod == nil || pod.Revision == set.UpdateRevision || id == target:
		case ordinal > target.Ordinal:
			return 0, fmt.Errorf("%s is of an earlier revision too, and the controller would take it before %s: plan again", id, target)
		default:
			partition = target.Ordinal // holds it back
		}
	}
	return partition, nil
}

// free deletes the target's pod where it does not serve and its controller would
// wait for it to become ready first, which it may never do: a set with pod management
// OrderedReady replaces no pod while one is unready (kubernetes/kubernetes#67250).
func (u updateStep) free(ctx context.Context, state regions.ClusterState, set *regions.StatefulSetState) error {
	pod := planner.FindPod(state, u.target())
	if set.Parallel || pod == nil || pod.Terminating || pod.Up() {
		return nil
	}
	return u.remove(ctx, *pod)
}

// remove deletes exactly this pod; the intent is journaled.
func (b stepBase) remove(ctx context.Context, pod regions.PodState) error {
	if err := b.Pods.Delete(ctx, b.step.Cluster, pod); err != nil {
		return fmt.Errorf("delete pod %s: %w", pod.ID, err)
	}
	return b.wrote("Pod/"+pod.ID.Pod(), "")
}

func (u updateStep) verify(ctx context.Context) error {
	return u.await(ctx, u.replicas(u.step.Payload.Targets, u.step.Payload.Condition, onRevision))
}

// onRevision says that a replica's pod is not of its set's update revision.
func onRevision(state regions.ClusterState, id regions.ReplicaID) string {
	set, pod := planner.FindSet(state, id.Pool), planner.FindPod(state, id)
	switch {
	case set == nil || pod == nil:
		return id.String() + ": pod does not exist yet"
	case set.ObservedGeneration < set.Generation:
		return id.String() + ": the StatefulSet controller has not seen the newest template yet"
	case pod.Revision != set.UpdateRevision:
		return fmt.Sprintf("%s: pod is of revision %s, not yet %s", id, pod.Revision, set.UpdateRevision)
	}
	return ""
}

// replaceStep deletes pods that do not serve, so that the controller makes them
// anew. A pod that came back meanwhile is left alone, unless it is ready without a
// database to serve.
type replaceStep struct{ stepBase }

func (r replaceStep) perform(ctx context.Context) error {
	if err := r.stillEmpty(ctx); err != nil {
		return err
	}
	return r.guarded(ctx, r.step.Disrupts, func(ctx context.Context, seen view) error {
		if err := r.intend(r.step.Summary, seen); err != nil {
			return err
		}
		state := seen.states[r.step.Cluster]
		for _, id := range r.step.Payload.Targets {
			pod := planner.FindPod(state, id)
			if pod == nil || pod.Terminating || onRevision(state, id) == "" || pod.Up() && r.holdsData(seen) {
				continue
			}
			if err := r.remove(ctx, *pod); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r replaceStep) verify(ctx context.Context) error {
	check := func(state regions.ClusterState, id regions.ReplicaID) string {
		if r.plan.Promise.InForce {
			return ""
		}
		return onRevision(state, id)
	}
	return r.await(ctx, r.replicas(r.step.Payload.Targets, r.step.Payload.Condition, check))
}
