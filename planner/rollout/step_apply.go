package rollout

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// applyParallel bounds the writes under way in one cluster.
const applyParallel = 8

// applyStep brings a cluster's objects to the overlay, StatefulSets last: their
// pods mount and use the others.
type applyStep struct{ stepBase }

func (a applyStep) perform(ctx context.Context) error {
	if err := a.intend("apply "+a.step.Cluster, view{}); err != nil {
		return err
	}
	if a.step.Kind == planner.KindApply {
		if err := a.recordOwnership(ctx); err != nil {
			return err
		}
	}
	sets, others := a.objects()
	var group errgroup.Group
	group.SetLimit(applyParallel)
	for _, object := range others {
		group.Go(func() error { return a.apply(ctx, object) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, object := range sets {
		if err := a.applySet(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

// objects are the step's desired objects in the overlay's order.
func (a applyStep) objects() (sets, others []map[string]any) {
	for _, object := range a.Desired[a.step.Cluster] {
		ref := planner.RefOf(object)
		switch {
		case !slices.Contains(a.step.Payload.Objects, ref):
		case ref.Kind == "StatefulSet":
			sets = append(sets, object)
		default:
			others = append(others, object)
		}
	}
	return sets, others
}

func (a applyStep) apply(ctx context.Context, object map[string]any) error {
	ref := planner.RefOf(object)
	takeOver := slices.Contains(a.step.Payload.TakeOver, ref)
	if err := a.Objects.Apply(ctx, a.step.Cluster, object, takeOver); err != nil {
		return fmt.Errorf("apply %s in %s: %w", ref, a.step.Cluster, err)
	}
	return a.wrote(ref.String(), "")
}

// applySet creates a StatefulSet with no replicas and its partition held, or
// applies the template to one whose partition is held: no pod moves.
func (a applyStep) applySet(ctx context.Context, object map[string]any) error {
	ref := planner.RefOf(object)
	state, err := a.Observer.Observe(ctx, a.step.Cluster)
	if err != nil {
		return fmt.Errorf("look at %s before applying %s: %w", a.step.Cluster, ref, err)
	}
	set := planner.FindSet(state, ref.Name)
	if set == nil {
		return a.install(ctx, object, ref)
	}
	if a.plan.Promise.InForce && set.Partition < set.Replicas && a.movesPods(ref) {
		return fmt.Errorf("%s in %s has partition %d below its %d replicas, so a new template would move pods: plan again", ref, a.step.Cluster, set.Partition, set.Replicas)
	}
	return a.apply(ctx, object)
}

func (a applyStep) install(ctx context.Context, object map[string]any, ref regions.ObjectRef) error {
	if err := a.StatefulSets.Install(ctx, a.step.Cluster, object, a.wanted(ref.Name)); err != nil {
		return fmt.Errorf("create %s in %s: %w", ref, a.step.Cluster, err)
	}
	return a.wrote(ref.String(), "")
}

// wanted is the pool's final replica count: the partition that holds it all.
func (a applyStep) wanted(pool string) int {
	for _, r := range a.Topology.Spec.Regions {
		for _, c := range r.Clusters {
			if c.Name != a.step.Cluster {
				continue
			}
			for _, p := range a.Topology.Pools(c) {
				if p.Name == pool {
					return p.Replicas
				}
			}
		}
	}
	return 0
}

// movesPods: the plan says that applying the object changes its pod template.
func (a applyStep) movesPods(ref regions.ObjectRef) bool {
	return slices.ContainsFunc(a.plan.Objects, func(c planner.ObjectChange) bool {
		return c.Cluster == a.step.Cluster && c.Object == ref && c.ChangesTemplate()
	})
}

// recordOwnership writes the union of the old and the new inventory before
// anything is applied, so that a crash orphans nothing.
func (a applyStep) recordOwnership(ctx context.Context) error {
	uids, err := a.clusterUIDs(ctx)
	if err != nil {
		return err
	}
	err = a.Records.Update(ctx, a.step.Cluster, func(r *regions.Record) error {
		r.Inventory = union(r.Inventory, a.Desired[a.step.Cluster])
		if r.Clusters == nil {
			r.Clusters = map[string]string{}
		}
		for cluster, uid := range uids {
			if r.Clusters[cluster] == "" {
				r.Clusters[cluster] = uid
			}
		}
		r.Database.Slots = a.Slots
		if a.plan.Promise.InForce && r.Database.Installed == "" {
			r.Database.Installed = a.Run
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("record in %s what quorate owns: %w", a.step.Cluster, err)
	}
	return nil
}

func (a applyStep) clusterUIDs(ctx context.Context) (map[string]string, error) {
	v := observeAll(ctx, a.Observer, a.clusters())
	if err := v.firstError(); err != nil {
		return nil, fmt.Errorf("identify the clusters: %w", err)
	}
	uids := map[string]string{}
	for cluster, state := range v.states {
		uids[cluster] = state.UID
	}
	return uids, nil
}

func union(owned []regions.ObjectRef, desired []map[string]any) []regions.ObjectRef {
	out := slices.Clone(owned)
	for _, object := range desired {
		out = append(out, planner.RefOf(object))
	}
	slices.SortFunc(out, regions.ObjectRef.Compare)
	return slices.Compact(out)
}

// retireStep deletes what fell out of the overlay, then shrinks the inventory.
type retireStep struct{ stepBase }

func (r retireStep) perform(ctx context.Context) error {
	if err := r.intend(r.step.Summary, view{}); err != nil {
		return err
	}
	for _, ref := range r.step.Payload.Objects {
		if err := r.Objects.Delete(ctx, r.step.Cluster, ref); err != nil {
			return fmt.Errorf("delete %s in %s: %w", ref, r.step.Cluster, err)
		}
		if err := r.wrote(ref.String(), ""); err != nil {
			return err
		}
	}
	return r.Records.Update(ctx, r.step.Cluster, func(record *regions.Record) error {
		record.Inventory = union(nil, r.Desired[r.step.Cluster])
		return nil
	})
}
