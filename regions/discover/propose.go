package discover

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"quorate.dev/quorate/regions"
)

// Propose makes a first topology of what was seen. The order of the facts decides which of
// two contexts of one cluster is kept: the first. The proposal may be invalid, where the clusters lack
// something; Problems say what.
func Propose(c Choices, facts []Facts, silent []Silent) Proposal {
	b := &builder{choices: c}
	for _, s := range silent {
		b.leaveOut(s.Context, s.Reason)
	}
	b.take(facts)
	b.order()
	b.remark()
	b.chooseLocality()
	return b.proposal()
}

type builder struct {
	choices Choices
	found   []Found // in the order of the file
	left    []LeftOut

	locality locality
}

func (b *builder) leaveOut(context, reason string) {
	b.left = append(b.left, LeftOut{Context: context, Reason: line(reason)})
}

// take sorts out duplicates and clusters without a region, and names the rest.
func (b *builder) take(facts []Facts) {
	seen := map[string]string{} // UID → context
	for _, f := range facts {
		first, twice := seen[f.UID]
		region, reason := regionOf(f, b.choices.Regions[f.Context])
		switch {
		case twice && f.UID != "":
			b.leaveOut(f.Context, fmt.Sprintf("the same cluster as context %s (UID %s)", first, f.UID))
		case region == "":
			b.leaveOut(f.Context, reason)
		default:
			b.found = append(b.found, Found{
				Context: f.Context, Region: label(region, "region"), Zones: zones(f), Version: f.Version, UID: f.UID,
				Nodes: len(f.Nodes), Replicas: b.choices.Replicas, facts: f,
			})
		}
		if !twice {
			seen[f.UID] = f.Context
		}
	}
	var taken []string
	for _, f := range b.found {
		taken = append(taken, f.Region)
	}
	for i := range b.found {
		b.found[i].Cluster = clusterName(b.found[i].Context, taken)
		taken = append(taken, b.found[i].Cluster)
	}
}

// regionOf is the region that the nodes say, or why there is none.
func regionOf(f Facts, chosen string) (region, reason string) {
	if chosen != "" {
		return chosen, ""
	}
	counts := map[string]int{}
	for _, n := range f.Nodes {
		if n.Region != "" {
			counts[n.Region]++
		}
	}
	if len(counts) == 0 {
		return "", fmt.Sprintf("no node says its region (label topology.kubernetes.io/region): name it with --region %s=REGION", f.Context)
	}
	for name, n := range counts {
		if n > counts[region] || n == counts[region] && (region == "" || name < region) {
			region = name
		}
	}
	return region, ""
}

func zones(f Facts) []string {
	out := []string{}
	for _, n := range f.Nodes {
		if n.Zone != "" {
			out = append(out, n.Zone)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// order sorts clusters by region, then name; and what was left out by context.
func (b *builder) order() {
	slices.SortFunc(b.found, func(x, y Found) int {
		return cmp.Or(strings.Compare(x.Region, y.Region), strings.Compare(x.Cluster, y.Cluster))
	})
	slices.SortFunc(b.left, func(x, y LeftOut) int { return strings.Compare(x.Context, y.Context) })
}

// remark notes what a reader should know of each cluster.
func (b *builder) remark() {
	for i := range b.found {
		f := &b.found[i]
		f.remarks = append(f.remarks, fmt.Sprintf("Kubernetes %s, UID %s; %s.", cmp.Or(f.Version, "of an unknown version"), f.UID, nodesText(*f)))
		for _, what := range f.facts.NotLooked {
			f.remarks = append(f.remarks, fmt.Sprintf("These credentials may not list %s, so nothing is known of them.", what))
		}
		others := map[string]int{}
		for _, n := range f.facts.Nodes {
			if n.Region != "" && label(n.Region, "region") != f.Region {
				others[n.Region]++
			}
		}
		for _, name := range sortedKeys(others) {
			f.remarks = append(f.remarks, fmt.Sprintf("%d of its nodes say region %s: all count as %s here.", others[name], name, f.Region))
		}
		b.overlaps(i)
	}
}

func nodesText(f Found) string {
	text := count(f.Nodes, "node", "nodes")
	var ranges []string
	for _, n := range f.facts.Nodes {
		ranges = append(ranges, n.PodCIDRs...)
	}
	slices.Sort(ranges)
	ranges = slices.Compact(ranges)
	switch {
	case f.Nodes == 0:
		return "no node is known"
	case len(ranges) == 0:
		return text + ", which do not say their pods' addresses"
	case len(ranges) > 4:
		return fmt.Sprintf("%s, pods in %s and %d more ranges", text, strings.Join(ranges[:4], ", "), len(ranges)-4)
	}
	return text + ", pods in " + strings.Join(ranges, ", ")
}

// overlaps tells of pods' addresses that another cluster gives out too: a flat network cannot route them.
func (b *builder) overlaps(i int) {
	for j := range b.found {
		if j == i {
			continue
		}
		if prefix := overlap(b.found[i].facts, b.found[j].facts); prefix != "" {
			b.found[i].remarks = append(b.found[i].remarks,
				fmt.Sprintf("WARNING: its pods' addresses %s overlap with those of %s, which a flat network cannot route.", prefix, b.found[j].Cluster))
		}
	}
}

// overlap is the first range of one cluster's pods that overlaps with one of the other's.
func overlap(a, b Facts) string {
	for _, x := range prefixes(a) {
		if slices.ContainsFunc(prefixes(b), x.Overlaps) {
			return x.String()
		}
	}
	return ""
}

func prefixes(f Facts) []netip.Prefix {
	var out []netip.Prefix
	for _, n := range f.Nodes {
		for _, text := range n.PodCIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				out = append(out, p.Masked())
			}
		}
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return out
}

// proposal writes the file twice: once without promises, to learn which ones the layout keeps, then
// with them.
func (b *builder) proposal() Proposal {
	draft, _ := regions.Parse(b.text(promise{}), "")
	text := b.text(b.promised(draft))
	_, problems := regions.Parse(text, "")
	return Proposal{Text: text, Clusters: b.found, LeftOut: b.left, Problems: problems, Ahead: b.ahead()}
}

// ahead is what stands between the file and a first apply though the file is valid.
func (b *builder) ahead() []string {
	var out []string
	if b.choices.Profile != "generic" && len(b.choices.Authorities) == 0 && !b.sandbox() {
		out = append(out, "nobody serves the names yet: choose a way under spec.dns, as the comment there says; until then every plan is refused (no-authority)")
	}
	for i := range b.found {
		for _, r := range b.found[i].remarks {
			if text, warning := strings.CutPrefix(r, "WARNING: "); warning {
				out = append(out, b.found[i].Cluster+": "+text)
			}
		}
	}
	return out
}

// sandbox tells whether nothing in any of the clusters is real.
func (b *builder) sandbox() bool {
	return len(b.found) > 0 && !slices.ContainsFunc(b.found, func(f Found) bool { return !f.facts.Sandbox })
}

// line keeps a text to one line of printable characters, as a comment needs it.
func line(text string) string {
	printable := func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}
	return strings.Join(strings.Fields(strings.Map(printable, text)), " ")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
