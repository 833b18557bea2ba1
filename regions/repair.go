package regions

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Bounds on the search for the smallest change. They keep validation quick however large the
// layout is; where they end the search, nothing is proposed.
const (
	maxUnits     = 6       // replicas, zones and regions added together
	maxTries     = 600     // layouts looked at
	maxTriedWork = 100_000 // members of all of them, for each choice of settings
)

// repair is the search for the least change to a topology that makes it keep its promises.
//
// The size of a change is the number of replicas that it adds, plus the zones that it adds to
// declared clusters, plus the regions; a replica of an added region brings a zone of its own. Of two changes
// of one size, the one that changes fewer settings is smaller: maxUnavailable lowered (only
// for the promise while updating), another number of voters (model ranges only).
type repair struct {
	t             *Topology
	failure       Failure // at rest; none or empty: nothing is asked
	whileUpdating Failure // with maxUnavailable down; none or empty: nothing is asked
}

// change is what a repair proposes. Zero values leave things as they are.
type change struct {
	maxUnavailable int
	voters         int
	growth         []growth
	regions        []int // the replicas of each region added, each in a zone of its own
}

// growth is what a declared cluster gains.
type growth struct {
	cluster  string
	replicas map[string]int // by pool
	zones    int
}

// smallest is the smallest change that keeps the promises; false where none was found within the bounds.
func (r repair) smallest() (change, bool) {
	levels := make([][]change, maxUnits+3)
	levels[0] = []change{{}}
	seen := map[string]bool{}
	tries, work, settings := 0, 0, r.settings()
	for units := 0; units <= maxUnits; units++ {
		var here []change
		var layouts []Layout
		for _, c := range levels[units] {
			grown := c.apply(r.t)
			if sign := signature(grown); !seen[sign] {
				seen[sign] = true
				here, layouts = append(here, c), append(layouts, DeclaredLayout(grown))
				tries++
				work += (1 + len(layouts[len(layouts)-1].Members)) * len(settings)
			}
			if tries > maxTries || work > maxTriedWork {
				return change{}, false
			}
		}
		if i, c := r.firstKept(here, layouts, settings); i >= 0 {
			return c, true
		}
		for _, c := range here {
			levels[units+1] = append(levels[units+1], r.oneMore(c)...)
			levels[units+2] = append(levels[units+2], c.withRegion())
		}
	}
	return change{}, false
}

// firstKept tries all changes of one size, with ever more settings changed. It returns -1 where none is enough.
func (r repair) firstKept(changes []change, grown []Layout, choices []change) (int, change) {
	for _, settings := range choices {
		for i := range changes {
			down := cmp.Or(settings.maxUnavailable, r.t.Spec.Rollout.MaxUnavailable)
			layout := grown[i]
			layout.Voters = cmp.Or(settings.voters, layout.Voters)
			if r.kept(layout, down) {
				c := changes[i]
				c.maxUnavailable, c.voters = settings.maxUnavailable, settings.voters
				return i, c
			}
		}
	}
	return -1, change{}
}

// settings are the choices of settings, the present ones first, then those that change one, then two.
func (r repair) settings() []change {
	voters := []int{0}
	if s := r.t.Spec.Survive; s.Model == ModelRanges {
		for _, n := range []int{zoneVoters, regionVoters, 7} {
			if n != s.Voters {
				voters = append(voters, n)
			}
		}
	}
	lowered := []int{0}
	if keeps(r.whileUpdating) {
		for down := r.t.Spec.Rollout.MaxUnavailable - 1; down >= 1; down-- {
			lowered = append(lowered, down)
		}
	}
	var out []change
	for _, down := range lowered[:min(len(lowered), 20)] {
		for _, n := range voters {
			out = append(out, change{maxUnavailable: down, voters: n})
		}
	}
	slices.SortStableFunc(out, func(a, b change) int { return a.settingsChanged() - b.settingsChanged() })
	return out
}

func (c change) settingsChanged() int { return min(1, c.maxUnavailable) + min(1, c.voters) }

// kept tells whether a layout keeps the promises with any down replicas down during an update.
func (r repair) kept(l Layout, down int) bool {
	if l.Model == ModelRanges && l.Voters > len(l.Members) {
		return false
	}
	if keeps(r.failure) && !l.Exposure(nil).Survives[r.failure] {
		return false
	}
	return !keeps(r.whileUpdating) || l.WorstExposure(down).Survives[r.whileUpdating]
}

