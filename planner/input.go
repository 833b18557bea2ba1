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
	// ReadOnly: the clusters were only read, so that Observed has no dry runs.
	ReadOnly bool
	// ForceManagers are the field managers whose values may be overwritten: named by the user.
	ForceManagers []string
	// ReplicasAt says where the replicas of a cluster are written, as file:line, for messages.
	ReplicasAt map[string]string
}

// Observation is what was seen of one cluster, or why nothing was.
type Observation struct {
	Cluster string
	State   regions.ClusterState
	Objects []regions.ObjectState
	// Unreachable is the reason for which the cluster could not be asked; empty where it answered.
	Unreachable string
}

// notAsked is the reason of a cluster for which there is no observation at all.
const notAsked = "it was not asked"

// observation finds a cluster's observation. A cluster without one is
// unreachable, except that an offline plan takes every cluster to be empty.
func (in Input) observation(cluster string) Observation {
	empty := Observation{Cluster: cluster, State: regions.ClusterState{Cluster: cluster}}
	if in.Offline {
		return empty
	}
	for _, o := range in.Observed {
		if o.Cluster == cluster {
			return o
		}
	}
	empty.Unreachable = notAsked
	return empty
}

// answered are the observations of the topology's clusters that answered, in the
// order of the topology, so that nothing depends on who answered first.
func (in Input) answered() []Observation {
	if in.Offline {
		return nil
	}
	var out []Observation
	for _, c := range in.Topology.OrderedClusters() {
		if o := in.observation(c.Name); o.Unreachable == "" {
			out = append(out, o)
		}
	}
	return out
}

// states are the observed states of the clusters that answered.
func (in Input) states() []regions.ClusterState {
	var out []regions.ClusterState
	for _, o := range in.answered() {
		out = append(out, o.State)
	}
	return out
}

// initialised tells whether the database is known to hold data, so that promises
// are in force: it is recorded, or some replica serves already.
func (in Input) initialised() bool { return regions.HoldsData(in.Topology, in.states()) }

// initIntent is the run that began to initialise the database, and in which replica,
// as any record says, the first in rollout order; empty where none began.
func (in Input) initIntent() (run, replica string) {
	for _, s := range in.states() {
		if d := s.Record.Database; d.IntentRun != "" || d.IntentReplica != "" {
			return d.IntentRun, d.IntentReplica
		}
	}
	return "", ""
}
