package regions

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// text says what to edit, such as "add 1 replica to cluster use1 and write survive.voters: 5". With votersWritten
// the number of voters of a quorum group, which is that of its replicas, is named too.
func (c change) text(t *Topology, votersWritten bool) string {
	var parts []string
	for _, g := range c.growth {
		parts = append(parts, g.text(t)...)
	}
	parts = append(parts, c.regionsText()...)
	if c.maxUnavailable > 0 {
		parts = append(parts, fmt.Sprintf("write rollout.maxUnavailable: %d", c.maxUnavailable))
	}
	if voters := c.votersAfter(t, votersWritten); voters > 0 {
		parts = append(parts, fmt.Sprintf("write survive.voters: %d", voters))
	}
	if last := len(parts) - 1; last > 0 {
		return strings.Join(parts[:last], ", ") + " and " + parts[last]
	}
	return strings.Join(parts, "")
}

// votersAfter is the number of voters to write, 0 where none need be.
func (c change) votersAfter(t *Topology, written bool) int {
	if total := len(c.apply(t).Replicas()); t.Spec.Survive.Model == ModelQuorumGroup && written && total != t.Spec.Survive.Voters {
		return total
	}
	return c.voters
}

func (g growth) text(t *Topology) []string {
	var parts []string
	declared, _ := t.ClusterByName(g.cluster)
	for _, pool := range slices.Sorted(maps.Keys(g.replicas)) {
		what := "cluster " + shorten(g.cluster)
		if len(declared.Pools) > 0 {
			what = "pool " + shorten(pool) + " of " + what
		}
		if n := g.replicas[pool]; n > 0 {
			parts = append(parts, fmt.Sprintf("add %s to %s", replicas(n), what))
		}
	}
	switch {
	case g.zones > 0 && len(declared.Zones) == 0:
		parts = append(parts, fmt.Sprintf("spread cluster %s over %s and declare them in zones", shorten(g.cluster), counted(g.zones, "zone")))
	case g.zones > 0:
		parts = append(parts, fmt.Sprintf("spread cluster %s over %s more (%d in all) and declare them in zones",
			shorten(g.cluster), counted(g.zones, "zone"), len(declared.Zones)+g.zones))
	}
	return parts
}

// regionsText names regions of one size together, the smallest first.
func (c change) regionsText() []string {
	bySize := map[int]int{}
	for _, size := range c.regions {
		bySize[size]++
	}
	var parts []string
	for _, size := range slices.Sorted(maps.Keys(bySize)) {
		text := fmt.Sprintf("add %s of %s", counted(bySize[size], "region"), replicas(size))
		if size > 1 {
			text += " in as many zones"
		}
		parts = append(parts, text)
	}
	return parts
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
