package planner

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/regions"
)

// Released tells whether a pool's partition was handed back: that is on record, and
// nobody took the hold again since.
func Released(state regions.ClusterState, set regions.StatefulSetState) bool {
	return slices.Contains(state.Record.Database.Released, set.Name) && !slices.Contains(set.PartitionManagers, RolloutManager)
}

// staleReleases: the record has pools as released that are held.
func staleReleases(state regions.ClusterState) bool {
	return slices.ContainsFunc(state.Record.Database.Released, func(pool string) bool {
		set := FindSet(state, pool)
		return set != nil && !Released(state, *set)
	})
}

// released: the partition was handed back.
func (s site) released(p pool) bool { return p.live != nil && Released(s.obs.State, *p.live) }

// leaveAlone: a pool that was released, and of which nothing is to be changed, is its
// controller's; an update that somebody else began there is theirs.
func (s site) leaveAlone(p pool) bool {
	if !s.released(p) || p.want != p.had || p.replicas() != p.had {
		return false
	}
	object := findObject(s.obs.Objects, "StatefulSet", p.name)
	return object == nil || object.Rejected == "" && objectChange(s.cluster.Name, object.ObjectState) == nil
}

// noteReleased says which pools the plan leaves to their controllers, and of which it takes
// the hold back.
func (b *builder) noteReleased(s site) {
	for _, p := range s.pools {
		switch {
		case !s.released(p):
		case p.leftAlone:
			b.note(fmt.Sprintf("%s: the partition of %s is released: its controller restarts pods by itself when the template changes; to hold it again: quorate release --take-back %s",
				s.cluster.Name, p.name, s.cluster.Name))
		default:
			b.note(fmt.Sprintf("%s: the partition of %s was released, and this plan changes it: the hold is taken back, and stays", s.cluster.Name, p.name))
		}
	}
}

// BuildRelease makes the plan that hands the partitions of clusters back to whoever changes
// their templates, or takes them back. The clusters are of the topology. No pod moves by
// it: where releasing would let a controller restart one at once, that is refused.
func BuildRelease(in Input, clusters []string, takeBack bool) *Plan {
	b := newBuilder(in)
	b.viewClusters()
	b.plan.Refusals = append(b.plan.Refusals, WrongClusters(in.Topology, in.states())...)
	for _, s := range b.sites {
		if s.silent() || !slices.Contains(clusters, s.cluster.Name) {
			continue
		}
		for _, p := range s.pools {
			if takeBack {
				b.takeBack(s, p)
			} else {
				b.handBack(s, p)
			}
		}
	}
	b.finish()
	return b.plan
}

// handBack lowers a partition for good. replicas stays with the manager that has it: a
// field that nobody owns falls back to its default, which is one replica.
func (b *builder) handBack(s site, p pool) {
	name := s.cluster.Name
	switch {
	case p.live == nil || !b.initialised:
		b.refuse(Refusal{
			Code: "not-installed", Cluster: name,
			Message: fmt.Sprintf("%s: StatefulSet %s is not installed yet", name, p.name), Hint: "end the installation first: quorate apply",
		})
		return
	case s.released(p):
		b.note(fmt.Sprintf("%s: the partition of %s is released already", name, p.name))
		return
	case pending(s, p) != "":
		b.refuse(Refusal{
			Code: "update-pending", Cluster: name,
			Message: fmt.Sprintf("%s: %s: once released, its controller would restart pods at once, whatever else is down", name, pending(s, p)),
			Hint:    "end the update first: quorate apply",
		})
		return
	}
	b.link(Step{
		ID: name + "/release/" + p.name, Kind: KindPartition, Cluster: name, Region: s.region,
		Summary: fmt.Sprintf("release %s/%s (partition %d → 0)", name, p.name, p.live.Partition),
		Why:     "its controller restarts pods by itself from then on, when anybody changes the template",
		Payload: Payload{Pool: p.name, Partition: new(int), Release: true},
	})
}

// pending says why a lowered partition would move pods at once; empty where it would not.
func pending(s site, p pool) string {
	if p.live.ObservedGeneration < p.live.Generation {
		return fmt.Sprintf("the controller has not seen the newest StatefulSet %s", p.name)
	}
	return Pending(s.obs.State, *p.live)
}

// Pending says which replica of a set does not run its newest template; empty where all do.
func Pending(state regions.ClusterState, set regions.StatefulSetState) string {
	if set.CurrentRevision != set.UpdateRevision {
		return fmt.Sprintf("an update of StatefulSet %s has not ended", set.Name)
	}
	for ordinal := range set.Replicas {
		id := regions.ReplicaID{Cluster: state.Cluster, Pool: set.Name, Ordinal: ordinal}
		if pod := FindPod(state, id); pod != nil && pod.Revision != set.UpdateRevision {
			return fmt.Sprintf("%s does not run the newest template", id.Pod())
		}
	}
	return ""
}

// takeBack raises a partition to where it holds every pod.
func (b *builder) takeBack(s site, p pool) {
	if p.live == nil {
		return
	}
	owned := slices.Contains(p.live.PartitionManagers, RolloutManager)
	if owned && p.live.Partition >= p.live.Replicas {
		b.note(fmt.Sprintf("%s: the partition of %s is held already", s.cluster.Name, p.name))
		return
	}
	held := p.live.Replicas
	b.link(Step{
		ID: s.cluster.Name + "/hold/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
		Summary: fmt.Sprintf("hold %s/%s again (partition %d → %d)", s.cluster.Name, p.name, p.live.Partition, held),
		Why:     "from then on nobody's template change moves pods",
		Payload: Payload{Pool: p.name, Partition: &held, TakeBack: true},
	})
}
