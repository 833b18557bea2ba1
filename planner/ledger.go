package planner

import (
	"fmt"
	"maps"

	"quorate.dev/quorate/regions"
)

// ledger is the account of what may still fail: who is down, and what the
// layout survives with them and with those that a step takes down.
type ledger struct {
	layout  regions.Layout
	down    map[regions.ReplicaID]bool
	promise regions.Failure // kept at every step
	inForce bool            // false before the first initialisation: nothing is promised
}

// newLedger takes zones and nodes from what was seen, and only those replicas
// that exist: a replica still to be made is no voter yet.
func newLedger(in Input, all []site, inForce bool) ledger {
	l := ledger{
		layout:  regions.LiveLayout(in.Topology, in.states()),
		down:    Down(in.states()),
		promise: in.Topology.Spec.Survive.WhileUpdating,
		inForce: inForce,
	}
	for _, s := range all {
		if s.obs.Unreachable == "" {
			continue
		}
		for _, p := range s.pools {
			for _, id := range s.replicas(p, p.want) {
				l.down[id] = true
			}
		}
	}
	if inForce {
		l.layout.Members = existing(l.layout.Members, all)
	}
	return l
}

func existing(members []regions.Member, all []site) []regions.Member {
	count := map[[2]string]int{}
	for _, s := range all {
		for _, p := range s.pools {
			n := p.want
			if s.obs.Unreachable == "" {
				n = 0
				if p.live != nil {
					n = p.live.Replicas
				}
			}
			count[[2]string{s.cluster.Name, p.name}] = n
		}
	}
	var out []regions.Member
	for _, m := range members {
		if m.ID.Ordinal < count[[2]string{m.ID.Cluster, m.ID.Pool}] {
			out = append(out, m)
		}
	}
	return out
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
	for _, id := range ids {
		if !l.down[id] {
			return false
		}
	}
	return true
}

// BreaksPromise says in words how an exposure falls short of what is promised
// while updating; it is empty where the promise is kept.
func BreaksPromise(e regions.Exposure, promise regions.Failure) string {
	switch {
	case !e.Available():
		return fmt.Sprintf("the quorum would be lost (slack %d)", e.Slack)
	case promise != regions.FailureNone && !e.Survives[promise]:
		return fmt.Sprintf("survive.whileUpdating promises that any %s may be lost meanwhile, and it could not", promise)
	}
	return ""
}
