package serve_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/serve"
)

// comparedQueries is how many generated queries each product is compared in.
const comparedQueries = 2400

// TestAnswersAreThoseOfOthers: BIND and Knot, which took the zone from the server, answer generated queries as it does:
// rcode, flags and every section. Where they do not, the difference is one of those in excuse, and is listed.
func TestAnswersAreThoseOfOthers(t *testing.T) {
	servers.Needed(t)
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.1"), slicePod("bank-1", "b", "10.1.0.2"))
	use1.put(t, "slice-6", slicePod("bank-0", "a", "fd00::1"))
	euw1.put(t, "slice", slicePod("bank-0", "c", "10.2.0.1"))
	p := &primary{address: "127.0.0.1:0", config: serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Ports: []dns.Port{{Name: "sql", Number: 26257}, {Name: "http", Number: 8080}},
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Now: time.Now, Transfers: serve.Transfers{AllowPrefixes: loopback},
	}}
	p.start(t)
	t.Cleanup(func() { p.end() })
	for kind, extra := range map[servers.Kind][]string{servers.BIND: {"minimal-responses yes;", "zero-no-soa-ttl no;"}, servers.Knot: nil} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			other := servers.Secondary(t, kind, p.address, origin, servers.Following{Extra: extra})
			follows(t, p, other.Address, "10.1.0.1", 20*time.Second)
			compare(t, kind, p.address, other.Address)
		})
	}
}

func compare(t *testing.T, kind servers.Kind, ours, theirs string) {
	random := rand.New(rand.NewPCG(5, 2136))
	excused, same := map[string][]string{}, 0
	for i := range comparedQueries {
		network, query := "udp", someQuery(random)
		if i%4 == 0 || query.Question[0].Qclass != mdns.ClassINET { // BIND limits the rate of its zones in CHAOS over UDP
			network = "tcp"
		}
		got, want := ask(t, network, ours, query), ask(t, network, theirs, query)
		if got == want {
			same++
			continue
		}
		what := fmt.Sprintf("%s opcode %d\n   served %s\n   %s %s", strings.Trim(query.Question[0].String(), ";"), query.Opcode, got, kind, want)
		why := excuse(kind, query, got, want)
		if why == "" {
			t.Errorf("%s", what)
		}
		excused[why] = append(excused[why], what)
	}
	t.Logf("%s: %d of %d answers are the same", kind, same, comparedQueries)
	for why, all := range excused {
		t.Logf("%d differ: %s; such as %s", len(all), why, all[0])
	}
	if same*10 < comparedQueries*8 {
		t.Errorf("only %d of %d answers are the same", same, comparedQueries)
	}
}

// someQuery is a query of any shape; most are of those that are asked.
func someQuery(random *rand.Rand) *mdns.Msg {
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	below := pick("", "ns1.", "us-east1.", "europe-west1.", "use1.", "euw1.", "bank-0.use1.", "bank-1.use1.", "bank-0.euw1.", "bank-9.use1.", "x.bank-0.use1.",
		"_tcp.", "_sql._tcp.", "_http._tcp.us-east1.", "_smtp._tcp.", "nothing.", "*.", strings.Repeat("l", 63)+".")
	name := []byte(below + origin)
	if random.IntN(20) == 0 {
		name = []byte(pick("example.com.", "com.", ".", "x"+origin))
	}
	for i, c := range name {
		if 'a' <= c && c <= 'z' && random.IntN(3) == 0 {
			name[i] = c - 0x20
		}
	}
	types := []uint16{
		mdns.TypeA, mdns.TypeA, mdns.TypeAAAA, mdns.TypeAAAA, mdns.TypeSRV, mdns.TypeTXT, mdns.TypeSOA, mdns.TypeMX, mdns.TypeCNAME, mdns.TypePTR,
		mdns.TypeNS, mdns.TypeANY, mdns.TypeDS, mdns.TypeDNSKEY, mdns.TypeNSEC, mdns.TypeRRSIG, mdns.TypeHTTPS, 65280,
	}
	m := new(mdns.Msg)
	m.Id = uint16(random.Uint32()) //nolint:gosec // any number will do
	m.Question = []mdns.Question{{Name: string(name), Qtype: types[random.IntN(len(types))], Qclass: mdns.ClassINET}}
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = random.IntN(2) == 0, random.IntN(8) == 0, random.IntN(4) == 0
	switch random.IntN(40) {
	case 0:
		m.Question[0].Qclass = mdns.ClassCHAOS
	case 1:
		m.Opcode = mdns.OpcodeStatus
	case 2:
		m.Opcode = 3 // none
	}
	if random.IntN(2) == 0 {
		m.SetEdns0([]uint16{512, 1232, 4096}[random.IntN(3)], random.IntN(3) == 0)
		if random.IntN(30) == 0 {
			m.IsEdns0().SetVersion(1)
		}
	}
	return m
}

