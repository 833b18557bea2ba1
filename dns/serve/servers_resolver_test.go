package serve_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	discoveryv1 "k8s.io/api/discovery/v1"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/serve"
)

// resolvable is a served zone of 101 replicas in use1, of which the last has no pod, and one in euw1, which cannot be read.
type resolvable struct {
	*primary
	use1, euw1 *cluster
	pods       []discoveryv1.Endpoint
}

// resolvedTTL is that of addresses and of denials: no less than what CoreDNS's cache keeps an answer for at least.
const resolvedTTL = serve.NegativeTTL

func newResolvable(t *testing.T) *resolvable {
	t.Helper()
	r := &resolvable{use1: newCluster(t, "use1"), euw1: newCluster(t, "euw1")}
	topology := bank()
	topology.Spec.DNS.TTL = fmt.Sprintf("%ds", resolvedTTL)
	topology.Spec.Regions[0].Clusters[0].Replicas = 101
	for i := range 100 {
		r.pods = append(r.pods, slicePod(fmt.Sprintf("bank-%d", i), fmt.Sprint("uid-", i), fmt.Sprintf("10.1.0.%d", i)))
	}
	r.use1.put(t, "slice", r.pods...)
	r.use1.put(t, "slice-6", slicePod("bank-0", "uid-0", "fd00::1"))
	r.euw1.put(t, "slice", slicePod("bank-0", "z", "10.2.0.1"))
	r.euw1.down.Store(true)
	r.primary = &primary{address: "127.0.0.1:0", partly: true, config: serve.Config{
		Topology: topology, Sources: []serve.Source{r.use1.source(), r.euw1.source()}, Now: time.Now,
		Ports: []dns.Port{{Name: "sql", Number: 26257}}, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	}}
	r.start(t)
	t.Cleanup(func() { r.end() })
	waitFor(t, "use1 is read", func() bool { return r.server.Synced("use1") })
	return r
}

// TestBehindResolvers: what clients see through Unbound, which varies the letters of its questions, and through CoreDNS.
func TestBehindResolvers(t *testing.T) {
	servers.Needed(t)
	for kind, following := range map[servers.Kind]servers.Following{
		servers.Unbound: {Cache: true, Extra: []string{"use-caps-for-id: yes"}},
		servers.CoreDNS: {Cache: true},
	} {
		t.Run(string(kind), func(t *testing.T) {
			if kind == servers.CoreDNS && os.Getenv(servers.CoreDNSVariable) == "" {
				t.Skip("CoreDNS: set " + servers.CoreDNSVariable + " to its binary")
			}
			t.Parallel()
			r := newResolvable(t)
			resolver := servers.Resolver(t, kind, r.address, origin, following)
			t.Run("answers", func(t *testing.T) { r.testAnswers(t, resolver.Address) })
			t.Run("size", func(t *testing.T) { r.testSize(t, resolver.Address) })
			t.Run("changes", func(t *testing.T) { r.testChanges(t, resolver.Address) })
		})
	}
}

// through asks a resolver, and checks what is so of every answer: the question comes back in its letters, and nothing
// may be kept for longer than the authority said.
func through(t *testing.T, network, resolver, name string, qtype uint16) *mdns.Msg {
	t.Helper()
	query := question(name, qtype)
	query.SetEdns0(1232, false)
	client := mdns.Client{Net: network, Timeout: 5 * time.Second}
	reply, _, err := client.Exchange(query, resolver)
	if err != nil {
		t.Fatalf("%s %s: %v", name, mdns.TypeToString[qtype], err)
	}
	if len(reply.Question) != 1 || reply.Question[0].Name != name || reply.IsEdns0() == nil {
		t.Errorf("%s: the question came back as %v, EDNS %v", name, reply.Question, reply.IsEdns0())
	}
	for _, rr := range reply.Answer {
		if most := uint32(resolvedTTL); rr.Header().Ttl > most && qtype != mdns.TypeSRV || !strings.EqualFold(rr.Header().Name, name) {
			t.Errorf("%s: got %s", name, rr)
		}
	}
	if len(reply.Answer) == 0 && reply.Rcode != mdns.RcodeServerFailure && !reply.Truncated {
		testDenial(t, reply)
	}
	return reply
}

// testDenial: for how long a denial is kept is the less of the SOA's TTL and of its minimum (RFC 2308 §5).
func testDenial(t *testing.T, reply *mdns.Msg) {
	t.Helper()
	if len(reply.Ns) != 1 {
		t.Errorf("a denial without an SOA: %s", reply)
		return
	}
	if soa, ok := reply.Ns[0].(*mdns.SOA); !ok || soa.Hdr.Ttl > serve.NegativeTTL || soa.Minttl != serve.NegativeTTL {
		t.Errorf("a denial may be kept too long: %s", reply.Ns[0])
	}
}

func (r *resolvable) testAnswers(t *testing.T, resolver string) {
	for _, test := range []struct {
		name  string
		qtype uint16
		want  string // rcode, and the data of the first record
	}{
		{"bank-0.use1.", mdns.TypeA, "NOERROR 10.1.0.0"},
		{"bAnK-0.USE1.", mdns.TypeA, "NOERROR 10.1.0.0"},
		{"BANK-0.use1.", mdns.TypeAAAA, "NOERROR fd00::1"},
		{"bank-1.use1.", mdns.TypeAAAA, "NOERROR"},
		{"bank-100.use1.", mdns.TypeA, "NOERROR"},
		{"Bank-999.use1.", mdns.TypeA, "NXDOMAIN"},
		{"bank-0.euw1.", mdns.TypeA, "SERVFAIL"},
	} {
		for range 2 { // from the authority, and from the cache
			reply := through(t, "udp", resolver, test.name+origin, test.qtype)
			got := mdns.RcodeToString[reply.Rcode]
			for _, rr := range reply.Answer {
				got += " " + mdns.Field(rr, 1)
			}
			if got != test.want || reply.AuthenticatedData {
				t.Errorf("%s %s: got %s, want %s", test.name, mdns.TypeToString[test.qtype], got, test.want)
			}
		}
	}
}

