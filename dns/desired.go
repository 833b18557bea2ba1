package dns

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/regions"
)

// DefaultTTL is used where a topology names no lifetime, in seconds. Replicas
// move, so answers must not outlive them for long.
const DefaultTTL = 10

// Endpoint is one pod that stands for a replica, as one cluster's API server tells it.
type Endpoint struct {
	Replica regions.ReplicaID
	PodUID  string
	IPs     []string // IPv4 and IPv6, in any order; what is no address is left out of the records
	// Terminating pods still serve while they drain, but give way to any other pod.
	Terminating bool
	// Sequence orders pods of the same replica: the pod first seen later has the
	// larger one. EndpointSlices carry no creation time.
	Sequence uint64
}

// TTL is the lifetime of the topology's records in whole seconds.
func TTL(t *regions.Topology) int {
	d, err := time.ParseDuration(t.Spec.DNS.TTL)
	if err != nil || d < time.Second {
		return DefaultTTL
	}
	return int(d / time.Second)
}

// Desired are the records that a valid topology should have, given the slots
// (slot 0 first) and the pods that exist: for every replica, cluster, region and slot
// an A and an AAAA set where addresses exist, and for every port SRV sets for discovery (RFC 2782), sorted by name and type.
//
// Where several pods claim one replica, one that is not terminating beats one that is, then
// the newest wins; the loser's addresses may already belong to somebody else.
// A pod beyond the declared replicas keeps its name until it is gone, so that a scale-in
// removes records only after pods; pods of clusters or pools unknown to the topology are ignored.
func Desired(t *regions.Topology, slots []regions.ReplicaID, endpoints []Endpoint, ports ...Port) []RecordSet {
	pods := currentPods(endpoints)
	ttl := TTL(t)
	var sets []RecordSet
	for _, name := range namesOf(t, slots, withUndeclared(t, pods)) {
		sets = append(sets, addressSets(name, pods, ttl)...)
	}
	if len(ports) == 0 {
		return sets
	}
	return sorted(index(append(sets, services(t, slots, pods, ports)...)))
}

// withUndeclared adds to the declared replicas those that have a pod in a cluster
// and pool that the topology knows.
func withUndeclared(t *regions.Topology, pods map[regions.ReplicaID]Endpoint) []regions.ReplicaID {
	ids := declared(t)
	known := map[regions.ReplicaID]bool{}
	pools := map[string]bool{}
	for _, id := range ids {
		known[id] = true
		pools[id.Pool] = true
	}
	clusters := map[string]bool{}
	for _, r := range t.Spec.Regions {
		for _, c := range r.Clusters {
			clusters[c.Name] = true
		}
	}
	for id := range pods {
		if !known[id] && clusters[id.Cluster] && pools[id.Pool] {
			ids = append(ids, id)
		}
	}
	return ids
}

// currentPods chooses one pod for each replica.
func currentPods(endpoints []Endpoint) map[regions.ReplicaID]Endpoint {
	current := map[regions.ReplicaID]Endpoint{}
	for _, e := range mergePods(endpoints) {
		if best, ok := current[e.Replica]; !ok || comparePods(e, best) > 0 {
			current[e.Replica] = e
		}
	}
	return current
}

// mergePods joins what several endpoints tell of one pod: a dual-stack pod comes
// once a family. A pod that any of them calls terminating is: there is no way back from it.
func mergePods(endpoints []Endpoint) []Endpoint {
	type key struct {
		replica regions.ReplicaID
		uid     string
	}
	var merged []Endpoint
	at := map[key]int{}
	for _, e := range endpoints {
		k := key{e.Replica, e.PodUID}
		i, ok := at[k]
		if !ok {
			at[k] = len(merged)
			merged = append(merged, e)
			continue
		}
		m := &merged[i]
		m.IPs = slices.Concat(m.IPs, e.IPs)
		m.Terminating = m.Terminating || e.Terminating
		m.Sequence = max(m.Sequence, e.Sequence)
	}
	return merged
}

// comparePods is positive where a should stand for the replica rather than b.
func comparePods(a, b Endpoint) int {
	if a.Terminating != b.Terminating {
		if b.Terminating {
			return 1
		}
		return -1
	}
	return cmp.Or(cmp.Compare(a.Sequence, b.Sequence), strings.Compare(a.PodUID, b.PodUID))
}

func addressSets(name Name, pods map[regions.ReplicaID]Endpoint, ttl int) []RecordSet {
	values := map[Type][]string{}
	for _, id := range name.Replicas {
		for _, ip := range addressesOf(pods[id]) {
			family := TypeAAAA
			if ip.Is4() {
				family = TypeA
			}
			values[family] = append(values[family], ip.String())
		}
	}
	cluster := ""
	if clusters := name.Clusters(); len(clusters) == 1 {
		cluster = clusters[0]
	}
	var sets []RecordSet
	for _, family := range []Type{TypeA, TypeAAAA} {
		if len(values[family]) > 0 {
			sets = append(sets, RecordSet{Name: name.Name, Type: family, TTL: ttl, Values: normalValues(family, values[family]), Cluster: cluster})
		}
	}
	return sets
}

// addressesOf are the pod's addresses, IPv4 in its own form; what is no address is left out.
func addressesOf(e Endpoint) []netip.Addr {
	var out []netip.Addr
	for _, text := range e.IPs {
		if ip, err := netip.ParseAddr(text); err == nil {
			out = append(out, ip.Unmap())
		}
	}
	return out
}

// normalValues are the values without repeats, sorted, addresses in their shortest
// form (RFC 5952) and names in lower case (RFC 4343), so that equal sets are equal strings.
func normalValues(t Type, values []string) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		switch t {
		case TypeA, TypeAAAA:
			if ip, err := netip.ParseAddr(v); err == nil {
				v = ip.String()
			}
		case TypeSRV, TypePTR, TypeCNAME, TypeDNAME, TypeNS:
			v = strings.ToLower(v)
		default: // text is what it is
		}
		out = append(out, v)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
