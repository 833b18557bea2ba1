package serve_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/serve"
)

// primary is a server that can be killed and that returns at its address.
type primary struct {
	config  serve.Config
	address string
	server  *serve.Server
	partly  bool // one of its clusters cannot be read
	end     func()
}

func (p *primary) start(t *testing.T) {
	t.Helper()
	server, err := serve.New(t.Context(), p.config)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if p.address, err = server.Listen(t.Context(), p.address); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
		<-time.After(10 * time.Millisecond)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	p.server = server
	p.end = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		p.end = func() {}
	}
	if p.partly {
		return
	}
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// follows waits until a secondary answers with the primary's serial and the address of a pod.
func follows(t *testing.T, p *primary, secondary, address string, within time.Duration) time.Duration {
	t.Helper()
	began := time.Now()
	client := mdns.Client{Timeout: time.Second}
	last := "nothing"
	for time.Since(began) < within {
		soa, _, err := client.Exchange(question(origin, mdns.TypeSOA), secondary)
		a, _, err2 := client.Exchange(question("bank-0.use1."+origin, mdns.TypeA), secondary)
		switch {
		case err != nil || err2 != nil:
			last = fmt.Sprint(err, err2)
		case len(soa.Answer) == 1 && len(a.Answer) == 1 && soa.Answer[0].(*mdns.SOA).Serial == p.server.Zone().Serial() && a.Answer[0].(*mdns.A).A.String() == address && a.Authoritative:
			return time.Since(began)
		default:
			last = brief(soa) + " / " + brief(a)
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatalf("the secondary does not follow serial %d, %s, within %s: %s", p.server.Zone().Serial(), address, within, last)
	return 0
}

// quickRefresh has a product ask and retry as our SOA says, where it would not by default.
var quickRefresh = map[servers.Kind][]string{
	servers.BIND: {"min-refresh-time 1;", "min-retry-time 1;", "max-retry-time 1;"},
}

// TestSecondaries: BIND, Knot and NSD follow a served zone by its notifies and signed transfers, over a serial that wraps,
// and over a crash on either side.
func TestSecondaries(t *testing.T) {
	servers.Needed(t)
	for _, kind := range []servers.Kind{servers.BIND, servers.Knot, servers.NSD} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			testSecondary(t, kind, servers.NewKey("transfer.", "hmac-sha256"))
		})
	}
}

// TestForwarderSecondary: CoreDNS' secondary, which takes transfers unsigned and notifies from its primary's address alone.
func TestForwarderSecondary(t *testing.T) {
	if os.Getenv("QUORATE_COREDNS") == "" {
		t.Skip("CoreDNS: set QUORATE_COREDNS to its binary")
	}
	t.Setenv(servers.Variable, "1")
	testSecondary(t, servers.CoreDNS, servers.TSIGKey{})
}

func testSecondary(t *testing.T, kind servers.Kind, key servers.TSIGKey) {
	const first = 1<<32 - 3
	now := uint32(first)
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.1"))
	euw1.put(t, "slice", slicePod("bank-0", "b", "fd00::1"))
	following := servers.Following{Key: key, Address: servers.FreeAddress(t), Extra: quickRefresh[kind]}
	transfers := serve.Transfers{NotifyTo: []serve.NotifyTarget{{Address: following.Address, Key: key.Name}}}
	if key.IsZero() {
		transfers.AllowPrefixes = loopback
	} else {
		octets, err := base64.StdEncoding.DecodeString(key.Secret)
		if err != nil {
			t.Fatal(err)
		}
		transfers.Keys = []serve.Key{{Name: key.Name, Algorithm: key.Algorithm, Secret: octets}}
	}
	p := &primary{address: "127.0.0.1:0", config: serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Ports: []dns.Port{{Name: "sql", Number: 26257}},
		Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}, Transfers: transfers,
		Now: func() time.Time { return time.Unix(int64(now), 0) }, State: &memory{},
	}}
	p.start(t)
	t.Cleanup(func() { p.end() })
	secondary := servers.Secondary(t, kind, p.address, origin, following)
	follows(t, p, secondary.Address, "10.1.0.1", 20*time.Second)
	wrapped := false
	var slowest time.Duration
	change := func(i int) {
		before := p.server.Zone().Serial()
		address := fmt.Sprintf("10.1.1.%d", i)
		use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", fmt.Sprint(i), address)))
		served(t, p, before)
		wrapped = wrapped || p.server.Zone().Serial() < before
		slowest = max(slowest, follows(t, p, secondary.Address, address, 20*time.Second))
	}
	for i := range 5 {
		change(i)
	}
	if !wrapped {
		t.Errorf("the serial is %d and did not wrap", p.server.Zone().Serial())
	}
	secondary.Kill9(t)
	before := p.server.Zone().Serial()
	use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", "d", "10.1.2.1")))
	served(t, p, before)
	secondary.Start(t)
	follows(t, p, secondary.Address, "10.1.2.1", 20*time.Second)
	p.end() // as a crash: the secondary learns nothing of it
	if reply, _, err := new(mdns.Client).Exchange(question("bank-0.use1."+origin, mdns.TypeA), secondary.Address); err != nil || len(reply.Answer) != 1 {
		t.Errorf("while its primary is away the secondary answers %v, %v", reply, err)
	}
	use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", "e", "10.1.3.1")))
	p.start(t)
	follows(t, p, secondary.Address, "10.1.3.1", 20*time.Second)
	for name, want := range map[string]string{"_sql._tcp.": "SRV", "bank-0.euw1.": "AAAA", "us-east1.": "A"} {
		reply, _, err := new(mdns.Client).Exchange(question(name+origin, mdns.StringToType[want]), secondary.Address)
		if err != nil || len(reply.Answer) == 0 {
			t.Errorf("%s %s at the secondary: %v, %v", name, want, reply, err)
		}
	}
	t.Logf("%s follows within %s at most", kind, slowest.Round(time.Millisecond))
}

// served waits until the primary serves another serial.
func served(t *testing.T, p *primary, before uint32) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); p.server.Zone().Serial() == before; {
		if time.Now().After(deadline) {
			t.Fatal("the change is not served")
		}
		<-time.After(time.Millisecond)
	}
}
