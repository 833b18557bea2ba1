package discover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// promise is what the layout keeps, and why no more.
type promise struct {
	failure, whileUpdating regions.Failure
	voters                 int
	why                    []string
}

// promised takes the promises that were computed for a draft without any.
func (b *builder) promised(draft *regions.Topology) promise {
	if draft == nil || draft.Spec.Survive.Model == regions.ModelNone || draft.Spec.Survive.Failure == "" || len(b.found) == 0 {
		return promise{}
	}
	s := draft.Spec.Survive
	p := promise{failure: s.Failure, whileUpdating: s.WhileUpdating, voters: s.Voters}
	replicas := 0
	zoned := map[string]bool{}
	for _, f := range b.found {
		replicas += f.Replicas
		for _, z := range f.Zones {
			zoned[z] = true
		}
	}
	p.why = append(p.why, fmt.Sprintf("The strongest promises that %s in %s and %s can keep: at rest any one %s may be lost%s.",
		count(replicas, "replica", "replicas"), count(len(b.regions()), "region", "regions"), count(len(zoned), "zone", "zones"),
		s.Failure, whileText(s.WhileUpdating)))
	if s.Failure == regions.FailureNone {
		p.why[0] = fmt.Sprintf("%s in %s cannot survive the loss of any node.", count(replicas, "replica", "replicas"), count(len(b.regions()), "region", "regions"))
	}
	if hint := b.stronger(p); hint != "" {
		p.why = append(p.why, hint)
	}
	return p
}

func whileText(f regions.Failure) string {
	if f == "" || f == regions.FailureNone {
		return "; while a replica restarts nothing else may"
	}
	return fmt.Sprintf(", and any one %s while a replica restarts", f)
}

// stronger asks validation what surviving a region would need.
func (b *builder) stronger(p promise) string {
	if p.failure == regions.FailureRegion {
		return ""
	}
	_, problems := regions.Parse(b.text(promise{failure: regions.FailureRegion}), "")
	for _, problem := range problems.Errors() {
		if _, change, known := strings.Cut(problem.Hint, "to keep region: "); known && problem.Code == "promise-not-kept" {
			return "To survive the loss of a region: " + change + "."
		}
	}
	return ""
}

// regions are the regions in the order of the file.
func (b *builder) regions() []string {
	var out []string
	for _, f := range b.found {
		out = append(out, f.Region)
	}
	return slices.Compact(out)
}

// rollout is the order of regions: the fewest replicas first, so that a bad change meets the fewest.
func (b *builder) rollout() []string {
	sizes := map[string]int{}
	for _, f := range b.found {
		sizes[f.Region] += f.Replicas
	}
	out := b.regions()
	slices.SortStableFunc(out, func(x, y string) int { return cmp.Compare(sizes[x], sizes[y]) })
	return out
}

// class chooses a StorageClass that every cluster has, and says why.
func (b *builder) class() (name string, why []string) {
	common, all := b.commonClasses()
	if chosen := b.choices.Class; chosen != "" {
		for _, f := range b.found {
			if _, has := classOf(f, chosen); !has && b.looked(f) {
				why = append(why, fmt.Sprintf("%s has no class %s: make one before the first apply.", f.Cluster, chosen))
			}
		}
		return chosen, append(why, "The class as it was given.")
	}
	if len(common) == 0 {
		return "", []string{"No class is in every cluster: make one of the same name in each, then write it here. There are: " + all + "."}
	}
	name = common[0]
	for _, candidate := range common {
		if b.better(candidate, name) {
			name = candidate
		}
	}
	var defaults, immediate []string
	for _, f := range b.found {
		c, _ := classOf(f, name)
		if c.Default {
			defaults = append(defaults, f.Cluster)
		}
		if c.Immediate {
			immediate = append(immediate, f.Cluster)
		}
	}
	every := "Every cluster"
	if slices.ContainsFunc(b.found, func(f Found) bool { return !b.looked(f) }) {
		every = "Every cluster that could be looked at"
	}
	text := fmt.Sprintf("%s has %s; it is the default of %s.", every, name, cmp.Or(strings.Join(defaults, ", "), "none"))
	if others := slices.DeleteFunc(common, func(c string) bool { return c == name }); len(others) > 0 {
		text += " Also everywhere: " + strings.Join(others, ", ") + "."
	}
	why = []string{text, "It is always named, since a cluster's default may change."}
	if len(immediate) > 0 {
		why = append(why, fmt.Sprintf("In %s it makes volumes before pods have a node (volumeBindingMode Immediate): the volume, not the spread over zones, then decides the zone.", strings.Join(immediate, ", ")))
	}
	return name, why
}

