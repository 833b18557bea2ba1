package preflight

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/semver"
)

// skew: clusters of very different versions behave differently under one plan.
func (j *judge) skew(sites []Site) {
	const check = "version-skew"
	var versions []string
	for _, s := range sites {
		if semver.IsValid(s.Ground.ServerVersion) {
			versions = append(versions, semver.MajorMinor(s.Ground.ServerVersion))
		}
	}
	slices.SortFunc(versions, semver.Compare)
	versions = slices.Compact(versions)
	if len(versions) < 2 {
		j.say(OK, check, "all clusters have the same minor version", "")
		return
	}
	if lowest, highest := versions[0], versions[len(versions)-1]; minor(highest)-minor(lowest) > 1 {
		j.say(Warning, check, fmt.Sprintf("the clusters have Kubernetes %s", strings.Join(versions, ", ")),
			"features of the newest may be missing in the oldest; keep them within one minor version")
		return
	}
	j.say(OK, check, "the clusters are within one minor version: "+strings.Join(versions, ", "), "")
}

// minor is the number of a MajorMinor version.
func minor(version string) int {
	var major, number int
	if _, err := fmt.Sscanf(version, "v%d.%d", &major, &number); err != nil {
		return 0
	}
	return number
}

// overlap: where pods reach each other by their addresses, no two clusters may have the same ones.
func (j *judge) overlap(sites []Site) {
	const check = "pod-addresses"
	if !j.settings.Flat || len(sites) < 2 {
		return
	}
	clean := true
	for i, a := range sites {
		for _, b := range sites[i+1:] {
			if x, y, found := overlapping(a.PodCIDRs, b.PodCIDRs); found {
				clean = false
				j.say(Failed, check, fmt.Sprintf("the declared podCIDRs of %s and %s overlap: %s and %s", a.Cluster, b.Cluster, x, y),
					"pods of a flat network need addresses of their own in every cluster")
			} else if x, y, found := overlapping(nodeCIDRs(a), nodeCIDRs(b)); found {
				clean = false
				j.say(Warning, check, fmt.Sprintf("nodes of %s and %s have overlapping pod ranges: %s and %s", a.Cluster, b.Cluster, x, y),
					"make sure that the pods' addresses differ: some networks give addresses of their own and do not use these")
			}
		}
	}
	if clean {
		j.say(OK, check, "no two clusters share a range of pod addresses, as far as nodes and topology tell", "")
	}
}

func nodeCIDRs(s Site) []string {
	var out []string
	for _, n := range s.Ground.Nodes {
		out = append(out, n.PodCIDRs...)
	}
	return distinct(out)
}

// overlapping finds the first two ranges that share an address. Two CIDRs overlap only if one
// holds the other. What does not parse overlaps with nothing.
func overlapping(a, b []string) (x, y string, found bool) {
	for _, left := range a {
		p, err := netip.ParsePrefix(left)
		if err != nil {
			continue
		}
		for _, right := range b {
			if q, err := netip.ParsePrefix(right); err == nil && p.Overlaps(q) {
				return left, right, true
			}
		}
	}
	return "", "", false
}

// clockLimit is what databases commonly bear between their nodes (CockroachDB's --max-offset is 500 ms by default).
const clockLimit = 500 * time.Millisecond

// clocks compares the API servers' clocks, which stand for their nodes' only as far as both are kept by
// the same means. It speaks up where they differ by more than the limit for certain.
func (j *judge) clocks(sites []Site) {
	const check = "clocks"
	clean, widest := true, time.Duration(0)
	for i, a := range sites {
		for _, b := range sites[i+1:] {
			apart := (a.Ground.Clock - b.Ground.Clock).Abs()
			within := a.Ground.ClockError + b.Ground.ClockError
			widest = max(widest, within)
			if apart-within > clockLimit {
				clean = false
				j.say(Warning, check, fmt.Sprintf("the API servers of %s and %s are %s ± %s apart", a.Cluster, b.Cluster, apart.Round(10*time.Millisecond), within.Round(10*time.Millisecond)),
					"check that all nodes keep their clocks by the same time service")
			}
		}
	}
	if clean {
		j.say(OK, check, fmt.Sprintf("the API servers' clocks agree, as far as ± %s can tell", widest.Round(10*time.Millisecond)), "")
	}
}
