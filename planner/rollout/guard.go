package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// guarded runs a disruptive act when live health allows it: it reads every
// cluster freshly, holds the budget and the promise against what it read, and
// then acts under preconditions from that same read. Where something is in the
// way it waits for a change, never longer than the run's timeout.
func (b stepBase) guarded(ctx context.Context, targets []regions.ReplicaID, act func(context.Context, view) error) error {
	return b.await(ctx, b.timeout(), heartbeat/10, func(ctx context.Context, _ view) ([]string, error) {
		if err := b.lost.err(); err != nil {
			return nil, err
		}
		fresh := observeAll(ctx, b.Observer, b.clusters())
		if missing := fresh.silent(b.clusters()); len(missing) > 0 {
			return missing, nil
		}
		if missing := b.forbids(fresh, targets); len(missing) > 0 {
			return missing, nil
		}
		return retryChanged(act(ctx, fresh), b.step.Cluster)
	})
}

// forbids says why the targets may not be taken down now: the budget counts the
// replicas that are down, whoever took them down, together with the targets, and
// the promise is held against the live layout.
func (b stepBase) forbids(v view, targets []regions.ReplicaID) []string {
	if !b.plan.Promise.InForce {
		return nil // nothing was initialised, so nothing is promised
	}
	down := planner.Down(v.all())
	others := maps.Clone(down)
	for _, id := range targets {
		delete(others, id)
	}
	if len(others)+len(targets) > b.Topology.Spec.Rollout.MaxUnavailable {
		return b.describeDown(v, others)
	}
	if allDown(down, targets) {
		return nil // mending what is down costs nothing
	}
	return b.promiseBlocker(v, others, targets)
}

func allDown(down map[regions.ReplicaID]bool, targets []regions.ReplicaID) bool {
	return !slices.ContainsFunc(targets, func(id regions.ReplicaID) bool { return !down[id] })
}

func (b stepBase) promiseBlocker(v view, others map[regions.ReplicaID]bool, targets []regions.ReplicaID) []string {
	layout := regions.LiveLayout(b.Topology, v.all())
	layout.Members = slices.DeleteFunc(layout.Members, func(m regions.Member) bool { return !isExpected(v, m.ID) })
	if layout.Model == regions.ModelNone {
		return nil
	}
	down := maps.Clone(others)
	for _, id := range targets {
		down[id] = true
	}
	if reason := planner.BreaksPromise(layout.Exposure(down), b.Topology.Spec.Survive.WhileUpdating); reason != "" {
		return []string{fmt.Sprintf("replicas where the promise holds: without %s %s", joinReplicas(targets), reason)}
	}
	return nil
}

func isExpected(v view, id regions.ReplicaID) bool {
	set := planner.FindSet(v.states[id.Cluster], id.Pool)
	return set != nil && id.Ordinal < set.Replicas
}

// describeDown names who is down and why, since that is what the step waits for.
func (b stepBase) describeDown(v view, down map[regions.ReplicaID]bool) []string {
	ids := slices.SortedFunc(maps.Keys(down), func(a, c regions.ReplicaID) int { return strings.Compare(a.String(), c.String()) })
	var out []string
	for _, id := range ids {
		reason := planner.Blocker(v.states[id.Cluster], id, planner.ConditionReady)
		if reason == "" {
			reason = id.String()
		}
		out = append(out, reason)
	}
	return out
}

func joinReplicas(ids []regions.ReplicaID) string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = id.String()
	}
	return strings.Join(out, ", ")
}
