package serve_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

const origin = "bank.db.example.com."

// bank is two regions of one cluster each, use1 with two replicas, euw1 with one.
func bank() *regions.Topology {
	return &regions.Topology{
		Metadata: regions.Metadata{Name: "bank"},
		Spec: regions.Spec{
			Profile: "cockroachdb",
			DNS:     regions.DNS{Zone: strings.TrimSuffix(origin, "."), TTL: "10s"},
			Regions: []regions.Region{
				{Name: "us-east1", Clusters: []regions.Cluster{{Name: "use1", Replicas: 2}}},
				{Name: "europe-west1", Clusters: []regions.Cluster{{Name: "euw1", Replicas: 1}}},
			},
		},
	}
}

func id(cluster string, ordinal int) regions.ReplicaID {
	return regions.ReplicaID{Cluster: cluster, Pool: "bank", Ordinal: ordinal}
}

func endpoint(cluster string, ordinal int, ips ...string) dns.Endpoint {
	return dns.Endpoint{Replica: id(cluster, ordinal), PodUID: fmt.Sprintf("%s-%d", cluster, ordinal), IPs: ips}
}

// contents: use1/bank-0 has both families, use1/bank-1 has no pod, euw1 was never read.
func contents() serve.Contents {
	return serve.Contents{
		Topology:  bank(),
		Slots:     []regions.ReplicaID{id("use1", 0), id("euw1", 0), id("use1", 1)},
		Endpoints: []dns.Endpoint{endpoint("use1", 0, "10.1.0.4", "fd00::4")},
		Unread:    []string{"euw1"},
		Server:    []netip.Addr{netip.MustParseAddr("192.0.2.53")},
	}
}

func fixed(seconds int64) func() time.Time {
	return func() time.Time { return time.Unix(seconds, 0) }
}

func question(name string, qtype uint16) *mdns.Msg {
	m := new(mdns.Msg)
	m.SetQuestion(name, qtype)
	return m
}

// brief is a reply in one line: rcode, flags, and the sections that are not empty.
func brief(m *mdns.Msg) string {
	out := []string{mdns.RcodeToString[m.Rcode]}
	for _, flag := range []struct {
		set  bool
		name string
	}{{m.Authoritative, "aa"}, {m.Truncated, "tc"}, {m.RecursionAvailable, "ra"}, {!m.Response, "NO-QR"}} {
		if flag.set {
			out = append(out, flag.name)
		}
	}
	for _, section := range []struct {
		name string
		rrs  []mdns.RR
	}{{"answer", m.Answer}, {"authority", m.Ns}, {"additional", m.Extra}} {
		for _, rr := range section.rrs {
			if opt, ok := rr.(*mdns.OPT); ok {
				out = append(out, fmt.Sprintf("opt %d v%d", opt.UDPSize(), opt.Version()))
				continue
			}
			out = append(out, section.name+" "+strings.Join(strings.Fields(rr.String()), " "))
		}
	}
	return strings.Join(out, "; ")
}

const denial = "authority bank.db.example.com. 5 IN SOA ns1.bank.db.example.com. hostmaster.bank.db.example.com. 1700000000 15 5 604800 5"

