package rollout

import (
	"context"
	"fmt"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// updateStep updates one replica by lowering its pool's partition to its ordinal.
type updateStep struct{ stepBase }

func (u updateStep) target() regions.ReplicaID { return u.step.Payload.Targets[0] }

func (u updateStep) satisfied(ctx context.Context) (bool, string, error) {
	state, err := u.Observer.Observe(ctx, u.step.Cluster)
	if err != nil {
		return false, "", err
	}
	set := planner.FindSet(state, u.step.Payload.Pool)
	if set == nil || onRevision(state, u.target()) != "" {
		return false, "", nil
	}
	if planner.Blocker(state, u.target(), planner.ConditionReady) != "" {
		return false, "", nil
	}
	return true, u.target().String() + " runs " + set.UpdateRevision + " already", nil
}

func (u updateStep) perform(ctx context.Context) error {
	return u.guarded(ctx, u.step.Disrupts, func(ctx context.Context, seen view) error {
		set := planner.FindSet(seen.states[u.step.Cluster], u.step.Payload.Pool)
		if set == nil {
			return fmt.Errorf("StatefulSet %s of %s is gone", u.step.Payload.Pool, u.step.Cluster)
		}
		if set.ObservedGeneration < set.Generation {
			return ErrChanged // its update revision is not the newest template's yet
		}
		return u.setRollout(ctx, seen, set, set.Replicas, min(set.Partition, *u.step.Payload.Partition))
	})
}

func (u updateStep) verify(ctx context.Context) error {
	return u.await(ctx, u.timeout(), nameRecheck, u.replicas(u.step.Payload.Targets, u.step.Payload.Condition, onRevision))
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

// setRollout writes replicas and partition under the resourceVersion that was
// seen, and journals what it saw before and what it wrote after.
func (b stepBase) setRollout(ctx context.Context, seen view, set *regions.StatefulSetState, replicas, partition int) error {
	detail := fmt.Sprintf("%s/%s: replicas %d → %d, partition %d → %d", b.step.Cluster, set.Name, set.Replicas, replicas, set.Partition, partition)
	if err := b.intend(detail, seen); err != nil {
		return err
	}
	version, err := b.StatefulSets.SetRollout(ctx, b.step.Cluster, set.Name, replicas, partition, set.ResourceVersion)
	if err != nil {
		return fmt.Errorf("set %s: %w", detail, err)
	}
	return b.wrote("StatefulSet/"+set.Name, version)
}

// onFreshSet acts on a fresh picture of the step's pool, and tries again where
// the set changed in between or is not ready for it.
func (b stepBase) onFreshSet(ctx context.Context, act func(context.Context, view, *regions.StatefulSetState) error) error {
	return b.await(ctx, b.timeout(), time.Second, func(ctx context.Context, _ view) ([]string, error) {
		if err := b.lost.err(); err != nil {
			return nil, err
		}
		state, err := b.Observer.Observe(ctx, b.step.Cluster)
		if err != nil {
			return []string{fmt.Sprintf("%s to answer (%v)", b.step.Cluster, err)}, nil
		}
		set := planner.FindSet(state, b.step.Payload.Pool)
		if set == nil {
			return nil, fmt.Errorf("StatefulSet %s of %s is gone", b.step.Payload.Pool, b.step.Cluster)
		}
		seen := view{states: map[string]regions.ClusterState{b.step.Cluster: state}}
		return retryChanged(act(ctx, seen, set), b.step.Cluster)
	})
}

// holdStep moves a partition without updating a replica: up, so that no template
// moves a pod, or (before the first initialisation) down to follow one.
type holdStep struct{ stepBase }

func (h holdStep) perform(ctx context.Context) error {
	return h.onFreshSet(ctx, func(ctx context.Context, seen view, set *regions.StatefulSetState) error {
		if h.step.Payload.Condition == planner.ConditionSettled {
			if reason := unsettled(set); reason != "" {
				return notYet(reason)
			}
		}
		return h.setRollout(ctx, seen, set, set.Replicas, *h.step.Payload.Partition)
	})
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

// scaleStep raises a pool's replicas. In an installation the replicas start
// together; later they come one at a time and the step ends with the new one ready.
type scaleStep struct{ stepBase }

func (s scaleStep) satisfied(ctx context.Context) (bool, string, error) {
	state, err := s.Observer.Observe(ctx, s.step.Cluster)
	if err != nil {
		return false, "", err
	}
	set := planner.FindSet(state, s.step.Payload.Pool)
	if set == nil || set.Replicas < *s.step.Payload.Replicas {
		return false, "", nil
	}
	for _, id := range s.step.Payload.Targets {
		if planner.Blocker(state, id, s.step.Payload.Condition) != "" {
			return false, "", nil
		}
	}
	return true, fmt.Sprintf("%s/%s has %d replicas already", s.step.Cluster, set.Name, set.Replicas), nil
}

func (s scaleStep) perform(ctx context.Context) error {
	want := *s.step.Payload.Replicas
	grow := func(ctx context.Context, seen view, set *regions.StatefulSetState) error {
		if set.Replicas >= want {
			return nil // an earlier run grew it; verify waits for the replica
		}
		partition := max(set.Partition, want)
		if s.step.Payload.Partition != nil {
			partition = *s.step.Payload.Partition
		}
		return s.setRollout(ctx, seen, set, want, partition)
	}
	if !s.plan.Promise.InForce {
		return s.onFreshSet(ctx, grow)
	}
	return s.guarded(ctx, nil, func(ctx context.Context, seen view) error {
		set := planner.FindSet(seen.states[s.step.Cluster], s.step.Payload.Pool)
		if set == nil {
			return fmt.Errorf("StatefulSet %s of %s is gone", s.step.Payload.Pool, s.step.Cluster)
		}
		return grow(ctx, seen, set)
	})
}

func (s scaleStep) verify(ctx context.Context) error {
	return s.await(ctx, s.timeout(), nameRecheck, s.replicas(s.step.Payload.Targets, s.step.Payload.Condition, nil))
}
