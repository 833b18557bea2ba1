package planner

import (
	"fmt"
	"maps"
	"slices"

	"quorate.dev/quorate/regions"
)

// ledger is the account of what may still fail: who is down, and what the
// layout survives with them and with those that a step takes down.
type ledger struct {
	layout  regions.Layout
	live    bool // zones and nodes are taken from what was seen
	down    map[regions.ReplicaID]bool
	promise regions.Failure // kept at every step
	inForce bool            // false before the first initialisation: nothing is promised
}

// newLedger takes the members, their zones and their nodes from what was seen. A
// member that does not serve is down, whoever took it down: one whose pod or whose
// StatefulSet is gone as well (its volume says that it was there, declared or not),
// and every one of a cluster that does not answer or was emptied. Before the first initialisation
// there are no members yet, and the layout is the declared one.
func newLedger(in Input, inForce bool) ledger {
	l := ledger{
		layout: regions.DeclaredLayout(in.Topology), down: map[regions.ReplicaID]bool{},
		promise: in.Topology.Spec.Survive.WhileUpdating, inForce: inForce,
	}
	if !inForce {
		return l
	}
	states := in.states()
	l.layout = regions.LiveLayout(in.Topology, states)
	l.live = slices.ContainsFunc(states, func(s regions.ClusterState) bool { return len(s.Pods) > 0 })
	for _, m := range l.layout.Members {
		serves := slices.ContainsFunc(states, func(s regions.ClusterState) bool {
			pod := FindPod(s, m.ID)
			return pod != nil && pod.Up()
		})
		if !serves {
			l.down[m.ID] = true
		}
	}
	return l
}

// exposure is what survives while the given replicas are down beside those that
// are down already.
func (l ledger) exposure(disrupted []regions.ReplicaID) regions.Exposure {
	down := maps.Clone(l.down)
	for _, id := range disrupted {
		down[id] = true
	}
	return l.layout.Exposure(down)
}

// breaks says how a disruption breaks the promise, or nothing. Taking down what
// is down already is free: that is how it is repaired.
func (l ledger) breaks(disrupted []regions.ReplicaID) string {
	if !l.inForce || l.layout.Model == regions.ModelNone || l.allDown(disrupted) {
		return ""
	}
	return BreaksPromise(l.exposure(disrupted), l.promise)
}

func (l ledger) allDown(ids []regions.ReplicaID) bool {
	return !slices.ContainsFunc(ids, func(id regions.ReplicaID) bool { return !l.down[id] })
}

// basis names where zones and nodes were taken from.
func (l ledger) basis() string {
	if l.live {
		return "live"
	}
	return "declared"
}

// BreaksPromise says in words how an exposure falls short of what is promised
// while updating; it is empty where the promise is kept.
func BreaksPromise(e regions.Exposure, promise regions.Failure) string {
	switch {
	case !e.Available():
		return fmt.Sprintf("the quorum would be lost (slack %d)", e.Slack)
	case promise != "" && promise != regions.FailureNone && !e.Survives[promise]:
		return fmt.Sprintf("survive.whileUpdating promises that any %s may be lost meanwhile, and it could not", promise)
	}
	return ""
}