func keeps(f Failure) bool { return f != "" && f != FailureNone }

// oneMore are the changes that add one replica or zone more.
func (r repair) oneMore(c change) []change {
	var out []change
	for _, region := range r.t.Spec.Regions {
		for _, cl := range region.Clusters {
			for _, pool := range r.t.Pools(cl) {
				out = append(out, c.with(cl.Name, func(g *growth) { g.replicas[pool.Name]++ }))
			}
		}
	}
	for _, region := range r.t.Spec.Regions {
		for _, cl := range region.Clusters {
			out = append(out, c.with(cl.Name, func(g *growth) { g.zones++ }))
		}
	}
	for i := range c.regions {
		more := c
		more.regions = slices.Clone(c.regions)
		more.regions[i]++
		out = append(out, more)
	}
	return out
}

func (c change) withRegion() change {
	c.regions = append(slices.Clone(c.regions), 1)
	return c
}

// with is the change with one cluster's growth edited, and nothing shared with the original.
func (c change) with(cluster string, edit func(*growth)) change {
	out := c
	out.growth = nil
	for _, g := range c.growth {
		g.replicas = maps.Clone(g.replicas)
		out.growth = append(out.growth, g)
	}
	i := slices.IndexFunc(out.growth, func(g growth) bool { return g.cluster == cluster })
	if i < 0 {
		i = len(out.growth)
		out.growth = append(out.growth, growth{cluster: cluster, replicas: map[string]int{}})
	}
	edit(&out.growth[i])
	return out
}

// apply is the topology as the change would leave it, its settings apart.
func (c change) apply(t *Topology) *Topology {
	out := *t
	out.Spec.Regions = nil
	for _, region := range t.Spec.Regions {
		clusters := slices.Clone(region.Clusters)
		for i := range clusters {
			for _, g := range c.growth {
				if g.cluster == clusters[i].Name {
					g.apply(&clusters[i])
				}
			}
		}
		out.Spec.Regions = append(out.Spec.Regions, Region{Name: region.Name, Clusters: clusters})
	}
	for i, size := range c.regions {
		out.Spec.Regions = append(out.Spec.Regions, addedRegion(t, i, size))
	}
	return &out
}

func (g growth) apply(c *Cluster) {
	if len(c.Pools) > 0 {
		c.Pools = maps.Clone(c.Pools)
	}
	for pool, n := range g.replicas {
		if len(c.Pools) > 0 {
			c.Pools[pool] += n
		} else {
			c.Replicas += n
		}
	}
	c.Zones = slices.Clip(c.Zones)
	for i := range g.zones {
		c.Zones = append(c.Zones, fmt.Sprintf("%s, zone %d more", c.Name, i))
	}
}

// addedRegion has one cluster. Its name can be none of the file's, which have no space.
func addedRegion(t *Topology, nth, size int) Region {
	c := Cluster{Name: fmt.Sprintf("region %d more", nth), Replicas: size}
	for i := range size {
		c.Zones = append(c.Zones, fmt.Sprintf("%s, zone %d", c.Name, i))
	}
	if first := t.Spec.Regions[0].Clusters[0]; len(first.Pools) > 0 {
		c.Pools = map[string]int{t.Pools(first)[0].Name: size}
	}
	return Region{Name: c.Name, Clusters: []Cluster{c}}
}

// signature is equal for topologies that differ by the names and the order of regions and clusters alone:
// it is enough to look at one of them. A zone that several clusters share keeps its name.
func signature(t *Topology) string {
	uses := map[string]int{}
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			for _, zone := range c.Zones {
				uses[zone]++
			}
		}
	}
	var all []string
	for _, region := range t.Spec.Regions {
		var clusters []string
		for _, c := range region.Clusters {
			clusters = append(clusters, clusterSignature(t, c, uses))
		}
		slices.Sort(clusters)
		all = append(all, strings.Join(clusters, "+"))
	}
	slices.Sort(all)
	return strings.Join(all, "|")
}

func clusterSignature(t *Topology, c Cluster, uses map[string]int) string {
	var s strings.Builder
	for _, pool := range t.Pools(c) {
		fmt.Fprintf(&s, "%d ", pool.Replicas)
	}
	for _, zone := range c.Zones {
		if uses[zone] > 1 {
			fmt.Fprintf(&s, "%q", zone)
		}
		s.WriteString("/")
	}
	return s.String()
}
