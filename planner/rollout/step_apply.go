package rollout

import (
	"context"
	"errors"
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
	over := Takeover{Equal: slices.Contains(a.step.Payload.TakeOver, ref)}
	for _, forced := range a.step.Payload.Force {
		if forced.Object == ref {
			over.Managers = forced.Managers
		}
	}
	if err := a.Objects.Apply(ctx, a.step.Cluster, object, over); err != nil {
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
	if planner.FindSet(state, ref.Name) == nil {
		return a.install(ctx, object, ref)
	}
	if err := a.hold(ctx, ref.Name); err != nil {
		return fmt.Errorf("hold %s in %s before applying it: %w", ref, a.step.Cluster, err)
	}
	return a.apply(ctx, object)
}

// hold makes sure that the set's partition is held and owned by the engine, also
// where the plan saw no need: an unfinished update, or one never installed by us. Raising a
// partition moves no pod.
func (a applyStep) hold(ctx context.Context, pool string) error {
	return a.onFreshSet(ctx, pool, func(ctx context.Context, seen view, set *regions.StatefulSetState) error {
		owned := slices.Contains(set.PartitionManagers, planner.RolloutManager) && slices.Contains(set.ReplicasManagers, planner.RolloutManager)
		if owned && set.Partition >= set.Replicas {
			return nil
		}
		return a.setRollout(ctx, seen, set, set.Replicas, max(set.Partition, set.Replicas))
	})
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

// recordOwnership writes the union of the old and the new inventory before
// anything is applied, so that a crash orphans nothing.
func (a applyStep) recordOwnership(ctx context.Context) error {
	v := observeAll(ctx, a.Observer, a.clusters())
	if err := v.firstError(); err != nil {
		return fmt.Errorf("identify the clusters: %w", err)
	}
	founded, err := databaseOf(v)
	if err != nil {
		return err
	}
	err = a.Records.Update(ctx, a.step.Cluster, func(r *regions.Record) error {
		r.Inventory = union(r.Inventory, a.Desired[a.step.Cluster])
		r.Database.Slots, r.Database.Zone = a.Slots, a.Topology.Spec.DNS.Zone
		r.Database.Released = stillReleased(v.states[a.step.Cluster], r.Database.Released)
		if r.Database.ClusterID == "" {
			r.Database.ClusterID = founded
		}
		if a.plan.Promise.InForce && r.Database.Installed == "" {
			r.Database.Installed = a.Run
		}
		return pin(r, v)
	})
	if err != nil {
		return fmt.Errorf("record in %s what quorate owns: %w", a.step.Cluster, err)
	}
	return nil
}

// databaseOf is the database's own ID where any cluster records it: a crash may
// have come between two records of it.
func databaseOf(v view) (string, error) {
	id, where := "", ""
	for _, state := range v.all() {
		recorded := state.Record.Database.ClusterID
		if recorded != "" && id != "" && recorded != id {
			return "", fmt.Errorf("%s records database %s and %s records %s: find out which one is real", where, id, state.Cluster, recorded)
		}
		if recorded != "" {
			id, where = recorded, state.Cluster
		}
	}
	return id, nil
}

// pin records which cluster is which, so that a context that points elsewhere is
// recognised.
func pin(r *regions.Record, v view) error {
	if r.Clusters == nil {
		r.Clusters = map[string]string{}
	}
	for cluster, state := range v.states {
		switch pinned := r.Clusters[cluster]; pinned {
		case "":
			r.Clusters[cluster] = state.UID
		case state.UID:
		default:
			return fmt.Errorf("%s was recorded as the cluster with UID %s and is now %s: correct its context", cluster, pinned, state.UID)
		}
	}
	return nil
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
		err := r.Objects.Delete(ctx, r.step.Cluster, ref)
		if foreign, ok := errors.AsType[interface {
			error
			ManagedBy() []string
		}](err); ok {
			r.emit(Event{Type: EventNote, Cluster: r.step.Cluster, Message: fmt.Sprintf("%s is left alone, and no longer ours: %v", ref, foreign)})
			continue
		}
		if err != nil {
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
