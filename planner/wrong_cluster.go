package planner

import (
	"fmt"

	"quorate.dev/quorate/regions"
)

const correctContext = "correct the context of this cluster in the topology or in the kubeconfig"

// WrongClusters are the clusters of the topology that are not those they are taken
// for, in rollout order, each as a refusal with code wrong-cluster. The UID of a
// cluster (of its namespace kube-system) is pinned at the first apply, in the other
// clusters too, so that a context that points elsewhere is recognised by any record
// that can be read. Two contexts may reach one Kubernetes cluster, if not the same
// namespace. States of clusters that did not answer are left out by the caller.
func WrongClusters(t *regions.Topology, states []regions.ClusterState) []Refusal {
	byName := map[string]regions.ClusterState{}
	for _, s := range states {
		byName[s.Cluster] = s
	}
	var out []Refusal
	for _, c := range t.OrderedClusters() {
		state, seen := byName[c.Name]
		if !seen {
			continue
		}
		if r := notRecorded(t, c, state, byName); r != nil {
			out = append(out, *r)
			continue
		}
		out = append(out, sharesNamespace(t, c, state, byName)...)
	}
	return out
}

// notRecorded: some record knows the cluster with another UID.
func notRecorded(t *regions.Topology, c regions.Cluster, state regions.ClusterState, byName map[string]regions.ClusterState) *Refusal {
	for _, other := range t.OrderedClusters() {
		pinned := byName[other.Name].Record.Clusters[c.Name]
		if pinned == "" || pinned == state.UID {
			continue
		}
		return &Refusal{
			Code: "wrong-cluster", Cluster: c.Name,
			Message: fmt.Sprintf("context %q reaches a cluster with UID %s, but %s was recorded (in %s) with UID %s",
				c.Context, state.UID, c.Name, other.Name, pinned),
			Hint: correctContext,
		}
	}
	return nil
}

// sharesNamespace: another cluster of the topology is the same namespace of the
// same Kubernetes cluster. Each pair is reported once.
func sharesNamespace(t *regions.Topology, c regions.Cluster, state regions.ClusterState, byName map[string]regions.ClusterState) []Refusal {
	var out []Refusal
	for _, other := range t.OrderedClusters() {
		if state.UID == "" || other.Name >= c.Name || other.Namespace != c.Namespace || byName[other.Name].UID != state.UID {
			continue
		}
		out = append(out, Refusal{
			Code: "wrong-cluster", Cluster: c.Name,
			Message: fmt.Sprintf("contexts %q and %q reach the same cluster (UID %s), in which %s and %s would share namespace %s",
				c.Context, other.Context, state.UID, c.Name, other.Name, c.Namespace),
			Hint: correctContext,
		})
	}
	return out
}
