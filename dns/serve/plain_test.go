package serve

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

const testZone = "Bank.DB.example.com"

// fleet has two regions of n replicas with both families of addresses, of which the last has none yet.
func fleet(n int, unread ...string) Contents {
	c := Contents{
		Topology: &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{
			DNS: regions.DNS{Zone: testZone, TTL: "10s"},
			Regions: []regions.Region{
				{Name: "us-east1", Clusters: []regions.Cluster{{Name: "use1", Replicas: n}}},
				{Name: "europe-west1", Clusters: []regions.Cluster{{Name: "euw1", Replicas: n}}},
			},
		}},
		Unread: unread,
		Server: []netip.Addr{netip.MustParseAddr("192.0.2.53"), netip.MustParseAddr("2001:db8::53")},
	}
	for k, cluster := range []string{"use1", "euw1"} {
		for i := range n - 1 {
			id := regions.ReplicaID{Cluster: cluster, Pool: "bank", Ordinal: i}
			if i < 5 {
				c.Slots = append(c.Slots, id)
			}
			ips := []string{fmt.Sprintf("10.%d.%d.%d", k, i/250, i%250+1), fmt.Sprintf("fd00::%x:%x", k, i)}
			if cluster != "euw1" || len(unread) == 0 {
				c.Endpoints = append(c.Endpoints, dns.Endpoint{Replica: id, PodUID: fmt.Sprint(id), IPs: ips})
			}
		}
	}
	return c
}

// unknownSeeds are the contents while nobody told whose the seed names are.
func unknownSeeds(c Contents) Contents {
	c.Slots, c.UnknownSeeds = nil, len(c.Slots)
	return c
}

func clockAt(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 0) }
}

// drawName is a name that the zone may or may not hold, its letters of any case.
func drawName(t *rapid.T) string {
	zone := rapid.SampledFrom([]string{testZone, testZone, testZone, testZone, testZone, testZone, "example.com", "bank.db.example.org", "."}).Draw(t, "zone")
	below := rapid.SampledFrom([]string{
		"", "ns1.", "us-east1.", "europe-west1.", "use1.", "euw1.", "bank-0.use1.", "bank-2.euw1.", "bank-7.use1.", "bank-99.use1.", "x.bank-0.use1.", "bank-99.euw1.", "x.bank-0.euw1.",
		"join-0.", "join-3.", "join-9.", "_tcp.", "_sql._tcp.", "nothing.", "*.", `a\.b.`, `\000.`, strings.Repeat("l", 63) + ".",
	}).Draw(t, "below")
	name := mdns.Fqdn(below + strings.TrimPrefix(zone, "."))
	letters := []byte(name)
	for i, mask := range rapid.SliceOfN(rapid.Bool(), len(letters), len(letters)).Draw(t, "case") {
		if c := letters[i]; mask && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			letters[i] = c ^ 0x20
		}
	}
	return string(letters)
}

func drawQuery(t *rapid.T) *mdns.Msg {
	m := new(mdns.Msg)
	m.Id = rapid.Uint16().Draw(t, "id")
	qtype := rapid.OneOf(rapid.SampledFrom([]uint16{
		mdns.TypeA, mdns.TypeAAAA, mdns.TypeSRV, mdns.TypeTXT, mdns.TypeSOA, mdns.TypeNS, mdns.TypeANY, mdns.TypePTR, mdns.TypeCNAME, mdns.TypeDS,
	}), rapid.SampledFrom([]uint16{0, 41, 64, 99, 128, 249, 250, 251, 252, 256, 65535})).Draw(t, "type")
	m.Question = []mdns.Question{{Name: drawName(t), Qtype: qtype, Qclass: rapid.SampledFrom([]uint16{1, 1, 1, 1, 1, 1, 1, 1, 3, 255}).Draw(t, "class")}}
	m.RecursionDesired, m.CheckingDisabled = rapid.Bool().Draw(t, "rd"), rapid.Bool().Draw(t, "cd")
	m.AuthenticatedData, m.Zero = rapid.Bool().Draw(t, "ad"), rapid.IntRange(0, 9).Draw(t, "z") == 9
	m.Opcode = rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5, 6}).Draw(t, "opcode")
	if rapid.Bool().Draw(t, "edns") {
		m.SetEdns0(rapid.SampledFrom([]uint16{0, 512, 600, 1232, 4096, 65535}).Draw(t, "size"), rapid.Bool().Draw(t, "do"))
		opt := m.IsEdns0()
		if rapid.IntRange(0, 9).Draw(t, "version") == 9 {
			opt.SetVersion(1)
		}
		switch rapid.SampledFrom([]int{0, 1, 1, 2}).Draw(t, "option") {
		case 1:
			opt.Option = append(opt.Option, &mdns.EDNS0_COOKIE{Code: mdns.EDNS0COOKIE, Cookie: "0123456789abcdef"})
		case 2:
			opt.Option = append(opt.Option, &mdns.EDNS0_NSID{Code: mdns.EDNS0NSID})
		}
	}
	return m
}

