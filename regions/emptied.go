package regions

// HoldsData tells whether the database is known to hold data: its initialisation
// or its installation is on record, or some replica serves already. A member of a static
// cluster may be ready before there is a database, so that there a majority of the
// declared replicas must be.
func HoldsData(t *Topology, states []ClusterState) bool {
	ready := 0
	for _, s := range states {
		if s.Record.Database.ClusterID != "" || s.Record.Database.Installed != "" {
			return true
		}
		for _, pod := range s.Pods {
			if pod.Up() {
				ready++
			}
		}
	}
	if t.DeclaresMembers() {
		return ready > len(t.Replicas())/2
	}
	return ready > 0
}

// DeclaresMembers tells whether the database's members are the declared replicas, all of
// them, from the first start of any on: a static cluster, of which each member is given the
// list of all. A replica that was never made is a member that is down.
func (t *Topology) DeclaresMembers() bool { return t.Spec.Profile == profileEtcd }

// Emptied tells whether a cluster held replicas before and holds nothing now: the
// database holds data, another cluster's record pins this one as part of it, and it
// answers with no record, no StatefulSet, no pod and no volume claim of its own. Its
// declared replicas are members that are down, since the database still counts on them.
//
// A run that added the cluster and died before it reached it leaves the same sight;
// that it is taken for an emptied one then is on the safe side.
func Emptied(t *Topology, cluster string, states []ClusterState) bool {
	pinned, empty := false, false
	for _, s := range states {
		if s.Cluster == cluster {
			empty = !s.Record.Exists && len(s.StatefulSets)+len(s.Pods)+len(s.Claims) == 0
			continue
		}
		pinned = pinned || s.Record.Clusters[cluster] != ""
	}
	return pinned && empty && HoldsData(t, states)
}