func TestAnswer(t *testing.T) {
	tests := []struct {
		why, name string
		qtype     uint16
		want      string
	}{
		{"an address", "bank-0.use1." + origin, mdns.TypeA, "NOERROR; aa; answer bank-0.use1.bank.db.example.com. 10 IN A 10.1.0.4"},
		{"the other family", "bank-0.use1." + origin, mdns.TypeAAAA, "NOERROR; aa; answer bank-0.use1.bank.db.example.com. 10 IN AAAA fd00::4"},
		{"the case asked in is kept", "bAnK-0.USE1.Bank.dB.example.COM.", mdns.TypeA, "NOERROR; aa; answer bAnK-0.USE1.Bank.dB.example.COM. 10 IN A 10.1.0.4"},
		{"all of a cluster", "use1." + origin, mdns.TypeA, "NOERROR; aa; answer use1.bank.db.example.com. 10 IN A 10.1.0.4"},
		{"all of a region", "us-east1." + origin, mdns.TypeA, "NOERROR; aa; answer us-east1.bank.db.example.com. 10 IN A 10.1.0.4"},
		{"a slot", "join-0." + origin, mdns.TypeA, "NOERROR; aa; answer join-0.bank.db.example.com. 10 IN A 10.1.0.4"},
		{"ANY is one set", "bank-0.use1." + origin, mdns.TypeANY, "NOERROR; aa; answer bank-0.use1.bank.db.example.com. 10 IN A 10.1.0.4"},
		{"SOA", origin, mdns.TypeSOA, "NOERROR; aa; answer bank.db.example.com. 60 IN SOA ns1.bank.db.example.com. hostmaster.bank.db.example.com. 1700000000 15 5 604800 5"},
		{"ANY at the apex", origin, mdns.TypeANY, "NOERROR; aa; answer bank.db.example.com. 60 IN SOA ns1.bank.db.example.com. hostmaster.bank.db.example.com. 1700000000 15 5 604800 5"},
		{"NS with glue", origin, mdns.TypeNS, "NOERROR; aa; answer bank.db.example.com. 60 IN NS ns1.bank.db.example.com.; additional ns1.bank.db.example.com. 60 IN A 192.0.2.53"},
		{"the name server", "ns1." + origin, mdns.TypeA, "NOERROR; aa; answer ns1.bank.db.example.com. 60 IN A 192.0.2.53"},
		{"NODATA: another type", "bank-0.use1." + origin, mdns.TypeTXT, "NOERROR; aa; " + denial},
		{"NODATA: the apex has no address", origin, mdns.TypeA, "NOERROR; aa; " + denial},
		{"NODATA: a declared replica without a pod", "bank-1.use1." + origin, mdns.TypeA, "NOERROR; aa; " + denial},
		{"NODATA: a slot without a pod", "join-2." + origin, mdns.TypeA, "NOERROR; aa; " + denial},
		{"NXDOMAIN: no such replica", "bank-9.use1." + origin, mdns.TypeA, "NXDOMAIN; aa; " + denial},
		{"NXDOMAIN: below a replica", "x.bank-0.use1." + origin, mdns.TypeA, "NXDOMAIN; aa; " + denial},
		{"NXDOMAIN: no wildcard", "*." + origin, mdns.TypeA, "NXDOMAIN; aa; " + denial},
		{"NXDOMAIN: an escaped dot is no label's end", `bank-0\.use1.` + origin, mdns.TypeA, "NXDOMAIN; aa; " + denial},
		{"SERVFAIL: a replica of a cluster never read", "bank-0.euw1." + origin, mdns.TypeA, "SERVFAIL"},
		{"SERVFAIL: in another case", "bank-0.EUW1." + origin, mdns.TypeA, "SERVFAIL"},
		{"SERVFAIL: anything below it", "bank-9.euw1." + origin, mdns.TypeA, "SERVFAIL"},
		{"SERVFAIL: the cluster itself", "euw1." + origin, mdns.TypeA, "SERVFAIL"},
		{"SERVFAIL: its region", "europe-west1." + origin, mdns.TypeAAAA, "SERVFAIL"},
		{"SERVFAIL: its slot", "join-1." + origin, mdns.TypeA, "SERVFAIL"},
		{"REFUSED: another zone", "www.example.org.", mdns.TypeA, "REFUSED"},
		{"REFUSED: the parent", "db.example.com.", mdns.TypeA, "REFUSED"},
		{"REFUSED: a zone that ends alike", "xbank.db.example.com.", mdns.TypeA, "REFUSED"},
		{"REFUSED: an escaped dot before the zone", `x\.bank.db.example.com.`, mdns.TypeA, "REFUSED"},
		{"REFUSED: the root, by which forwarders check health", ".", mdns.TypeNS, "REFUSED"},
		{"REFUSED: transfers", origin, mdns.TypeAXFR, "REFUSED"},
		{"REFUSED: incremental transfers", origin, mdns.TypeIXFR, "REFUSED"},
		{"FORMERR: a meta type", origin, mdns.TypeTSIG, "FORMERR"},
		{"FORMERR: OPT asked for", origin, mdns.TypeOPT, "FORMERR"},
	}
	zone := serve.NewZone(contents(), fixed(1_700_000_000))
	for _, test := range tests {
		t.Run(test.why, func(t *testing.T) {
			query := question(test.name, test.qtype)
			for _, transport := range []serve.Transport{serve.UDP, serve.TCP} {
				reply := zone.Answer(query, transport)
				if got := brief(reply); got != test.want {
					t.Errorf("got\n%s\nwant\n%s", got, test.want)
				}
				if reply.Id != query.Id || !reply.RecursionDesired || len(reply.Question) != 1 || reply.Question[0] != query.Question[0] {
					t.Errorf("the question is not echoed: %v", reply)
				}
			}
		})
	}
}