// TestPlainPathSaysWhatTheCarefulOneSays: whatever the plain path answers is, letter case of names within
// records aside, what the careful one answers.
func TestPlainPathSaysWhatTheCarefulOneSays(t *testing.T) {
	zones := map[string]*Zone{
		"whole":  NewZone(fleet(9), clockAt(1_700_000_000)),
		"large":  NewZone(fleet(90), clockAt(1_700_000_000)),
		"unread": NewZone(fleet(9, "euw1"), clockAt(1_700_000_000)),
		"seeds":  NewZone(unknownSeeds(fleet(9)), clockAt(1_700_000_000)),
	}
	plainOnes, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		zone := zones[rapid.SampledFrom([]string{"whole", "large", "unread", "seeds"}).Draw(t, "contents")]
		transport := rapid.SampledFrom([]Transport{UDP, TCP}).Draw(t, "transport")
		query := drawQuery(t)
		wire, err := query.Pack()
		if err != nil {
			t.Skip("it cannot be packed")
		}
		all++
		var q plainQuery
		if !q.parse(wire, transport) {
			return
		}
		reply, rcode, ok := zone.current.Load().plain(nil, wire, &q)
		if !ok {
			return
		}
		plainOnes++
		got, want := new(mdns.Msg), zone.Answer(query, transport)
		if err := got.Unpack(reply); err != nil {
			t.Fatalf("the plain reply to %v cannot be read: %v", query, err)
		}
		packed, err := want.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if err := want.Unpack(packed); err != nil {
			t.Fatal(err)
		}
		if got.Question[0].Name != query.Question[0].Name || rcode != want.Rcode {
			t.Fatalf("asked %s, echoed %s; rcode %d", query.Question[0].Name, got.Question[0].Name, rcode)
		}
		if a, b := strings.ToLower(got.String()), strings.ToLower(want.String()); a != b {
			t.Fatalf("plain\n%s\ncareful\n%s", a, b)
		}
	})
	if plainOnes*10 < all {
		t.Errorf("only %d of %d queries took the plain path", plainOnes, all)
	}
}

// TestPlainPathTakesTheUsual: what resolvers and databases ask goes the plain way, and allocates nothing.
func TestPlainPathTakesTheUsual(t *testing.T) {
	zone := NewZone(fleet(9), clockAt(1))
	for _, name := range []string{"bank-0.use1.", "us-east1.", "JOIN-0.", "nothing.", "bank-8.use1.", ""} {
		for _, qtype := range []uint16{mdns.TypeA, mdns.TypeAAAA, mdns.TypeSOA, mdns.TypeHTTPS} {
			for _, edns := range []bool{false, true} {
				query := new(mdns.Msg).SetQuestion(name+testZone+".", qtype)
				if edns {
					query.SetEdns0(1232, true)
					query.IsEdns0().Option = []mdns.EDNS0{&mdns.EDNS0_COOKIE{Code: mdns.EDNS0COOKIE, Cookie: "0123456789abcdef"}}
				}
				wire, err := query.Pack()
				if err != nil {
					t.Fatal(err)
				}
				a := answerer{zone: zone, counters: new(counters)}
				buffer := make([]byte, 0, 4096)
				ok := false
				allocations := testing.AllocsPerRun(10, func() {
					ok = a.q.parse(wire, UDP)
					_ = a.reply(buffer, wire, UDP)
				})
				if !ok || allocations != 0 {
					t.Errorf("%s%s %d: plain %t, %v allocations", name, testZone, qtype, ok, allocations)
				}
			}
		}
	}
}

func BenchmarkReply(b *testing.B) {
	zone := NewZone(fleet(1000), clockAt(1))
	wire, err := new(mdns.Msg).SetQuestion("bank-17.use1."+testZone+".", mdns.TypeA).Pack()
	if err != nil {
		b.Fatal(err)
	}
	a := answerer{zone: zone, counters: new(counters)}
	buffer := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		buffer = a.reply(buffer[:0], wire, UDP)
	}
}

func BenchmarkBuild100k(b *testing.B) {
	c := fleet(50_000)
	b.ReportAllocs()
	for b.Loop() {
		s := newSnapshot(c)
		s.seal(maphash.MakeSeed())
	}
}
