package regions

import (
	"slices"
	"strconv"
	"strings"
)

// ClaimReplica tells which of the pools a volume claim is of, and of which of its
// ordinals. A StatefulSet names its claims <template>-<pool>-<ordinal> (getPersistentVolumeClaimName
// in stateful_set_utils.go), which is ambiguous where one pool's name ends like another's, such as
// bank and big-bank: then the claim is of the pool with the longer name. A name of no pool is not ok.
func ClaimReplica(claim string, pools []string) (pool string, ordinal int, ok bool) {
	dash := strings.LastIndexByte(claim, '-')
	if dash < 0 {
		return "", 0, false
	}
	n, err := strconv.Atoi(claim[dash+1:])
	if err != nil || strconv.Itoa(n) != claim[dash+1:] {
		return "", 0, false
	}
	for _, name := range pools {
		template, found := strings.CutSuffix(claim[:dash], "-"+name)
		if found && template != "" && len(name) > len(pool) {
			pool, ordinal, ok = name, n, true
		}
	}
	return pool, ordinal, ok
}

// Claimed are the replicas of a cluster whose volumes exist, each once, by pool and
// ordinal, whether any StatefulSet still asks for them or not. Beside the given
// pools, those of the cluster's StatefulSets and pods are known.
func Claimed(state ClusterState, pools []string) []ReplicaID {
	pools = slices.Concat(pools, state.poolNames())
	var out []ReplicaID
	for _, c := range state.Claims {
		if pool, ordinal, ok := ClaimReplica(c.Name, pools); ok {
			out = append(out, ReplicaID{Cluster: state.Cluster, Pool: pool, Ordinal: ordinal})
		}
	}
	slices.SortFunc(out, ReplicaID.Compare)
	return slices.Compact(out)
}

// ClaimOf tells whether a volume claim of the cluster is of the replica.
func ClaimOf(state ClusterState, claim ClaimState, id ReplicaID) bool {
	pool, ordinal, ok := ClaimReplica(claim.Name, append(state.poolNames(), id.Pool))
	return ok && pool == id.Pool && ordinal == id.Ordinal
}

// poolNames are the pools that a cluster was seen to have.
func (s ClusterState) poolNames() []string {
	var out []string
	for _, set := range s.StatefulSets {
		out = append(out, set.Name)
	}
	for _, pod := range s.Pods {
		out = append(out, pod.ID.Pool)
	}
	return out
}
