package dns

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

const (
	// ServiceTTL is the lifetime of SRV records, in seconds: which replicas there are changes seldom.
	ServiceTTL = 30
	// MaxSet is how many records one set may hold; BIND 9.18 refuses more (max-records-per-type).
	MaxSet = 100
	// serviceWeight is that of every target: all are equal (RFC 2782).
	serviceWeight = 100
)

// Port is one that clients connect to, under its IANA-style service name (RFC 6335 §5.1).
type Port struct {
	Name   string
	Number int
}

// ServiceName is where clients discover the replicas of a port: _<port>._tcp.<below> (RFC 2782), where
// below is the zone or a region's name.
func ServiceName(port, below string) string { return Canonical("_" + port + "._tcp." + below) }

// services are the SRV sets of every port: one a region, and one for the whole zone. Targets are replicas that
// have an address. Where the whole has more than MaxSet of them, its set holds the replicas behind the
// seeds alone, and the regions' sets hold the rest.
func services(t *regions.Topology, slots []regions.ReplicaID, pods map[regions.ReplicaID]Endpoint, ports []Port) []RecordSet {
	if len(ports) == 0 {
		return nil
	}
	var all []regions.ReplicaID
	in := map[string][]regions.ReplicaID{}
	for _, id := range withUndeclared(t, pods) {
		if region := t.RegionOf(id.Cluster); len(addressesOf(pods[id])) > 0 {
			in[region] = append(in[region], id)
			all = append(all, id)
		}
	}
	if len(all) > MaxSet {
		seeds := slices.Clone(slots)
		all = slices.DeleteFunc(seeds, func(id regions.ReplicaID) bool { return len(addressesOf(pods[id])) == 0 })
	}
	var sets []RecordSet
	for _, p := range ports {
		sets = append(sets, service(t, ServiceName(p.Name, t.Spec.DNS.Zone), p, all)...)
		for _, r := range t.Spec.Regions {
			sets = append(sets, service(t, ServiceName(p.Name, RegionName(t.Spec.DNS.Zone, r.Name)), p, in[r.Name])...)
		}
	}
	return sets
}

func service(t *regions.Topology, name string, p Port, targets []regions.ReplicaID) []RecordSet {
	if len(targets) == 0 {
		return nil
	}
	set := RecordSet{Name: name, Type: TypeSRV, TTL: ServiceTTL}
	clusters := map[string]bool{}
	for _, id := range targets {
		set.Values = append(set.Values, fmt.Sprintf("0 %d %d %s", serviceWeight, p.Number, ReplicaName(t, id)))
		clusters[id.Cluster] = true
	}
	set.Values = normalValues(TypeSRV, set.Values)
	if len(clusters) == 1 {
		set.Cluster = targets[0].Cluster
	}
	return []RecordSet{set}
}

// target is the last field of an SRV record's RDATA, in canonical form; empty where there is none.
func target(value string) string {
	fields := strings.Fields(value)
	if len(fields) != 4 {
		return ""
	}
	return Canonical(fields[3])
}
