package planner

import (
	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/regions"
)

// Input is everything a plan follows from.
type Input struct {
	Topology *regions.Topology // valid: Parse returned no errors
	Profile  kustomize.Profile
	// Desired are the built objects of each cluster, in the build's order.
	Desired map[string][]map[string]any
	// Observed has one entry for each cluster of the topology, in any order.
	Observed []Observation
	// Offline plans an installation from nothing: Observed is not used.
	Offline bool
}

// Observation is what was seen of one cluster, or why nothing was.
type Observation struct {
	Cluster string
	State   regions.ClusterState
	Objects []regions.ObjectState
	// Unreachable is the reason for which the cluster could not be asked; empty where it answered.
	Unreachable string
}

// observation finds a cluster's observation; an offline plan has none, which
// reads as an empty cluster of the newest version.
func (in Input) observation(cluster string) Observation {
	for _, o := range in.Observed {
		if o.Cluster == cluster {
			return o
		}
	}
	return Observation{Cluster: cluster, State: regions.ClusterState{Cluster: cluster}}
}

// states are the observed states of the clusters that answered.
func (in Input) states() []regions.ClusterState {
	var out []regions.ClusterState
	for _, o := range in.Observed {
		if o.Unreachable == "" {
			out = append(out, o.State)
		}
	}
	return out
}
