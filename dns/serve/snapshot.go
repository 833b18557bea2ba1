package serve

import (
	"cmp"
	"hash/maphash"
	"maps"
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
	// UnknownSeeds is how many seed names there are of which it is not known whose they are; there are no Slots then.
	UnknownSeeds int
	Ports        []dns.Port // that have SRV records
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

// snapshot is one state of the zone; it is never changed once sealed.
type snapshot struct {
	origin   string // canonical
	apex     []byte // the origin on the wire, lower case
	serial   uint32
	records  []dns.RecordSet // dns.Desired
	sets     []dns.RecordSet // what a transfer holds beside the SOA: records and the server's own, sorted
	declared []dns.Name
	services []dns.Name // of the ports, which exist as the declared names do
	unread   [][]byte   // names on the wire, at and below which nothing is known
	history  []diff     // the last changes, to this one, oldest first
	*table              // nil until it is sealed
}

// newSnapshot is complete but for its serial and history, and its table, which seal gives it.
func newSnapshot(c Contents) *snapshot {
	zone := c.Topology.Spec.DNS.Zone
	s := &snapshot{
		origin:   dns.Canonical(zone),
		records:  dns.Desired(c.Topology, c.Slots, c.Endpoints, c.Ports...),
		declared: dns.Names(c.Topology, c.Slots),
	}
	s.apex, _ = appendName(nil, s.origin) // names were checked before
	for _, cluster := range c.Unread {
		name, _ := appendName(nil, dns.ClusterName(zone, cluster))
		s.unread = append(s.unread, name)
	}
	for i := range c.UnknownSeeds {
		name, _ := appendName(nil, dns.SlotName(zone, i))
		s.unread = append(s.unread, name)
	}
	s.sets = merged(s.records, s.serverSets(c.Server))
	s.services = serviceNames(c, s.declared)
	if c.UnknownSeeds > 0 {
		s.unread = append(s.unread, s.ofSeeds(c)...)
	}
	return s
}

// server is the name of the zone's name server.
func (s *snapshot) server() string { return "ns1." + s.origin }

// serverSets are the NS record of the zone's name server, and its addresses where they are known.
func (s *snapshot) serverSets(addresses []netip.Addr) []dns.RecordSet {
	values := map[dns.Type][]string{}
	for _, ip := range addresses {
		if ip = ip.Unmap(); ip.Is4() {
			values[dns.TypeA] = append(values[dns.TypeA], ip.String())
		} else {
			values[dns.TypeAAAA] = append(values[dns.TypeAAAA], ip.String())
		}
	}
	sets := []dns.RecordSet{{Name: s.origin, Type: "NS", TTL: apexTTL, Values: []string{s.server()}}}
	for _, family := range []dns.Type{dns.TypeA, dns.TypeAAAA} {
		if len(values[family]) > 0 {
			slices.Sort(values[family])
			sets = append(sets, dns.RecordSet{Name: s.server(), Type: family, TTL: apexTTL, Values: slices.Compact(values[family])})
		}
	}
	return sets
}

// merged are all sets by name and type. A set that is in both, which the topology's checks rule out, is one of many.
func merged(many, few []dns.RecordSet) []dns.RecordSet {
	out := make([]dns.RecordSet, 0, len(many)+len(few))
	for _, s := range many {
		for len(few) > 0 && compareSets(few[0], s) <= 0 {
			if compareSets(few[0], s) < 0 {
				out = append(out, few[0])
			}
			few = few[1:]
		}
		out = append(out, s)
	}
	return append(out, few...)
}

func compareSets(a, b dns.RecordSet) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Type, b.Type))
}

// seal gives the snapshot its table, before anybody reads it; it has its serial.
func (s *snapshot) seal(seed maphash.Seed) *snapshot {
	b := &builder{block: make([]byte, 1, 1+64*(len(s.sets)+len(s.declared)))}
	between := s.between()
	for rest := s.sets; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].Name == rest[0].Name {
			n++
		}
		delete(between, rest[0].Name)
		s.addNode(b, rest[0].Name, false, rest[:n])
		rest = rest[n:]
	}
	s.addEmpty(b, between)
	s.table = b.table(seed)
	return s
}

