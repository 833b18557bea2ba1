package rollout

import (
	"context"
	"fmt"
	"slices"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// releaseStep hands a partition back to whoever changes the template. That is recorded
// first: a crash in between leaves a record of something that did not happen, which
// nobody takes for true, since the partition still has its owner.
type releaseStep struct{ stepBase }

func (r releaseStep) satisfied(ctx context.Context) (bool, string) {
	v := observeAll(ctx, r.Observer, []string{r.step.Cluster})
	state := v.states[r.step.Cluster]
	set := planner.FindSet(state, r.step.Payload.Pool)
	if set == nil || !planner.Released(state, *set) {
		return false, ""
	}
	return true, fmt.Sprintf("%s/%s is released already", r.step.Cluster, set.Name)
}

func (r releaseStep) perform(ctx context.Context) error {
	pool := r.step.Payload.Pool
	if err := r.onFreshSet(ctx, pool, r.harmless); err != nil {
		return err
	}
	if err := r.intend(fmt.Sprintf("record in %s that the partition of %s is released", r.step.Cluster, pool), view{}); err != nil {
		return err
	}
	if err := r.recordRelease(ctx, pool, true); err != nil {
		return err
	}
	return r.onFreshSet(ctx, pool, func(ctx context.Context, seen view, set *regions.StatefulSetState) error {
		if err := r.harmless(ctx, seen, set); err != nil {
			return err
		}
		detail := fmt.Sprintf("%s/%s: partition %d → nobody's", r.step.Cluster, set.Name, set.Partition)
		if err := r.intend(detail, seen); err != nil {
			return err
		}
		version, err := r.StatefulSets.Release(ctx, r.step.Cluster, set.Name, set.Replicas, set.ResourceVersion)
		if err != nil {
			return fmt.Errorf("release %s: %w", detail, err)
		}
		return r.wrote("StatefulSet/"+set.Name, version)
	})
}

// harmless: no pod would move by it.
func (r releaseStep) harmless(_ context.Context, seen view, set *regions.StatefulSetState) error {
	if set.ObservedGeneration < set.Generation {
		return notYet("the StatefulSet controller to see the newest " + set.Name)
	}
	if pending := planner.Pending(seen.states[r.step.Cluster], *set); pending != "" {
		return fmt.Errorf("%s, and its controller would restart it unasked: plan again", pending)
	}
	return nil
}

func (r releaseStep) verify(ctx context.Context) error {
	return r.onFreshSet(ctx, r.step.Payload.Pool, func(_ context.Context, _ view, set *regions.StatefulSetState) error {
		if set.Partition > 0 {
			r.emit(r.stepEvent(EventNote, r.step, fmt.Sprintf("%s/%s stays at partition %d, which %v set", r.step.Cluster, set.Name, set.Partition, set.PartitionManagers)))
		}
		return nil
	})
}

// recordRelease puts on record that a pool was released, or that it is held again.
func (b stepBase) recordRelease(ctx context.Context, pool string, released bool) error {
	err := b.Records.Update(ctx, b.step.Cluster, func(r *regions.Record) error {
		pools := slices.DeleteFunc(slices.Clone(r.Database.Released), func(name string) bool { return name == pool })
		if released {
			pools = append(pools, pool)
		}
		slices.Sort(pools)
		r.Database.Released = pools
		return nil
	})
	if err != nil {
		return fmt.Errorf("record in %s who holds the partition of %s: %w", b.step.Cluster, pool, err)
	}
	return nil
}

// stillReleased are the recorded pools of a cluster that nobody took back since.
func stillReleased(state regions.ClusterState, recorded []string) []string {
	return slices.DeleteFunc(slices.Clone(recorded), func(pool string) bool {
		set := planner.FindSet(state, pool)
		return set == nil || slices.Contains(set.PartitionManagers, planner.RolloutManager)
	})
}
