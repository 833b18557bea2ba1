package planner

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// refuseMovedZone: every replica advertises its name in the zone, and peers know it
// by that name. A zone cannot be changed one replica at a time.
func (b *builder) refuseMovedZone(s site) {
	recorded, wanted := s.obs.State.Record.Database.Zone, b.in.Topology.Spec.DNS.Zone
	if recorded == "" || recorded == wanted {
		return
	}
	b.refuse(Refusal{
		Code: "zone-changed", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: the replicas of %s advertise their names in zone %s, and the topology now says %s",
			s.cluster.Name, b.plan.Deployment, recorded, wanted),
		Hint: "put the zone back; while an update runs, half of the replicas would be known by names that nobody answers",
	})
}

// refuseMovedLocality: pods are named after their StatefulSet. One set for all zones and one for each
// are other pods under other names, with empty volumes, beside those there are. It tells whether it refused.
func (b *builder) refuseMovedLocality(s site) bool {
	var sets []string
	for _, ref := range s.dropped() {
		if b.isFormerSet(ref) {
			sets = append(sets, ref.Name)
		}
	}
	for _, set := range s.obs.State.StatefulSets {
		if b.in.Topology.IsFormerPool(set.Name) && !slices.Contains(sets, set.Name) {
			sets = append(sets, set.Name)
		}
	}
	if len(sets) == 0 {
		return false
	}
	slices.Sort(sets)
	wanted, former := b.in.Topology.Spec.Locality.Zone, "statefulSetPerZone"
	if b.in.Topology.SetPerZone() {
		former = "podLabel or none"
	}
	b.refuse(Refusal{
		Code: "locality-changed", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: %s was installed with locality.zone %s (StatefulSet %s), and the topology now says %s: pods are named after their StatefulSet, so that a second set of replicas, with other names and empty volumes, would be started beside the first",
			s.cluster.Name, b.plan.Deployment, former, strings.Join(sets, ", "), wanted),
		Hint: "put locality.zone back to " + former + "; it is chosen before the first installation",
	})
	return true
}

// isFormerSet: a StatefulSet that is there because locality.zone said otherwise.
func (b *builder) isFormerSet(ref regions.ObjectRef) bool {
	return ref.Kind == "StatefulSet" && b.in.Topology.IsFormerPool(ref.Name)
}

// refuseNeighbours: a deployment that was never installed here may not move in with
// another one, or take its names. Most likely metadata.name was changed, and this
// would be a second installation over the first one's database.
func (b *builder) refuseNeighbours(s site) {
	state := s.obs.State
	if state.Record.Exists {
		return
	}
	for _, n := range state.Neighbours {
		sameNamespace := n.Namespace == s.cluster.Namespace
		sameZone := n.Zone != "" && n.Zone == b.in.Topology.Spec.DNS.Zone
		if !sameNamespace && !sameZone {
			continue
		}
		shared := "namespace " + n.Namespace
		if sameZone {
			shared = "zone " + n.Zone
		}
		b.refuse(Refusal{
			Code: "other-deployment", Cluster: s.cluster.Name,
			Message: fmt.Sprintf("%s: deployment %q (namespace %s) already has %s, and %q was never installed there",
				s.cluster.Name, n.Deployment, n.Namespace, shared, b.plan.Deployment),
			Hint: "put metadata.name back; a second deployment needs a namespace and a zone of its own",
		})
	}
}