// testSize: a hundred SRV records fit into no answer over UDP, on neither side of the resolver.
func (r *resolvable) testSize(t *testing.T, resolver string) {
	name := "_sql._tcp.us-east1." + origin
	if reply := through(t, "udp", resolver, name, mdns.TypeSRV); !reply.Truncated {
		t.Errorf("over UDP: %d records and no TC", len(reply.Answer))
	}
	reply := through(t, "tcp", resolver, name, mdns.TypeSRV)
	targets := map[string]bool{}
	for _, rr := range reply.Answer {
		if srv, ok := rr.(*mdns.SRV); ok && srv.Port == 26257 {
			targets[strings.ToLower(srv.Target)] = true
		}
	}
	if len(targets) != 100 || reply.Truncated {
		t.Errorf("over TCP: %d targets, truncated %t", len(targets), reply.Truncated)
	}
	metrics := httptest.NewRecorder()
	r.server.Metrics().ServeHTTP(metrics, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if !regexp.MustCompile(`(?m)^quorate_dns_queries_total\{transport="tcp",type="SRV",rcode="NOERROR"\}`).MatchString(metrics.Body.String()) {
		t.Error("the resolver did not come over TCP")
	}
}

// testChanges: a pod at another address, one that was denied, and a cluster that could not be read are right once what is cached has
// run out; nothing else is ever said in between.
func (r *resolvable) testChanges(t *testing.T, resolver string) {
	const slack = 3 * time.Second // of caches that count in whole seconds, and of a machine with other work
	through(t, "udp", resolver, "bank-0.use1."+origin, mdns.TypeA)
	through(t, "udp", resolver, "bank-100.use1."+origin, mdns.TypeA)
	through(t, "udp", resolver, "bank-0.euw1."+origin, mdns.TypeA)
	before := r.server.Zone().Serial()
	pods := append(r.pods[1:], slicePod("bank-0", "new", "10.1.9.9"), slicePod("bank-100", "first", "10.1.9.100"))
	r.use1.set(t, newSlice("slice", "bank-headless", pods...))
	r.use1.set(t, newSlice("slice-6", "bank-headless", slicePod("bank-0", "new", "fd00::9")))
	r.euw1.down.Store(false)
	served(t, r.primary, before)
	waitFor(t, "euw1 is read", func() bool { return r.server.Synced("euw1") })
	waitFor(t, "the change is served", func() bool {
		return strings.Contains(answerTo(r.server, "bank-0.use1."), "10.1.9.9") && strings.Contains(answerTo(r.server, "bank-100.use1."), "10.1.9.100")
	})
	changed := time.Now()
	pending := map[string][2]string{ // name → what may be said still, what is right
		"bank-0.use1.": {"NOERROR 10.1.0.0", "NOERROR 10.1.9.9"}, "bank-100.use1.": {"NOERROR", "NOERROR 10.1.9.100"}, "bank-0.euw1.": {"SERVFAIL", "NOERROR 10.2.0.1"},
	}
	for deadline := changed.Add(resolvedTTL*time.Second + slack); len(pending) > 0; <-time.After(50 * time.Millisecond) {
		for name, may := range pending {
			reply := through(t, "udp", resolver, name+origin, mdns.TypeA)
			got := mdns.RcodeToString[reply.Rcode]
			for _, rr := range reply.Answer {
				got += " " + mdns.Field(rr, 1)
			}
			switch {
			case got == may[1]:
				delete(pending, name)
			case got != may[0]:
				t.Fatalf("%s: got %s, neither %s nor %s", name, got, may[0], may[1])
			case time.Now().After(deadline):
				t.Fatalf("%s: still %s after %s", name, got, time.Since(changed).Round(time.Millisecond))
			}
		}
	}
	t.Logf("all is right %s after the change", time.Since(changed).Round(10*time.Millisecond))
}

// TestBehindAValidatingResolver: one that validates takes the unsigned zone where it is told that it is, and nowhere else.
func TestBehindAValidatingResolver(t *testing.T) {
	servers.Needed(t)
	r := newResolvable(t)
	host, port, _ := strings.Cut(r.address, ":")
	elsewhere := fmt.Sprintf("stub-zone:\n\tname: \".\"\n\tstub-addr: %s@%s\n\tstub-prime: no", host, port) // nothing leaves this machine
	validating := []string{
		"trust-anchor-signaling: no",
		`module-config: "validator iterator"`,
		`trust-anchor: "example.com. DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D"`,
	}
	insecure := append(slices.Clip(validating), `domain-insecure: "`+strings.TrimSuffix(origin, ".")+`"`)
	for want, extra := range map[int][]string{mdns.RcodeSuccess: insecure, mdns.RcodeServerFailure: validating} {
		resolver := servers.Resolver(t, servers.Unbound, r.address, origin, servers.Following{Cache: true, NoWait: true, Extra: append(extra, elsewhere)})
		query := question("bank-0.use1."+origin, mdns.TypeA)
		query.SetEdns0(1232, true)
		client := mdns.Client{Timeout: 10 * time.Second}
		reply, _, err := client.Exchange(query, resolver.Address)
		if err != nil || reply.Rcode != want || reply.AuthenticatedData || want == mdns.RcodeSuccess && len(reply.Answer) != 1 {
			t.Errorf("want %s, got %v, %v", mdns.RcodeToString[want], reply, err)
		}
	}
}
