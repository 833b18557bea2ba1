package serve

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// sliceSet holds the EndpointSlices of one cluster, and when each pod was first seen:
// slices carry no creation times, and a replica's newest pod is the one to name.
type sliceSet struct {
	cluster string
	pools   map[string][]string // service → the pools that it governs
	slices  map[types.NamespacedName]*discoveryv1.EndpointSlice
	seen    map[string]uint64 // pod UID → sequence
	round   uint64
}

func newSliceSet(cluster string, services map[string]string) *sliceSet {
	pools := map[string][]string{}
	for pool, service := range services {
		pools[service] = append(pools[service], pool)
	}
	return &sliceSet{cluster: cluster, pools: pools, slices: map[types.NamespacedName]*discoveryv1.EndpointSlice{}, seen: map[string]uint64{}}
}

func key(s *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
}

// put keeps a slice, if it belongs to a service that is asked for.
func (s *sliceSet) put(slice *discoveryv1.EndpointSlice) {
	if _, ok := s.pools[slice.Labels[discoveryv1.LabelServiceName]]; !ok {
		delete(s.slices, key(slice))
		return
	}
	s.slices[key(slice)] = slice
}

func (s *sliceSet) remove(slice *discoveryv1.EndpointSlice) { delete(s.slices, key(slice)) }

func (s *sliceSet) replace(all []*discoveryv1.EndpointSlice) {
	clear(s.slices)
	for _, slice := range all {
		s.put(slice)
	}
}

// endpoints are the pods of all slices, in the order of the slices' names. Pods that
// were not there at the last call count as newer than those that were.
func (s *sliceSet) endpoints() []dns.Endpoint {
	s.round++
	seen := map[string]uint64{}
	var out []dns.Endpoint
	names := slices.SortedFunc(maps.Keys(s.slices), func(a, b types.NamespacedName) int { return strings.Compare(a.String(), b.String()) })
	for _, name := range names {
		slice := s.slices[name]
		pools := s.pools[slice.Labels[discoveryv1.LabelServiceName]]
		if slice.AddressType == discoveryv1.AddressTypeFQDN {
			continue
		}
		for _, e := range slice.Endpoints {
			endpoint, ok := s.endpoint(pools, e)
			if !ok {
				continue
			}
			if _, old := s.seen[endpoint.PodUID]; !old {
				s.seen[endpoint.PodUID] = s.round
			}
			endpoint.Sequence = s.seen[endpoint.PodUID]
			seen[endpoint.PodUID] = endpoint.Sequence
			out = append(out, endpoint)
		}
	}
	s.seen = seen
	return out
}

// endpoint reads one endpoint of the service of some pools; false where it is no replica. Readiness is
// not asked for: peers must find each other before any of them is ready.
func (s *sliceSet) endpoint(pools []string, e discoveryv1.Endpoint) (dns.Endpoint, bool) {
	var pod, uid string
	if e.TargetRef != nil && e.TargetRef.Kind == "Pod" {
		pod, uid = e.TargetRef.Name, string(e.TargetRef.UID)
	}
	if e.Hostname != nil {
		pod = *e.Hostname
	}
	for _, pool := range pools { // at most one of them can have a pod of this name
		if ordinal, ok := ordinalOf(pool, pod); ok && len(e.Addresses) > 0 {
			return dns.Endpoint{
				Replica:     regions.ReplicaID{Cluster: s.cluster, Pool: pool, Ordinal: ordinal},
				PodUID:      uid,
				IPs:         slices.Clone(e.Addresses),
				Terminating: e.Conditions.Terminating != nil && *e.Conditions.Terminating,
			}, true
		}
	}
	return dns.Endpoint{}, false
}

// ordinalOf reads the ordinal of a pool's pod, <pool>-<ordinal>.
func ordinalOf(pool, pod string) (int, bool) {
	text, ok := strings.CutPrefix(pod, pool+"-")
	if !ok {
		return 0, false
	}
	ordinal, err := strconv.Atoi(text)
	return ordinal, err == nil && ordinal >= 0 && strconv.Itoa(ordinal) == text
}
