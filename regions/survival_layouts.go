package regions

import (
	"cmp"
	"slices"
)

// DeclaredLayout is the layout that the topology declares: each replica on a
// node of its own, in its declared zone. It is what may be hoped for; LiveLayout is what is.
func DeclaredLayout(t *Topology) Layout {
	l := emptyLayout(t)
	for _, r := range t.Replicas() {
		l.Members = append(l.Members, declaredMember(t, r))
	}
	return l
}

func emptyLayout(t *Topology) Layout {
	s := t.Spec.Survive
	return Layout{Model: s.Model, Voters: s.Voters, Promise: s.Failure}
}

func declaredMember(t *Topology, r Replica) Member {
	return Member{ID: r.ID, Region: r.Region, Zone: t.usableZone(r.Zone)}
}

// usableZone hides zones from a database that places its voters by rules but is
// not told the zones of its nodes.
func (t *Topology) usableZone(zone string) string {
	if t.Spec.Locality.Zone == zoneNone && t.Spec.Survive.Model == ModelRanges {
		return ""
	}
	return zone
}

// LiveLayout is the layout as observed. The members of a cluster that was seen
// are those that were born: the StatefulSets' ordinals below spec.replicas,
// every pod, and every replica that has a volume claim, declared or not. A replica that is
// declared but was never created is no member yet, so that growing
// costs no slack; one that is gone is a member still. A cluster without a state counts
// as declared, and so does one that was emptied. In a static cluster (DeclaresMembers)
// every declared replica is a member, created or not.
//
// A member with a pod on a node has that node and the zone that was observed
// there, unknown where no label says it; any other has its declared zone and a node of its own.
func LiveLayout(t *Topology, states []ClusterState) Layout {
	l := emptyLayout(t)
	seen := map[string]ClusterState{}
	for _, s := range states {
		seen[s.Cluster] = s
	}
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			declared := t.replicasOf(region.Name, c)
			if state, ok := seen[c.Name]; ok && !Emptied(t, c.Name, states) {
				declared = t.present(region.Name, c, state)
			}
			for _, r := range declared {
				l.Members = append(l.Members, t.liveMember(r, seen[c.Name]))
			}
			delete(seen, c.Name)
		}
	}
	l.Members = append(l.Members, t.undeclared(states, seen)...)
	return l
}

// undeclared are the members of clusters that the topology does not name any
// more: they vote until they are removed.
func (t *Topology) undeclared(states []ClusterState, left map[string]ClusterState) []Member {
	var out []Member
	for _, s := range states {
		if _, ok := left[s.Cluster]; !ok {
			continue
		}
		for _, r := range t.born(s.Region, Cluster{Name: s.Cluster}, s) {
			out = append(out, t.liveMember(r, s))
		}
	}
	slices.SortFunc(out, func(a, b Member) int { return a.ID.Compare(b.ID) })
	return out
}

// present are the members of a cluster that was seen.
func (t *Topology) present(region string, c Cluster, state ClusterState) []Replica {
	members := t.born(region, c, state)
	if !t.DeclaresMembers() {
		return members
	}
	for _, r := range t.replicasOf(region, c) {
		if !slices.ContainsFunc(members, func(m Replica) bool { return m.ID == r.ID }) {
			members = append(members, r)
		}
	}
	slices.SortFunc(members, func(a, b Replica) int { return a.ID.Compare(b.ID) })
	return members
}

// born are the replicas of a cluster that exist or existed, by pool and ordinal.
func (t *Topology) born(region string, c Cluster, state ClusterState) []Replica {
	ids := map[ReplicaID]bool{}
	for _, set := range state.StatefulSets {
		for ordinal := range set.Replicas {
			ids[ReplicaID{Cluster: c.Name, Pool: set.Name, Ordinal: ordinal}] = true
		}
	}
	for _, pod := range state.Pods {
		ids[pod.ID] = true
	}
	for _, id := range Claimed(state, t.poolNames()) {
		ids[id] = true
	}
	var out []Replica
	for id := range ids {
		out = append(out, Replica{ID: id, Region: region, Zone: t.zoneOf(c, id)})
	}
	slices.SortFunc(out, func(a, b Replica) int { return a.ID.Compare(b.ID) })
	return out
}

func (t *Topology) liveMember(r Replica, state ClusterState) Member {
	m := declaredMember(t, r)
	for _, pod := range state.Pods {
		if pod.ID != r.ID || pod.Node == "" {
			continue
		}
		m.Node, m.Zone = pod.Node, t.usableZone(cmp.Or(pod.Zone, zoneOfNode(state, pod.Node)))
	}
	return m
}

func zoneOfNode(state ClusterState, node string) string {
	for _, n := range state.Nodes {
		if n.Name == node {
			return n.Zone
		}
	}
	return ""
}
