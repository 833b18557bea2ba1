package regions

import (
	"slices"
	"strconv"
)

// placement is a layout prepared for counting: members, zones and regions by
// index, with the bounds of the model's rules.
type placement struct {
	members   []Member
	voters    int     // N
	held      int     // how many of the N the members can hold: v(all)
	zone      []int   // member → zone
	zones     [][]int // region → its zones
	regionOf  []int   // zone → region
	regionCap int     // c_r
	zoneCap   []int   // region → c_z
}

func newPlacement(l Layout) *placement {
	p := &placement{members: l.Members, zone: make([]int, len(l.Members))}
	p.indexZones()
	if l.Model == ModelQuorumGroup {
		p.voters = len(l.Members)
		p.bound(len(l.Members), false)
	} else {
		p.voters = max(1, l.Voters)
		p.bound(homeVoters(p.voters, l.Promise), true)
	}
	return p
}

// homeVoters is how many of n voters the promise allows in one region.
func homeVoters(n int, promise Failure) int {
	if promise == FailureRegion {
		return (n - 1) / 2
	}
	return n
}

// indexZones numbers the regions and their zones in order of appearance. A
// region in which any member's zone is unknown counts as one zone: the
// unknown one may be any of the others.
func (p *placement) indexZones() {
	unknown := map[string]bool{}
	for _, m := range p.members {
		unknown[m.Region] = unknown[m.Region] || m.Zone == ""
	}
	regions := map[string]int{}
	zones := map[[2]string]int{}
	for i, m := range p.members {
		r, ok := regions[m.Region]
		if !ok {
			r = len(regions)
			regions[m.Region] = r
			p.zones = append(p.zones, nil)
		}
		key := [2]string{m.Region, m.Zone}
		if unknown[m.Region] {
			key[1] = ""
		}
		z, ok := zones[key]
		if !ok {
			z = len(zones)
			zones[key] = z
			p.zones[r] = append(p.zones[r], z)
			p.regionOf = append(p.regionOf, r)
		}
		p.zone[i] = z
	}
}

// bound sets c_r and from it c_z, and raises c_r until the N voters find room,
// or every member holds one.
func (p *placement) bound(regionCap int, spread bool) {
	everything := p.count(func(int) bool { return true })
	p.zoneCap = make([]int, len(p.zones))
	for p.regionCap = regionCap; ; p.regionCap++ {
		for r, zones := range p.zones {
			p.zoneCap[r] = p.regionCap
			if spread {
				p.zoneCap[r] = (p.regionCap + len(zones) - 1) / len(zones)
			}
		}
		p.held = p.rank(everything)
		if p.held >= min(p.voters, len(p.members)) {
			return
		}
	}
}

// count is the number of chosen members by zone.
func (p *placement) count(chosen func(member int) bool) []int {
	counts := make([]int, len(p.regionOf))
	for i, z := range p.zone {
		if chosen(i) {
			counts[z]++
		}
	}
	return counts
}

// rank is v(S) for a set of members given as its counts by zone.
func (p *placement) rank(counts []int) int { return min(p.voters, p.tally(counts).sum) }

// tally is a set of members: their number by zone, the voters that each region's
// zones may hold of them, and the voters that all regions together may hold.
type tally struct {
	byZone   []int
	byRegion []int // before the region's own bound
	sum      int
}

func (p *placement) tally(counts []int) *tally {
	t := &tally{byZone: counts, byRegion: make([]int, len(p.zones))}
	for r, zones := range p.zones {
		for _, z := range zones {
			t.byRegion[r] += min(p.zoneCap[r], counts[z])
		}
		t.sum += min(p.regionCap, t.byRegion[r])
	}
	return t
}

// add puts one more member of a zone into the set, or takes it out again (by -1).
func (p *placement) add(t *tally, zone, by int) {
	r := p.regionOf[zone]
	t.sum -= min(p.regionCap, t.byRegion[r])
	t.byRegion[r] -= min(p.zoneCap[r], t.byZone[zone])
	t.byZone[zone] += by
	t.byRegion[r] += min(p.zoneCap[r], t.byZone[zone])
	t.sum += min(p.regionCap, t.byRegion[r])
}

// slack is the worst group's, with the lost members (down is their tally), those
// of the domain and any anyDown more gone. Voters that no member can hold are missing already.
func (p *placement) slack(lost []bool, down *tally, domain []int, anyDown int) int {
	for _, i := range domain {
		if !lost[i] {
			p.add(down, p.zone[i], 1)
		}
	}
	gone := min(p.held, min(p.voters, down.sum)+anyDown)
	for _, i := range domain {
		if !lost[i] {
			p.add(down, p.zone[i], -1)
		}
	}
	return p.held - gone - (p.voters/2 + 1)
}

// domains are the failure domains of one kind, each as the indexes of its members.
func (p *placement) domains(f Failure) [][]int {
	var out [][]int
	index := map[[2]string]int{}
	for i, m := range p.members {
		key := p.domainKey(f, i, m)
		d, ok := index[key]
		if !ok {
			d = len(out)
			index[key] = d
			out = append(out, nil)
		}
		out[d] = append(out[d], i)
	}
	return slices.Clip(out)
}

func (p *placement) domainKey(f Failure, i int, m Member) [2]string {
	switch {
	case f == FailureRegion:
		return [2]string{m.Region}
	case f == FailureZone:
		return [2]string{m.Region, strconv.Itoa(p.zone[i])}
	case m.Node == "":
		return [2]string{"", m.ID.String()}
	default:
		return [2]string{m.ID.Cluster, m.Node}
	}
}
