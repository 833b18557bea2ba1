package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// errWaited: the way is free now, after something was in it.
var errWaited = errors.New("something was in the way before")

// guardRecheck is how often a guard reads all clusters while something is in the way.
const guardRecheck = heartbeat / 10

// guarded runs an act that takes the targets down (or, with none, adds a replica)
// when live health allows it: it reads every cluster freshly, holds the budget and the
// promise against what it read, and then acts under preconditions from that same
// read. Where something is in the way it waits for a change, never longer than the
// run's timeout; what was down meanwhile may have left the database with work to do, so
// its own gate is held again before the act. Where nothing was in the way, it is looked at once.
func (b stepBase) guarded(ctx context.Context, targets []regions.ReplicaID, act func(context.Context, view) error) error {
	return b.guardedAfter(ctx, targets, nil, act)
}

// guardedAfter is guarded with something to do before: while everything allows the
// act, prepare runs, which disturbs nobody and may take a while; then it is all looked
// at again.
func (b stepBase) guardedAfter(ctx context.Context, targets []regions.ReplicaID, prepare, act func(context.Context, view) error) error {
	for began := b.Now(); ; {
		err := b.attempt(ctx, targets, prepare, act)
		if !errors.Is(err, errWaited) {
			return err
		}
		if b.Now().Sub(began) > 2*b.timeout() {
			return fmt.Errorf("not within %s: replicas keep going down and coming back", 2*b.timeout())
		}
		if err := b.whole(ctx); err != nil {
			return err
		}
	}
}

func (b stepBase) attempt(ctx context.Context, targets []regions.ReplicaID, prepare, act func(context.Context, view) error) error {
	waited := false
	return b.poll(ctx, wait{clusters: b.clusters(), deadline: b.timeout(), recheck: guardRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		fresh, missing := b.inTheWay(ctx, targets)
		if len(missing) == 0 && waited && b.asksGate(fresh, targets) {
			return nil, errWaited
		}
		if len(missing) == 0 {
			var err error
			if fresh, missing, err = b.makeReady(ctx, fresh, targets, prepare); err != nil {
				return b.retry(err)
			}
		}
		if len(missing) > 0 {
			waited = true
			return missing, nil
		}
		return b.retry(act(ctx, fresh))
	}})
}

// asksGate: the act waits for the database's own health.
func (b stepBase) asksGate(v view, targets []regions.ReplicaID) bool {
	return b.gated() && !b.mends(v, targets)
}

// makeReady does what comes before the act, and looks at everything again if that took time. The
// database's health is looked at once more before a replica is taken down: its gate opened
// before the soak, and what came since need not show in the pods. A replica that lost the
// others is ready all the same where readiness needs no quorum.
func (b stepBase) makeReady(ctx context.Context, fresh view, targets []regions.ReplicaID, prepare func(context.Context, view) error) (view, []string, error) {
	asks := len(targets) > 0 && b.asksGate(fresh, targets)
	if asks {
		if missing := b.ask(ctx, fresh); len(missing) > 0 {
			return fresh, missing, nil
		}
	}
	if prepare != nil {
		if err := prepare(ctx, fresh); err != nil {
			return fresh, nil, err
		}
	}
	if !asks && prepare == nil {
		return fresh, nil, nil
	}
	fresh, missing := b.inTheWay(ctx, targets)
	return fresh, missing, nil
}

// inTheWay reads every cluster freshly and says why the targets may not be taken down now.
func (b stepBase) inTheWay(ctx context.Context, targets []regions.ReplicaID) (view, []string) {
	fresh := observeAll(ctx, b.Observer, b.clusters())
	missing := fresh.silent(b.clusters())
	if len(missing) == 0 {
		missing = b.forbids(ctx, fresh, targets)
	}
	return fresh, missing
}

// gated: the database has a gate, and holds something that it can be asked about.
func (b stepBase) gated() bool { return b.Profile.Hooks.Gate != nil && b.plan.Promise.InForce }

// mends tells whether the act repairs only what does not come back by itself,
// which costs nothing.
func (b stepBase) mends(v view, targets []regions.ReplicaID) bool {
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(id regions.ReplicaID) bool { return !stuck(v, id) })
}

// stuck: the replica is down, and making its pod anew may mend that. One that is
// merely starting may serve by the time its controller takes it down.
func stuck(v view, id regions.ReplicaID) bool {
	state := v.states[id.Cluster]
	set, pod := planner.FindSet(state, id.Pool), planner.FindPod(state, id)
	if set == nil || pod == nil || pod.Up() || pod.Terminating {
		return false
	}
	return pod.Waiting != "" || pod.Revision != set.CurrentRevision
}

