package planner

import "fmt"

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
