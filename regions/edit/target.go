package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"quorate.dev/quorate/regions"
)

// Change is one number of replicas that is to be another.
type Change struct {
	Cluster string `json:"cluster"`
	// Pool is the key under the cluster's pools; empty: the cluster's replicas.
	Pool   string `json:"pool,omitempty"`
	Before int    `json:"before"` // 0 where the file does not say
	After  int    `json:"after"`
}

// String is <cluster>[/<pool>]: <before> → <after>.
func (c Change) String() string { return fmt.Sprintf("%s: %d → %d", c.place(), c.Before, c.After) }

func (c Change) place() string {
	if c.Pool == "" {
		return c.Cluster
	}
	return c.Cluster + "/" + c.Pool
}

// Resolve reads targets of the form REGION=N, CLUSTER=N, REGION/POOL=N or CLUSTER/POOL=N against a
// topology, which need not be valid. A region's number is spread over its clusters: see spread.
// The changes come in the order of the file, those that change nothing included. All
// wrong targets are reported together.
func Resolve(t *regions.Topology, targets []string) ([]Change, error) {
	var problems []error
	asked := map[string]string{} // place → target
	var out []Change
	for _, text := range targets {
		changes, err := resolve(t, text)
		problems = append(problems, err)
		for _, c := range changes {
			if other, twice := asked[c.place()]; twice {
				problems = append(problems, fmt.Errorf("%s and %s both set the replicas of %s: name each once", other, text, c.place()))
				continue
			}
			asked[c.place()] = text
			out = append(out, c)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(position(t, a.Cluster), position(t, b.Cluster)), strings.Compare(a.Pool, b.Pool))
	})
	return out, nil
}

func resolve(t *regions.Topology, text string) ([]Change, error) {
	name, number, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return nil, fmt.Errorf("%q is no target: write REGION=N or CLUSTER=N, such as use1=5", text)
	}
	count, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%s: %q is no number of replicas: write a whole number from 0", text, number)
	}
	name, pool, named := strings.Cut(name, "/")
	if named && pool == "" {
		return nil, fmt.Errorf("%s: no pool is named after the /", text)
	}
	clusters := clustersOf(t, name)
	if len(clusters) == 0 {
		return nil, fmt.Errorf("%s: no region or cluster is named %q (%s)", text, name, regions.Suggest(name, known(t)))
	}
	var changes []Change
	var problems []error
	for _, c := range clusters {
		change, err := present(t, c, pool)
		problems = append(problems, err)
		changes = append(changes, change)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	return spread(changes, int(count)), nil
}

// clustersOf are the clusters that a region's or a cluster's name means, in the order of the file.
func clustersOf(t *regions.Topology, name string) []regions.Cluster {
	for _, r := range t.Spec.Regions {
		if r.Name == name {
			return r.Clusters
		}
		for _, c := range r.Clusters {
			if c.Name == name {
				return []regions.Cluster{c}
			}
		}
	}
	return nil
}

// known are all names that a target may have.
func known(t *regions.Topology) []string {
	var out []string
	for _, r := range t.Spec.Regions {
		out = append(out, r.Name)
		for _, c := range r.Clusters {
			out = append(out, c.Name)
		}
	}
	return out
}

// position is the place of a cluster in the file.
func position(t *regions.Topology, cluster string) int { return slices.Index(known(t), cluster) }

// present finds what the file says now of a pool of a cluster. A cluster with one pool needs no
// name of it; one with replicas has the pool of the deployment's name.
func present(t *regions.Topology, c regions.Cluster, pool string) (Change, error) {
	change := Change{Cluster: c.Name, Before: c.Replicas}
	if len(c.Pools) == 0 {
		if own := t.Metadata.Name; pool != "" && pool != own {
			return change, fmt.Errorf("cluster %s has no pool %q (%s)", c.Name, pool, regions.Suggest(pool, []string{own}))
		}
		return change, nil
	}
	var names []string
	for _, p := range t.Pools(c) {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	switch {
	case pool == "" && len(names) > 1:
		return change, fmt.Errorf("cluster %s has several pools: write %s/POOL=N with one of %s", c.Name, c.Name, strings.Join(names, ", "))
	case pool == "":
		pool = names[0]
	case !slices.Contains(names, pool):
		return change, fmt.Errorf("cluster %s has no pool %q (%s)", c.Name, pool, regions.Suggest(pool, names))
	}
	change.Pool, change.Before = pool, c.Pools[pool]
	return change, nil
}

// spread brings the sum of several clusters to total, as evenly as can be without taking a replica
// away in one cluster to add it in another: each replica that is added goes where there are fewest, the
// first in the file among equals; each that is taken away comes from where there are most, the last in
// the file among equals.
func spread(changes []Change, total int) []Change {
	if len(changes) == 1 {
		changes[0].After = total
		return changes
	}
	sum := 0
	for i := range changes {
		changes[i].After = max(0, changes[i].Before)
		sum += changes[i].After
	}
	if total > maxSpread {
		changes[0].After += total - sum // no layout at all: validation says so, once
		return changes
	}
	for ; sum < total; sum++ {
		changes[fewest(changes)].After++
	}
	for ; sum > total; sum-- {
		changes[most(changes)].After--
	}
	return changes
}

// maxSpread is more than any topology may have (regions: too-many-replicas).
const maxSpread = 100_000

func fewest(changes []Change) int {
	best := 0
	for i, c := range changes {
		if c.After < changes[best].After {
			best = i
		}
	}
	return best
}

func most(changes []Change) int {
	best := 0
	for i, c := range changes {
		if c.After >= changes[best].After {
			best = i
		}
	}
	return best
}
