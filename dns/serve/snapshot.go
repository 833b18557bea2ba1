package serve

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// Lifetimes of the zone's own records and timers of its SOA, in seconds (RFC 1035 §3.3.13).
const (
	// NegativeTTL is how long a denial may be cached: min(SOA MINIMUM, SOA TTL), RFC
	// 2308 §5. A pod's name is asked for just before the pod appears, so it is short.
	NegativeTTL = 5
	apexTTL     = 60     // of SOA and NS
	refresh     = 15     // a secondary that misses a NOTIFY is stale for this long
	retry       = 5      //
	expire      = 604800 // a week: last-known names beat none
)

// Contents are what a Zone answers from.
type Contents struct {
	// Topology gives the zone's name, the TTL and which names exist.
	Topology *regions.Topology
	Slots    []regions.ReplicaID // behind the seed names, slot 0 first
	// Endpoints are the pods of all clusters, as last known.
	Endpoints []dns.Endpoint
	// Unread are the clusters that were never read: nothing is known of their names.
	Unread []string
	// Restored are the clusters that were not read yet and whose endpoints are those of the last
	// known state, with the time when they were known.
	Restored map[string]time.Time
	// Server are the addresses of ns1.<zone>, where they are known.
	Server []netip.Addr
}

// node is one owner name; a node without sets is an empty non-terminal, or a name
// whose replicas have no address yet.
type node struct {
	sets map[uint16][]mdns.RR
	// unknown: nothing is known of the name, for its clusters were never read.
	unknown bool
}

// snapshot is one state of the zone; it is never changed once made.
type snapshot struct {
	origin   string // canonical
	serial   uint32
	records  []dns.RecordSet
	declared []dns.Name
	names    []string // that exist by declaration, sorted
	nodes    map[string]*node
	unread   []string // names at and below which nothing is known
}

// newSnapshot is complete but for its serial, which seal gives it.
func newSnapshot(c Contents) *snapshot {
	zone := c.Topology.Spec.DNS.Zone
	s := &snapshot{
		origin:  dns.Canonical(zone),
		records: dns.Desired(c.Topology, c.Slots, c.Endpoints),
		nodes:   map[string]*node{},
	}
	s.declared = dns.Names(c.Topology, c.Slots)
	for _, n := range s.declared {
		s.names = append(s.names, n.Name)
		s.node(n.Name).unknown = slices.ContainsFunc(n.Clusters(), func(cluster string) bool { return slices.Contains(c.Unread, cluster) })
	}
	for _, cluster := range c.Unread {
		s.unread = append(s.unread, dns.ClusterName(zone, cluster))
	}
	for _, set := range s.records {
		s.add(set.Name, set.TTL, set.Values)
	}
	s.addServer(c.Server)
	return s
}

// seal gives the snapshot its serial, before anybody reads it.
func (s *snapshot) seal(serial uint32) *snapshot {
	s.serial = serial
	s.node(s.origin).sets[mdns.TypeSOA] = []mdns.RR{&mdns.SOA{
		Hdr: header(s.origin, mdns.TypeSOA, apexTTL), Ns: s.server(), Mbox: "hostmaster." + s.origin,
		Serial: serial, Refresh: refresh, Retry: retry, Expire: expire, Minttl: NegativeTTL,
	}}
	return s
}

// server is the name of the zone's name server.
func (s *snapshot) server() string { return "ns1." + s.origin }

// node is the name's node, made with every name between it and the apex (RFC 4592 §2.2.2).
func (s *snapshot) node(name string) *node {
	if n, ok := s.nodes[name]; ok {
		return n
	}
	n := &node{sets: map[uint16][]mdns.RR{}}
	s.nodes[name] = n
	if _, parent, ok := strings.Cut(name, "."); ok && name != s.origin && strings.HasSuffix(name, "."+s.origin) {
		s.node(parent)
	}
	return n
}

// addServer adds the name server's NS record, and its addresses where they are known.
func (s *snapshot) addServer(addresses []netip.Addr) {
	s.node(s.origin).sets[mdns.TypeNS] = []mdns.RR{&mdns.NS{Hdr: header(s.origin, mdns.TypeNS, apexTTL), Ns: s.server()}}
	s.node(s.server())
	values := make([]string, len(addresses))
	for i, ip := range addresses {
		values[i] = ip.Unmap().String()
	}
	s.add(s.server(), apexTTL, values)
}

// add gives a name its addresses, each in the set of its family.
func (s *snapshot) add(name string, ttl int, values []string) {
	n := s.node(name)
	for _, v := range values {
		ip, err := netip.ParseAddr(v)
		switch {
		case err != nil: // Desired writes addresses alone
		case ip.Is4():
			n.sets[mdns.TypeA] = append(n.sets[mdns.TypeA], &mdns.A{Hdr: header(name, mdns.TypeA, ttl), A: ip.AsSlice()})
		default:
			n.sets[mdns.TypeAAAA] = append(n.sets[mdns.TypeAAAA], &mdns.AAAA{Hdr: header(name, mdns.TypeAAAA, ttl), AAAA: ip.AsSlice()})
		}
	}
}

func header(name string, rrtype uint16, ttl int) mdns.RR_Header {
	return mdns.RR_Header{Name: name, Rrtype: rrtype, Class: mdns.ClassINET, Ttl: uint32(ttl)}
}

// soa is the record that goes with every denial, with the TTL of the denial.
func (s *snapshot) soa() mdns.RR {
	rr := mdns.Copy(s.nodes[s.origin].sets[mdns.TypeSOA][0])
	rr.Header().Ttl = NegativeTTL
	return rr
}

// known tells whether anything may be said of a canonical name: false where it lies in a cluster that was
// never read, or carries addresses of such clusters alone.
func (s *snapshot) known(name string) bool {
	for _, cluster := range s.unread {
		if mdns.IsSubDomain(cluster, name) {
			return false
		}
	}
	n, ok := s.nodes[name]
	return !ok || !n.unknown || len(n.sets) > 0
}

// sameRecords tells whether a secondary would see no difference.
func (s *snapshot) sameRecords(other *snapshot) bool {
	return s.origin == other.origin && slices.Equal(s.names, other.names) &&
		slices.EqualFunc(s.records, other.records, func(a, b dns.RecordSet) bool {
			return a.Name == b.Name && a.Type == b.Type && a.TTL == b.TTL && slices.Equal(a.Values, b.Values)
		})
}
