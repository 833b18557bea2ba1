package cli

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// The kinds of a question. Every other than that for addresses is a type of record.
const (
	forAddresses = "address" // A and AAAA together
	forServices  = string(dns.TypeSRV)
	forReverse   = string(dns.TypePTR)
)

// The columns of names that are no cluster's.
const (
	columnRegions  = "regions"
	columnSeeds    = "seeds"
	columnServices = "SRV"
	columnReverse  = "PTR"
)

// asking is one name and what should be answered for it.
type asking struct {
	name, kind, column string
	zone               string   // of PTR records: the reverse zone
	want               []string // sorted
}

// questions are all that the wanted records of the zone and of the reverse zones make worth asking for, addresses first: what is wanted is known, and there is something. Away are the names that are declared and have no address now.
func questions(t *regions.Topology, wanted dns.Wanted, reverseZones []string) (ask []asking, away []string) {
	address := map[string]*asking{}
	skip := unknownNames(t, wanted)
	column := columnsOf(t)
	for _, s := range wanted.Sets {
		switch s.Type {
		case dns.TypeA, dns.TypeAAAA:
			if address[s.Name] == nil {
				address[s.Name] = &asking{name: s.Name, kind: forAddresses, column: column(s)}
			}
			address[s.Name].want = append(address[s.Name].want, s.Values...)
		case dns.TypeSRV:
			if !skip[s.Name] {
				ask = append(ask, asking{name: s.Name, kind: forServices, column: columnServices, want: slices.Sorted(slices.Values(s.Values))})
			}
		default: // nothing else is wanted of a zone of names
		}
	}
	for _, n := range wanted.Names {
		if address[n.Name] == nil && len(n.Replicas) > 0 && !skip[n.Name] {
			away = append(away, n.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(address)) {
		if q := address[name]; !skip[name] {
			slices.Sort(q.want)
			ask = append(ask, *q)
		}
	}
	for zone, in := range wanted.InReverse(reverseZones) {
		for _, s := range in.Sets {
			ask = append(ask, asking{name: s.Name, kind: forReverse, column: columnReverse, zone: zone, want: slices.Sorted(slices.Values(s.Values))})
		}
	}
	kinds := []string{forAddresses, forServices, forReverse}
	slices.SortFunc(ask, func(a, b asking) int {
		return cmp.Or(slices.Index(kinds, a.kind)-slices.Index(kinds, b.kind), strings.Compare(a.name, b.name))
	})
	return ask, away
}

// unknownNames are those for which it is not known what they should be, since a cluster behind them was not read.
func unknownNames(t *regions.Topology, wanted dns.Wanted) map[string]bool {
	unread := func(c string) bool { return slices.Contains(wanted.Unread, c) }
	out := map[string]bool{}
	for _, n := range wanted.Names {
		if slices.ContainsFunc(n.Clusters(), unread) {
			out[n.Name] = true
		}
	}
	for _, s := range wanted.Sets {
		if s.Type != dns.TypeSRV {
			continue
		}
		below := t.OrderedClusters() // those behind the zone's own
		for _, r := range t.Spec.Regions {
			if strings.HasSuffix(s.Name, "._tcp."+dns.RegionName(t.Spec.DNS.Zone, r.Name)) {
				below = r.Clusters
			}
		}
		if slices.ContainsFunc(below, func(c regions.Cluster) bool { return unread(c.Name) }) {
			out[s.Name] = true
		}
	}
	return out
}

// columnsOf tells in which column a set of addresses is counted: that of its cluster, or those of regions and seeds.
func columnsOf(t *regions.Topology) func(dns.RecordSet) string {
	below := "." + dns.Canonical(t.Spec.DNS.Zone)
	areas := map[string]bool{}
	for _, r := range t.Spec.Regions {
		areas[dns.RegionName(t.Spec.DNS.Zone, r.Name)] = true
	}
	return func(s dns.RecordSet) string {
		label := strings.TrimSuffix(s.Name, below)
		switch {
		case areas[s.Name]:
			return columnRegions
		case strings.HasPrefix(label, "join-") && !strings.Contains(label, "."):
			return columnSeeds
		}
		return s.Cluster
	}
}