// ask gives a reply in one line: rcode, flags, and each section in its order of letters, names in lower case.
func ask(t *testing.T, network, address string, query *mdns.Msg) string {
	t.Helper()
	client := mdns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: 4096}
	reply, _, err := client.Exchange(query.Copy(), address)
	if err != nil {
		t.Fatalf("%s %s: %v", address, query, err)
	}
	out := []string{mdns.RcodeToString[reply.Rcode]}
	if opt := reply.IsEdns0(); opt != nil {
		out[0] = mdns.RcodeToString[reply.Rcode|opt.ExtendedRcode()]
	}
	for _, flag := range []struct {
		set  bool
		name string
	}{
		{reply.Authoritative, "aa"},
		{reply.Truncated, "tc"},
		{reply.RecursionAvailable, "ra"},
		{reply.RecursionDesired, "rd"},
		{reply.AuthenticatedData, "ad"},
		{reply.CheckingDisabled, "cd"},
	} {
		if flag.set {
			out = append(out, flag.name)
		}
	}
	if len(reply.Question) > 0 {
		out = append(out, reply.Question[0].Name) // letters as they come
	}
	for i, section := range [][]mdns.RR{reply.Answer, reply.Ns, reply.Extra} {
		var rrs []string
		for _, rr := range section {
			if opt, ok := rr.(*mdns.OPT); ok {
				rrs = append(rrs, fmt.Sprintf("opt v%d do=%t", opt.Version(), opt.Do()))
				continue
			}
			rrs = append(rrs, strings.ToLower(strings.Join(strings.Fields(rr.String()), " ")))
		}
		slices.Sort(rrs)
		if len(rrs) > 0 {
			out = append(out, [...]string{"answer:", "authority:", "additional:"}[i]+" "+strings.Join(rrs, ", "))
		}
	}
	return strings.Join(out, "; ")
}

// difference is one that may be: where, why, and what must be the same all the same once it was taken out of both answers.
type difference struct {
	why     string
	applies func(servers.Kind, *mdns.Msg) bool
	without func(string) string
}

func without(pattern, instead string) func(string) string {
	expression := regexp.MustCompile(pattern)
	return func(answer string) string { return expression.ReplaceAllString(answer, instead) }
}

// bare is an answer without addresses beside it.
func bare(answer string) string {
	head, additional, _ := strings.Cut(answer, "; additional: ")
	if i := strings.Index(additional, "opt v"); i >= 0 {
		head += "; additional: " + additional[i:]
	}
	return head
}

// differences are all that may be.
func differences() []difference {
	return []difference{
		{
			"Knot clears CD, which RFC 4035 §3.1.6 has copied",
			func(k servers.Kind, m *mdns.Msg) bool { return k == servers.Knot && m.CheckingDisabled },
			without(`; cd\b`, ""),
		},
		{
			"an operation that is not there: BIND leaves out the question, Knot copies RD, which belongs to queries",
			func(_ servers.Kind, m *mdns.Msg) bool { return m.Opcode != mdns.OpcodeQuery },
			func(answer string) string {
				return without(`; [^; ]*\.(;|$)`, "$1")(without(`; (rd|cd)\b`, "")(answer))
			},
		},
		{
			"ANY is answered with one set (RFC 8482 §4.1), BIND gives all of them, Knot another one",
			func(_ servers.Kind, m *mdns.Msg) bool { return m.Question[0].Qtype == mdns.TypeANY },
			func(answer string) string { return without(`; answer: [^;]*`, "")(bare(answer)) },
		},
		{
			"addresses beside SRV and NS are optional: Knot gives them with SRV, BIND's minimal responses leave them out with NS",
			func(k servers.Kind, m *mdns.Msg) bool {
				t := m.Question[0].Qtype
				return t == mdns.TypeSRV && k == servers.Knot || t == mdns.TypeNS
			},
			bare,
		},
		{
			"another class is refused here; BIND has a zone of its own in CHAOS, Knot answers for its version",
			func(_ servers.Kind, m *mdns.Msg) bool { return m.Question[0].Qclass != mdns.ClassINET },
			func(string) string { return "" },
		},
	}
}

// excuse is why an answer may differ; empty where it may not.
func excuse(kind servers.Kind, query *mdns.Msg, got, want string) string {
	var why []string
	for _, d := range differences() {
		if d.applies(kind, query) {
			why, got, want = append(why, d.why), d.without(got), d.without(want)
		}
	}
	if got != want {
		return ""
	}
	return strings.Join(why, "; and ")
}