// onlyFailing: the targets and everybody else who is down fail to start and will
// not come back by themselves. Mending one takes nothing away then, and waiting for the
// others first would never end. Beside one that is merely starting it waits.
func (b stepBase) onlyFailing(v view, others map[regions.ReplicaID]string, targets []regions.ReplicaID) bool {
	for id := range others {
		if !failing(v, id) {
			return false
		}
	}
	return len(targets) > 0 && !slices.ContainsFunc(targets, func(id regions.ReplicaID) bool { return !failing(v, id) })
}

// failing: the replica's pod cannot start (its image, its configuration, its place).
func failing(v view, id regions.ReplicaID) bool {
	pod := planner.FindPod(v.states[id.Cluster], id)
	return pod != nil && pod.Waiting != "" && !pod.Terminating
}

// starting says which targets are down and come back by themselves.
func starting(v view, targets []regions.ReplicaID) []string {
	var out []string
	down := downReasons(v)
	for _, id := range targets {
		if down[id] != "" && !stuck(v, id) {
			out = append(out, down[id])
		}
	}
	return out
}

// retry turns what can mend itself (a changed object, a condition that does not
// hold yet) into something to wait for.
func (b stepBase) retry(err error) ([]string, error) { return retryChanged(err, b.step.Cluster) }

// forbids says why the targets may not be taken down now: the budget counts the
// replicas that are down, whoever took them down, together with the targets, and
// the promise is held against the live layout. A replica is added only while none is down.
func (b stepBase) forbids(ctx context.Context, v view, targets []regions.ReplicaID) []string {
	if !b.plan.Promise.InForce {
		return nil // nothing was initialised, so nothing is promised
	}
	if unseen := unseenSets(v); len(unseen) > 0 {
		return unseen
	}
	others := b.troubled(ctx, v)
	for _, id := range targets {
		delete(others, id)
	}
	if b.onlyFailing(v, others, targets) {
		return nil
	}
	budget := b.Topology.Spec.Rollout.MaxUnavailable
	if len(others)+len(targets) > budget || len(targets) == 0 && len(others) > 0 {
		return reasons(others)
	}
	if b.mends(v, targets) {
		return nil
	}
	if missing := starting(v, targets); len(missing) > 0 {
		return missing
	}
	return b.promiseBlocker(v, others, targets)
}

// unseenSets are the StatefulSets whose newest spec their controller has yet to
// see: what it is about to do is not known.
func unseenSets(v view) []string {
	var out []string
	for _, state := range v.all() {
		for _, set := range state.StatefulSets {
			if set.ObservedGeneration < set.Generation {
				out = append(out, fmt.Sprintf("the StatefulSet controller of %s to see the newest %s", state.Cluster, set.Name))
			}
		}
	}
	return out
}

// promiseBlocker holds the promise against the members that there should be. Those that
// nobody asks for any more count only where they vote for good (a static cluster).
func (b stepBase) promiseBlocker(v view, others map[regions.ReplicaID]string, targets []regions.ReplicaID) []string {
	layout := regions.LiveLayout(b.Topology, v.all())
	if layout.Model == regions.ModelNone || len(targets) == 0 {
		return nil // adding a replica takes nothing away
	}
	down := map[regions.ReplicaID]bool{}
	layout.Members = slices.DeleteFunc(layout.Members, func(m regions.Member) bool {
		missing := !isExpected(v, m.ID)
		down[m.ID] = missing && b.Topology.DeclaresMembers()
		return missing && !b.Topology.DeclaresMembers()
	})
	for id := range others {
		down[id] = true
	}
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

// reasons say of each replica what is wrong, in the replicas' order.
func reasons(troubled map[regions.ReplicaID]string) []string {
	ids := slices.SortedFunc(maps.Keys(troubled), func(a, c regions.ReplicaID) int { return strings.Compare(a.String(), c.String()) })
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = troubled[id]
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

// whole waits until the database is healthy by its own gate.
func (b stepBase) whole(ctx context.Context) error {
	interval := b.Topology.Spec.Rollout.GateIntervalDuration()
	if interval == 0 {
		interval = b.Profile.Hooks.Gate.IntervalDuration()
	}
	return b.gate(ctx, max(interval, time.Millisecond))
}