// addEmpty adds the names without records: declared ones whose replicas have no address yet, and those between
// a name and the apex (RFC 4592 §2.2.2).
func (s *snapshot) addEmpty(b *builder, between map[string]bool) {
	for _, names := range [][]dns.Name{s.declared, s.services} {
		sets := s.sets
		for _, n := range names {
			for len(sets) > 0 && sets[0].Name < n.Name {
				sets = sets[1:]
			}
			delete(between, n.Name)
			if len(sets) == 0 || sets[0].Name != n.Name {
				s.addNode(b, n.Name, slices.ContainsFunc(n.Clusters(), s.isUnread), nil)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(between)) {
		s.addNode(b, name, false, nil)
	}
}

// between are the names between all names and the apex, and the server's own.
func (s *snapshot) between() map[string]bool {
	out := map[string]bool{s.server(): true}
	last := ""
	add := func(name string) {
		_, parent, _ := strings.Cut(name, ".")
		for parent != last && parent != s.origin && strings.HasSuffix(parent, "."+s.origin) && !out[parent] {
			out[parent] = true
			last = parent
			_, parent, _ = strings.Cut(parent, ".")
		}
	}
	for _, set := range s.sets {
		add(set.Name)
	}
	for _, n := range slices.Concat(s.declared, s.services) {
		add(n.Name)
	}
	return out
}

// addNode adds a name and its sets to the table.
func (s *snapshot) addNode(b *builder, name string, unknown bool, sets []dns.RecordSet) {
	var space [256]byte
	wire, ok := appendName(space[:0], name)
	if !ok {
		return // names were checked before
	}
	var flags byte
	if unknown || s.isUnreadName(lower(wire)) {
		flags = unknownFlag
	}
	b.node(wire, flags)
	if name == s.origin {
		start := b.set(mdns.TypeSOA)
		b.record(mdns.TypeSOA, apexTTL, s.appendSOA)
		b.end(start, 1)
	}
	for _, set := range sets {
		rrtype, ok := typeOf(set.Type)
		if !ok {
			continue // a type without a number: dns.Desired makes none
		}
		start, count := b.set(rrtype), 0
		for _, value := range set.Values {
			if b.record(rrtype, set.TTL, func(d []byte) ([]byte, bool) { return appendData(d, rrtype, value) }) {
				count++
			}
		}
		b.end(start, count)
	}
}

// isUnread tells whether the cluster was never read.
func (s *snapshot) isUnread(cluster string) bool {
	name, _ := appendName(nil, dns.ClusterName(s.origin, cluster))
	return slices.ContainsFunc(s.unread, func(u []byte) bool { return string(u) == string(name) })
}

// isUnreadName tells whether a name, on the wire in lower case, is that of a cluster that was never read, or below it.
func (s *snapshot) isUnreadName(name []byte) bool {
	for _, cluster := range s.unread {
		if isBelow(name, cluster) {
			return true
		}
	}
	return false
}

// complete tells whether every cluster's pods are known, so that what is not there does not exist.
func (s *snapshot) complete() bool { return len(s.unread) == 0 }

// soa is the record that begins and ends a transfer, and that goes with every denial under the TTL of the denial.
func (s *snapshot) soa(ttl uint32) *mdns.SOA {
	return &mdns.SOA{
		Hdr: mdns.RR_Header{Name: s.origin, Rrtype: mdns.TypeSOA, Class: mdns.ClassINET, Ttl: ttl},
		Ns:  s.server(), Mbox: "hostmaster." + s.origin,
		Serial: s.serial, Refresh: refresh, Retry: retry, Expire: expire, Minttl: NegativeTTL,
	}
}

// sameRecords tells whether a secondary would see no difference.
func (s *snapshot) sameRecords(other *snapshot) bool {
	return s.origin == other.origin && slices.EqualFunc(s.sets, other.sets, sameSet)
}

// sameAnswers tells whether nobody would see a difference.
func (s *snapshot) sameAnswers(other *snapshot) bool {
	return s.sameRecords(other) && slices.EqualFunc(s.unread, other.unread, slices.Equal[[]byte]) &&
		slices.EqualFunc(s.declared, other.declared, sameName) && slices.EqualFunc(s.services, other.services, sameName)
}

func sameName(a, b dns.Name) bool { return a.Name == b.Name && slices.Equal(a.Replicas, b.Replicas) }

func sameSet(a, b dns.RecordSet) bool {
	return a.Name == b.Name && a.Type == b.Type && a.TTL == b.TTL && slices.Equal(a.Values, b.Values)
}
