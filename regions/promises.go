package regions

import (
	"fmt"
	"slices"
)

// Voters per range that CockroachDB keeps by its survival goals
// (pkg/sql/region_util.go: numVotersForZoneSurvival, numVotersForRegionSurvival).
const (
	zoneVoters   = 3
	regionVoters = 5
)

// votersFor is the number of voters that a promise needs by default.
func votersFor(model Model, promise Failure, total int) int {
	switch {
	case model == ModelQuorumGroup:
		return total
	case promise == FailureRegion:
		return regionVoters
	case promise == FailureNone && total < zoneVoters:
		return 1
	}
	return zoneVoters
}

// computePromise fills in survive.failure, where it is not written, with the strongest failure
// that the declared layout survives, and survive.voters to go with it.
func (c *checker) computePromise(total int) {
	s := &c.t.Spec.Survive
	voters := func(f Failure) int {
		if c.written("spec.survive.voters") {
			return s.Voters
		}
		return votersFor(s.Model, f, total)
	}
	if s.Failure != "" {
		s.Voters = voters(s.Failure)
		return
	}
	s.Failure = FailureNone
	for _, f := range []Failure{FailureRegion, FailureZone, FailureNode} {
		layout := DeclaredLayout(c.t)
		layout.Promise, layout.Voters = f, voters(f)
		if total >= layout.Voters && layout.Exposure(nil).Survives[f] {
			s.Failure = f
			break
		}
	}
	s.Voters = voters(s.Failure)
	c.notef("spec.survive.failure", codePromiseComputed, "write it, so that an edit of the layout cannot lower it",
		"survive.failure is not written; computed: %s, with %d voters", s.Failure, s.Voters)
}

// smallestChange looks for the least that would make a layout survive the
// failure with any anyDown replicas down: another number of voters, more
// replicas where there are few, more zones, more regions, in this order; zones
// that are not known come before all. Empty where nothing near enough does.
func smallestChange(l Layout, want Failure, anyDown int) string {
	if anyDown == 0 {
		l.Promise = want
	}
	tries := []func(Layout, func(Layout) bool) string{otherVoters, moreReplicas, moreZones, moreRegions}
	if slices.ContainsFunc(l.Members, func(m Member) bool { return m.Zone == "" }) {
		tries = []func(Layout, func(Layout) bool) string{moreZones, otherVoters, moreReplicas, moreRegions}
	}
	for _, try := range tries {
		keeps := func(candidate Layout) bool {
			return candidate.WorstExposure(anyDown).Survives[want] &&
				(candidate.Model != ModelRanges || candidate.Voters <= len(candidate.Members))
		}
		if change := try(l, keeps); change != "" {
			return change
		}
	}
	return ""
}

// voterChoices are the numbers of voters worth trying, the present one first.
func voterChoices(l Layout) []int {
	if l.Model == ModelQuorumGroup {
		return []int{l.Voters}
	}
	return []int{l.Voters, zoneVoters, regionVoters, 7}
}

// withVoters tries a layout with each number of voters.
func withVoters(l Layout, keeps func(Layout) bool) (note string, ok bool) {
	present := l.Voters
	for _, n := range voterChoices(l) {
		l.Voters = n
		if !keeps(l) {
			continue
		}
		if n != present {
			note = fmt.Sprintf(" and voters %d", n)
		}
		return note, true
	}
	return "", false
}

func otherVoters(l Layout, keeps func(Layout) bool) string {
	for _, n := range voterChoices(l) {
		if l.Voters = n; keeps(l) {
			return fmt.Sprintf("write survive.voters: %d", n)
		}
	}
	return ""
}

// moreReplicas adds replicas one by one, each to the zone with the fewest.
func moreReplicas(l Layout, keeps func(Layout) bool) string {
	for added := 1; added <= 12; added++ {
		l.Members = append(slices.Clip(l.Members), another(l.Members, added))
		if note, ok := withVoters(l, keeps); ok {
			return fmt.Sprintf("add %s where there are fewest%s", replicas(added), note)
		}
	}
	return ""
}

// another is a new member in the region, and there in the zone, with the fewest members.
func another(members []Member, serial int) Member {
	inRegion, inZone := map[string]int{}, map[[2]string]int{}
	for _, m := range members {
		inRegion[m.Region]++
		inZone[[2]string{m.Region, m.Zone}]++
	}
	best := members[0]
	for _, m := range members {
		regions, zones := inRegion[m.Region]-inRegion[best.Region], inZone[[2]string{m.Region, m.Zone}]-inZone[[2]string{best.Region, best.Zone}]
		if regions < 0 || regions == 0 && zones < 0 {
			best = m
		}
	}
	return Member{ID: ReplicaID{Cluster: best.ID.Cluster, Pool: "added", Ordinal: serial}, Region: best.Region, Zone: best.Zone}
}

// moreZones spreads the members of each region that has fewer zones over two, then three, and so on.
func moreZones(l Layout, keeps func(Layout) bool) string {
	present := newPlacement(l)
	regionZones := map[string]int{}
	for i, m := range l.Members {
		if m.Zone != "" {
			regionZones[m.Region] = len(present.zones[present.regionOf[present.zone[i]]])
		}
	}
	for zones := 2; zones <= 5; zones++ {
		spread, nth := l, map[string]int{}
		spread.Members = nil
		for _, m := range l.Members {
			if regionZones[m.Region] < zones {
				m.Zone = fmt.Sprintf("zone %d", nth[m.Region]%zones)
			}
			nth[m.Region]++
			spread.Members = append(spread.Members, m)
		}
		if note, ok := withVoters(spread, keeps); ok {
			return fmt.Sprintf("spread the replicas of each region over %d zones or more and declare them in zones%s", zones, note)
		}
	}
	return ""
}

// moreRegions adds up to four regions of one to three replicas, each replica in a zone of its own.
func moreRegions(l Layout, keeps func(Layout) bool) string {
	for added := 1; added <= 4; added++ {
		for size := 1; size <= 3; size++ {
			grown := l
			grown.Members = slices.Clip(l.Members)
			for i := range added * size {
				name := fmt.Sprintf("added %d", i/size)
				id := ReplicaID{Cluster: name, Pool: "added", Ordinal: i}
				grown.Members = append(grown.Members, Member{ID: id, Region: name, Zone: fmt.Sprint(i)})
			}
			if note, ok := withVoters(grown, keeps); ok {
				return fmt.Sprintf("add %d more region(s) of %s%s", added, replicas(size), note)
			}
		}
	}
	return ""
}