// TestEmptyNonTerminal: without any pod ns1's parent exists, and so does a cluster of which
// only a name below it is declared.
func TestEmptyNonTerminal(t *testing.T) {
	c := contents()
	c.Topology.Spec.DNS.Zone = "db.example.com"
	c.Topology.Spec.Regions[0].Clusters[0].Name = "use1.deep"
	c.Slots, c.Unread, c.Server = nil, nil, nil
	c.Endpoints = []dns.Endpoint{endpoint("use1.deep", 0, "10.1.0.4")}
	zone := serve.NewZone(c, fixed(1))
	for name, want := range map[string]string{
		"deep.db.example.com.":             "NOERROR", // owns nothing, use1.deep below it does
		"bank-0.use1.deep.db.example.com.": "NOERROR",
		"shallow.db.example.com.":          "NXDOMAIN",
		"ns1.db.example.com.":              "NOERROR", // the zone names it, its address is not known
	} {
		for _, qtype := range []uint16{mdns.TypeTXT, mdns.TypeMX} {
			reply := zone.Answer(question(name, qtype), serve.UDP)
			if got := mdns.RcodeToString[reply.Rcode]; got != want || len(reply.Answer) != 0 || len(reply.Ns) != 1 {
				t.Errorf("%s: got %s, want %s without records: %v", name, got, want, reply)
			}
		}
	}
}

func TestAnswerToOtherOperations(t *testing.T) {
	zone := serve.NewZone(contents(), fixed(1))
	alter := func(change func(*mdns.Msg)) *mdns.Msg {
		m := question("bank-0.use1."+origin, mdns.TypeA)
		change(m)
		return m
	}
	tests := map[string]struct {
		query *mdns.Msg
		want  string
	}{
		"update":        {alter(func(m *mdns.Msg) { m.Opcode = mdns.OpcodeUpdate }), "NOTIMP"},
		"notify":        {alter(func(m *mdns.Msg) { m.Opcode = mdns.OpcodeNotify }), "NOTIMP"},
		"unassigned":    {alter(func(m *mdns.Msg) { m.Opcode = 13 }), "NOTIMP"},
		"class CHAOS":   {alter(func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassCHAOS }), "REFUSED"},
		"class ANY":     {alter(func(m *mdns.Msg) { m.Question[0].Qclass = mdns.ClassANY }), "REFUSED"},
		"no question":   {alter(func(m *mdns.Msg) { m.Question = nil }), "FORMERR"},
		"two questions": {alter(func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) }), "FORMERR"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			reply := zone.Answer(test.query, serve.UDP)
			if got := brief(reply); got != test.want || reply.Opcode != test.query.Opcode {
				t.Errorf("got %s, opcode %d; want %s, opcode %d", got, reply.Opcode, test.want, test.query.Opcode)
			}
		})
	}
}

func TestEDNS(t *testing.T) {
	zone := serve.NewZone(contents(), fixed(1))
	ask := func(change func(*mdns.OPT, *mdns.Msg)) *mdns.Msg {
		m := question("bank-0.use1."+origin, mdns.TypeA)
		m.SetEdns0(4096, true)
		change(m.IsEdns0(), m)
		return zone.Answer(m, serve.UDP)
	}
	const answer = "NOERROR; aa; answer bank-0.use1.bank.db.example.com. 10 IN A 10.1.0.4"
	reply := ask(func(*mdns.OPT, *mdns.Msg) {})
	if got, want := brief(reply), answer+"; opt 1232 v0"; got != want || !reply.IsEdns0().Do() {
		t.Errorf("got %s, want %s with DO", got, want)
	}
	reply = ask(func(opt *mdns.OPT, _ *mdns.Msg) { opt.SetVersion(1) })
	if got, want := brief(reply), "BADVERS; opt 1232 v0"; strings.Replace(got, "BADSIG", "BADVERS", 1) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wire, err := reply.Pack()
	if err != nil {
		t.Fatal(err)
	}
	if unpacked := new(mdns.Msg); unpacked.Unpack(wire) != nil || unpacked.Rcode != mdns.RcodeBadVers {
		t.Errorf("on the wire it is %v", unpacked)
	}
	reply = ask(func(opt *mdns.OPT, m *mdns.Msg) { m.Extra = append(m.Extra, mdns.Copy(opt)) })
	if got, want := brief(reply), "FORMERR; opt 1232 v0"; got != want {
		t.Errorf("two OPT records: got %s, want %s", got, want)
	}
	if got := brief(zone.Answer(question("bank-0.use1."+origin, mdns.TypeA), serve.UDP)); got != answer {
		t.Errorf("OPT was not asked for: got %s", got)
	}
}

// TestAnswersShareNothing: a caller that alters one reply does not alter the next.
func TestAnswersShareNothing(t *testing.T) {
	zone := serve.NewZone(contents(), fixed(1))
	for _, q := range []*mdns.Msg{question("bank-0.use1."+origin, mdns.TypeA), question("none."+origin, mdns.TypeA)} {
		first := zone.Answer(q, serve.UDP)
		want := brief(first)
		for _, rr := range slices.Concat(first.Answer, first.Ns) {
			rr.Header().Ttl, rr.Header().Name = 0, "spoiled."
		}
		if got := brief(zone.Answer(q, serve.UDP)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
