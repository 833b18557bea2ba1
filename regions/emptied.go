package regions

import "slices"

// HoldsData tells whether the database is known to hold data: its initialisation
// or its installation is on record, or some replica serves already.
func HoldsData(states []ClusterState) bool {
	return slices.ContainsFunc(states, func(s ClusterState) bool {
		record := s.Record.Database
		return record.ClusterID != "" || record.Installed != "" || slices.ContainsFunc(s.Pods, PodState.Up)
	})
}

// Emptied tells whether a cluster held replicas before and holds nothing now: the
// database holds data, another cluster's record pins this one as part of it, and it
// answers with no record, no StatefulSet, no pod and no volume claim of its own. Its
// declared replicas are members that are down, since the database still counts on them.
//
// A run that added the cluster and died before it reached it leaves the same sight;
// that it is taken for an emptied one then is on the safe side.
func Emptied(cluster string, states []ClusterState) bool {
	pinned, empty := false, false
	for _, s := range states {
		if s.Cluster == cluster {
			empty = !s.Record.Exists && len(s.StatefulSets)+len(s.Pods)+len(s.Claims) == 0
			continue
		}
		pinned = pinned || s.Record.Clusters[cluster] != ""
	}
	return pinned && empty && HoldsData(states)
}
