package planner

import (
	"fmt"

	"quorate.dev/quorate/regions"
)

// noteOrdered warns, before anything is installed, of sets whose controller starts one
// replica only after the one before is ready (podManagementPolicy OrderedReady, the
// default): where readiness needs replicas of other clusters, which are started later, the
// installation can never end, and the policy of an existing set cannot be changed.
func (b *builder) noteOrdered() {
	noted := map[string]bool{}
	for _, s := range b.sites {
		for _, p := range s.pools {
			if p.live != nil || p.want < 2 || noted[p.name] || b.elsewhere(p) == 0 || !orderedReady(s.desiredSet(p.name)) {
				continue
			}
			noted[p.name] = true
			b.note(fmt.Sprintf("StatefulSet %s starts a cluster's replicas one after the other, each once the one before is ready (podManagementPolicy OrderedReady, the default); if they are ready only with a majority over all clusters, none gets that far: write podManagementPolicy: Parallel, which cannot be changed after the installation", p.name))
		}
	}
}

// elsewhere is how many replicas a pool has in all clusters beyond those of this one.
func (b *builder) elsewhere(p pool) int {
	n := -p.want
	for _, s := range b.sites {
		for _, other := range s.pools {
			if other.name == p.name {
				n += other.want
			}
		}
	}
	return n
}

// desiredSet is the overlay's StatefulSet of a name, nil where it has none.
func (s site) desiredSet(name string) map[string]any {
	for _, object := range s.desired {
		if ref := RefOf(object); ref.Kind == "StatefulSet" && ref.Name == name {
			return object
		}
	}
	return nil
}

func orderedReady(set map[string]any) bool {
	spec, _ := set["spec"].(map[string]any)
	return spec != nil && spec["podManagementPolicy"] != "Parallel"
}

// turn says for which replica a pod that does not exist waits, where its controller makes
// pods one after the other; empty where it is its turn.
func turn(state regions.ClusterState, set regions.StatefulSetState, id regions.ReplicaID) string {
	if set.Parallel {
		return ""
	}
	for ordinal := range id.Ordinal {
		before := regions.ReplicaID{Cluster: id.Cluster, Pool: id.Pool, Ordinal: ordinal}
		if pod := FindPod(state, before); pod == nil || !pod.Up() {
			return fmt.Sprintf("; it is made once %s is ready (podManagementPolicy OrderedReady)", before.Pod())
		}
	}
	return ""
}