// better prefers the class that is the default in more clusters, then one that waits for the pod's node.
func (b *builder) better(x, y string) bool {
	score := func(name string) (defaults, waiting int) {
		for _, f := range b.found {
			c, has := classOf(f, name)
			if has && c.Default {
				defaults++
			}
			if has && !c.Immediate {
				waiting++
			}
		}
		return defaults, waiting
	}
	xd, xw := score(x)
	yd, yw := score(y)
	return cmp.Or(cmp.Compare(xd, yd), cmp.Compare(xw, yw)) > 0
}

// commonClasses are the classes that every cluster has which could be looked at, and a text of all.
func (b *builder) commonClasses() (common []string, all string) {
	holders, looked := map[string]int{}, 0
	var texts []string
	for _, f := range b.found {
		if !b.looked(f) {
			continue
		}
		looked++
		var names []string
		for _, c := range f.facts.Classes {
			holders[c.Name]++
			names = append(names, c.Name)
		}
		slices.Sort(names)
		texts = append(texts, f.Cluster+": "+cmp.Or(strings.Join(names, ", "), "none"))
	}
	for _, name := range slices.Sorted(maps.Keys(holders)) {
		if holders[name] == looked {
			common = append(common, name)
		}
	}
	return common, cmp.Or(strings.Join(texts, "; "), "none that could be looked at")
}

// looked tells whether the cluster's StorageClasses are known.
func (b *builder) looked(f Found) bool { return !slices.Contains(f.facts.NotLooked, StorageClasses) }

func classOf(f Found, name string) (Class, bool) {
	for _, c := range f.facts.Classes {
		if c.Name == name {
			return c, true
		}
	}
	return Class{}, false
}

// request is what each replica asks for: the largest of a few sizes that fits twice on the smallest node.
func (b *builder) request() (cpu, memory, why string) {
	const gi = int64(1) << 30
	var milli, bytes int64
	for _, f := range b.found {
		for _, n := range f.facts.Nodes {
			milli, bytes = least(milli, n.MilliCPU), least(bytes, n.Memory)
		}
	}
	cpu, memory = "250m", "512Mi"
	for _, size := range []struct {
		milli int64
		text  string
	}{{500, "500m"}, {1000, `"1"`}, {2000, `"2"`}, {4000, `"4"`}} {
		if milli == 0 && size.milli <= 2000 || 2*size.milli <= milli {
			cpu = size.text
		}
	}
	for _, size := range []struct {
		bytes int64
		text  string
	}{{gi, "1Gi"}, {2 * gi, "2Gi"}, {4 * gi, "4Gi"}, {8 * gi, "8Gi"}, {16 * gi, "16Gi"}} {
		if bytes == 0 && size.bytes <= 8*gi || 2*size.bytes <= bytes {
			memory = size.text
		}
	}
	if milli == 0 || bytes == 0 {
		return cpu, memory, "No node says what it has: a guess. Requests equal limits, so that no neighbour takes what the database counts on."
	}
	return cpu, memory, "At most half of the smallest node. Requests equal limits, so that no neighbour takes what the database counts on."
}

// least is the smaller of two amounts, of which 0 is not known.
func least(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
