package regions

import "slices"

// seedSlots is the number of seed names, join-0 to join-4. It never changes: the
// list of seeds is an argument of every pod, and a change would restart them all.
const seedSlots = 5

// Slots assigns the five seed names to replicas, slot 0 first. Replicas are
// taken in turns from the regions, within a region from its clusters, lowest ordinal first,
// so that the seeds outlive the loss of any region. A recorded slot keeps its
// replica while the topology declares it: slot 0, where the database was
// initialised, and with it what running replicas have resolved. With fewer than
// five replicas slots repeat; a repeated slot goes to a new replica once there is one.
//
// The result is empty where the topology declares no replica.
func Slots(t *Topology, recorded []ReplicaID) []ReplicaID {
	candidates := seedCandidates(t)
	if len(candidates) == 0 {
		return nil
	}
	slots := make([]ReplicaID, seedSlots)
	filled := make([]bool, seedSlots)
	var taken []ReplicaID
	take := func(i int, id ReplicaID) {
		slots[i], filled[i] = id, true
		taken = append(taken, id)
	}
	keep := func(repeats bool) {
		for i := range min(len(recorded), seedSlots) {
			id := recorded[i]
			if !filled[i] && slices.Contains(candidates, id) && (repeats || !slices.Contains(taken, id)) {
				take(i, id)
			}
		}
	}
	keep(false)
	unused := slices.DeleteFunc(slices.Clone(candidates), func(id ReplicaID) bool { return slices.Contains(taken, id) })
	for i := range slots {
		if !filled[i] && len(unused) > 0 {
			take(i, unused[0])
			unused = unused[1:]
		}
	}
	keep(true)
	for i := range slots {
		if !filled[i] {
			take(i, candidates[i%len(candidates)])
		}
	}
	return slots
}

// seedCandidates are all replicas in the order in which they become seeds.
func seedCandidates(t *Topology) []ReplicaID {
	var byRegion [][]ReplicaID
	for _, region := range t.Spec.Regions {
		var byCluster [][]ReplicaID
		for _, c := range region.Clusters {
			var ids []ReplicaID
			for _, r := range t.replicasOf(region.Name, c) {
				ids = append(ids, r.ID)
			}
			slices.SortStableFunc(ids, func(a, b ReplicaID) int { return a.Ordinal - b.Ordinal })
			byCluster = append(byCluster, ids)
		}
		byRegion = append(byRegion, inTurns(byCluster))
	}
	return inTurns(byRegion)
}

// inTurns takes the first of each list, then the second of each, and so on.
func inTurns(lists [][]ReplicaID) []ReplicaID {
	var out []ReplicaID
	for i := 0; ; i++ {
		before := len(out)
		for _, list := range lists {
			if i < len(list) {
				out = append(out, list[i])
			}
		}
		if len(out) == before {
			return out
		}
	}
}
