package serve

import (
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// ofSeeds are the names of services, on the wire, whose records are those of the seeds, because there are too many replicas for
// one set (dns.MaxSet): the regions have theirs, the zone has none.
func (s *snapshot) ofSeeds(c Contents) [][]byte {
	var out [][]byte
	for _, p := range c.Ports {
		whole, parts := dns.ServiceName(p.Name, s.origin), false
		if slices.ContainsFunc(s.records, func(r dns.RecordSet) bool { return r.Name == whole }) {
			continue
		}
		for _, r := range c.Topology.Spec.Regions {
			below := dns.ServiceName(p.Name, dns.RegionName(s.origin, r.Name))
			parts = parts || slices.ContainsFunc(s.records, func(r dns.RecordSet) bool { return r.Name == below })
		}
		if parts {
			name, _ := appendName(nil, whole)
			out = append(out, name)
		}
	}
	return out
}

// serviceNames are the names under which ports are discovered, with the replicas behind each.
func serviceNames(c Contents, declared []dns.Name) []dns.Name {
	behind := map[string][]regions.ReplicaID{}
	for _, n := range declared {
		behind[n.Name] = n.Replicas
	}
	zone := c.Topology.Spec.DNS.Zone
	var out []dns.Name
	for _, p := range c.Ports {
		var all []regions.ReplicaID
		for _, r := range c.Topology.Spec.Regions {
			name := dns.RegionName(zone, r.Name)
			all = append(all, behind[name]...)
			out = append(out, dns.Name{Name: dns.ServiceName(p.Name, name), Replicas: behind[name]})
		}
		out = append(out, dns.Name{Name: dns.ServiceName(p.Name, zone), Replicas: all})
	}
	slices.SortFunc(out, func(a, b dns.Name) int { return strings.Compare(a.Name, b.Name) })
	return out
}
