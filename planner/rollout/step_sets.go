package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// notYet is a reason to look again, in words for people; it is no failure.
type notYet string

func (n notYet) Error() string { return string(n) }

// retryChanged turns what can mend itself (a changed object, a condition that
// does not hold yet) into something to wait for.
func retryChanged(err error, cluster string) ([]string, error) {
	var reason notYet
	switch {
	case errors.As(err, &reason):
		return []string{string(reason)}, nil
	case errors.Is(err, ErrChanged):
		return []string{"a picture of " + cluster + " that does not change while it is decided on"}, nil
	}
	return nil, err
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

// onFreshSet acts on a fresh picture of one pool of the step's cluster, and tries
// again where the set changed in between or is not ready for it.
func (b stepBase) onFreshSet(ctx context.Context, pool string, act func(context.Context, view, *regions.StatefulSetState) error) error {
	clusters := []string{b.step.Cluster}
	return b.poll(ctx, wait{clusters: clusters, deadline: b.timeout(), recheck: time.Second, holds: func(ctx context.Context, _ view) ([]string, error) {
		seen := observeAll(ctx, b.Observer, clusters)
		if missing := seen.silent(clusters); len(missing) > 0 {
			return missing, nil
		}
		set, err := b.poolIn(seen, pool)
		if err != nil {
			return nil, err
		}
		return b.retry(act(ctx, seen, set))
	}})
}

func (b stepBase) poolIn(v view, pool string) (*regions.StatefulSetState, error) {
	set := planner.FindSet(v.states[b.step.Cluster], pool)
	if set == nil {
		return nil, fmt.Errorf("StatefulSet %s of %s is gone", pool, b.step.Cluster)
	}
	return set, nil
}

// scaleStep raises a pool's replicas. In an installation the replicas start
// together; later they come one at a time and the step ends with the new one ready.
type scaleStep struct{ stepBase }

func (s scaleStep) satisfied(ctx context.Context) (bool, string) {
	v := observeAll(ctx, s.Observer, []string{s.step.Cluster})
	state := v.states[s.step.Cluster]
	set := planner.FindSet(state, s.step.Payload.Pool)
	if set == nil || set.Replicas < *s.step.Payload.Replicas {
		return false, ""
	}
	for _, id := range s.step.Payload.Targets {
		if planner.Blocker(state, id, s.step.Payload.Condition) != "" {
			return false, ""
		}
	}
	if s.step.Payload.Condition == planner.ConditionReady && len(s.unnamed(ctx, v, s.step.Payload.Targets)) > 0 {
		return false, ""
	}
	return true, fmt.Sprintf("%s/%s has %d replicas already", s.step.Cluster, set.Name, set.Replicas)
}

func (s scaleStep) perform(ctx context.Context) error {
	if !s.plan.Promise.InForce {
		if err := s.stillEmpty(ctx); err != nil {
			return err
		}
		return s.onFreshSet(ctx, s.step.Payload.Pool, s.grow)
	}
	return s.guarded(ctx, nil, func(ctx context.Context, seen view) error {
		set, err := s.poolIn(seen, s.step.Payload.Pool)
		if err != nil {
			return err
		}
		return s.grow(ctx, seen, set)
	})
}

// grow leaves a set alone that an earlier run grew: verify waits for the replica.
func (s scaleStep) grow(ctx context.Context, seen view, set *regions.StatefulSetState) error {
	want := *s.step.Payload.Replicas
	switch {
	case set.Replicas >= want:
		return nil
	case s.plan.Promise.InForce && set.Replicas != want-1:
		return fmt.Errorf("%s/%s has %d replicas, so that this step would add several at once: plan again", s.step.Cluster, set.Name, set.Replicas)
	}
	partition := max(set.Partition, want)
	if s.step.Payload.Partition != nil {
		partition = *s.step.Payload.Partition
	}
	return s.setRollout(ctx, seen, set, want, partition)
}

func (s scaleStep) verify(ctx context.Context) error {
	return s.await(ctx, s.replicas(s.step.Payload.Targets, s.step.Payload.Condition, nil))
}
