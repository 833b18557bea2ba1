package preflight

import (
	"fmt"
	"math"
	"slices"

	"quorate.dev/quorate/regions"
)

func (j *judge) capacity() {
	const check = "capacity"
	if j.unseen(check, "nodes", "pods of all namespaces") {
		return
	}
	for _, p := range j.site.Pools {
		fit := Fits(j.site.Ground.Nodes, p)
		switch {
		case p.Replicas == 0:
			j.say(OK, check, p.Name+": every replica has its place", "")
		case fit < int64(p.Replicas):
			j.say(Failed, check, fmt.Sprintf("%s: room for %d of %d replicas of %s CPU and %s memory%s", p.Name, fit, p.Replicas,
				shown("cpu", p.CPU), shown("memory", p.Memory), apart(p)), "add nodes, or ask for less in the topology")
		default:
			j.tight(check, p, fit)
		}
	}
}

func apart(p Pool) string {
	if p.OnePerNode {
		return ", one on a node"
	}
	return ""
}

// tight warns where one of the declared zones has no room: the spread over zones would suffer.
func (j *judge) tight(check string, p Pool, fit int64) {
	for _, zone := range j.site.Zones {
		if len(p.Zones) > 0 && !slices.Contains(p.Zones, zone) {
			continue
		}
		var nodes []regions.NodeRoom
		for _, n := range j.site.Ground.Nodes {
			if n.Zone == zone {
				nodes = append(nodes, n)
			}
		}
		if len(nodes) > 0 && Fits(nodes, p) == 0 {
			j.say(Warning, check, fmt.Sprintf("%s: no room for a replica in zone %s", p.Name, zone), "make room there, or replicas crowd in the other zones")
			return
		}
	}
	j.say(OK, check, fmt.Sprintf("%s: room for %d replicas, %d to place%s", p.Name, fit, p.Replicas, apart(p)), "")
}

// Fits is how many replicas of a pool the nodes have room for, were they the only ones to come. All replicas of a
// pool are alike, so that the sum over the nodes is exact.
func Fits(nodes []regions.NodeRoom, p Pool) int64 {
	var sum int64
	for _, n := range nodes {
		sum += fitsOn(n, p)
	}
	return sum
}

func fitsOn(n regions.NodeRoom, p Pool) int64 {
	if len(p.Zones) > 0 && !slices.Contains(p.Zones, n.Zone) {
		return 0
	}
	most := max(0, n.Pods)
	for _, r := range [][2]int64{{n.CPU, p.CPU}, {n.Memory, p.Memory}} {
		limit := int64(math.MaxInt64)
		if r[1] > 0 {
			limit = max(0, r[0]) / r[1]
		}
		most = min(most, limit)
	}
	if p.OnePerNode {
		most = min(most, 1)
	}
	return most
}
