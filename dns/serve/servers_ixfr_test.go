package serve_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/serve"
)

// TestSecondaryThatBeginsOverUDP: NSD told to ask over UDP for what changed learns there that there is more, and takes it over TCP.
func TestSecondaryThatBeginsOverUDP(t *testing.T) {
	servers.Needed(t)
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.1"))
	following := servers.Following{Address: servers.FreeAddress(t), OverUDP: true}
	p := &primary{address: "127.0.0.1:0", config: serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Now: time.Now,
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
		Transfers: serve.Transfers{AllowPrefixes: loopback, NotifyTo: []serve.NotifyTarget{{Address: following.Address}}},
	}}
	p.start(t)
	t.Cleanup(func() { p.end() })
	secondary := servers.Secondary(t, servers.NSD, p.address, origin, following)
	follows(t, p, secondary.Address, "10.1.0.1", 20*time.Second)
	for _, address := range []string{"10.1.1.1", "10.1.1.2"} {
		before := p.server.Zone().Serial()
		use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", address, address)))
		served(t, p, before)
		follows(t, p, secondary.Address, address, 20*time.Second)
	}
	metrics := httptest.NewRecorder()
	p.server.Metrics().ServeHTTP(metrics, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if text := metrics.Body.String(); !regexp.MustCompile(`(?m)^quorate_dns_queries_total\{transport="udp",type="IXFR",rcode="NOERROR"\}`).MatchString(text) {
		t.Errorf("it did not ask over UDP:\n%s", text)
	}
	if log := secondary.Log(50); strings.Contains(log, "bad tsig") || strings.Contains(log, "refused") {
		t.Errorf("it says\n%s", log)
	}
}
