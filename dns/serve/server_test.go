package serve_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	discoveryv1 "k8s.io/api/discovery/v1"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// start runs a server on a free loopback port until the test ends, and returns its address.
func start(t *testing.T, c serve.Config) (*serve.Server, string) {
	t.Helper()
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	server, err := serve.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	address, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return server, address
}

// eventually asks until the answer is as wanted, or fails after half a minute.
func eventually(t *testing.T, address, name, want string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got string
	for ctx.Err() == nil {
		answer, err := query.Client{}.LookupAddresses(ctx, address, name)
		if err != nil {
			t.Fatal(err)
		}
		if got = fmt.Sprint(answer.Rcode, answer.Addresses); got == want {
			return
		}
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
	t.Fatalf("%s: got %s, want %s", name, got, want)
}

// TestServerOnTheWire: UDP and TCP on one port, truncation, garbage, several listeners.
func TestServerOnTheWire(t *testing.T) {
	const n = 200
	cluster := newCluster(t, "use1")
	var pods []discoveryv1.Endpoint
	for i := range n {
		pods = append(pods, slicePod(fmt.Sprintf("bank-%d", i), fmt.Sprintf("uid-%d", i), fmt.Sprintf("10.1.0.%d", i+1)))
	}
	cluster.put(t, "slice-0", pods[:100]...) // a slice holds a hundred
	cluster.put(t, "slice-1", pods[100:]...)
	topology := bank()
	topology.Spec.Regions = topology.Spec.Regions[:1]
	topology.Spec.Regions[0].Clusters[0].Replicas = n
	server, address := start(t, serve.Config{Topology: topology, Sources: []serve.Source{cluster.source()}, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}

	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, garbage := range [][]byte{{}, {0}, []byte("not a query at all, by any means"), make([]byte, 12), make([]byte, 1500)} {
		if _, err := conn.Write(garbage); err != nil {
			t.Fatal(err)
		}
	}

	exchange := func(network string, m *mdns.Msg) *mdns.Msg {
		t.Helper()
		reply, _, err := (&mdns.Client{Net: network, Timeout: 5 * time.Second}).Exchange(m, address)
		if err != nil {
			t.Fatalf("%s: %v", network, err)
		}
		return reply
	}
	region := question("us-EAST1."+origin, mdns.TypeA)
	if reply := exchange("udp", region); !reply.Truncated || reply.Question[0].Name != "us-EAST1."+origin {
		t.Errorf("UDP: %v", brief(reply))
	}
	if reply := exchange("tcp", region); reply.Truncated || len(reply.Answer) != n || !reply.Authoritative {
		t.Errorf("TCP: %d records, tc=%t, aa=%t", len(reply.Answer), reply.Truncated, reply.Authoritative)
	}
	update := new(mdns.Msg).SetUpdate(origin)
	if reply := exchange("udp", update); reply.Rcode != mdns.RcodeNotImplemented || reply.Opcode != mdns.OpcodeUpdate {
		t.Errorf("update: %v", reply)
	}
	answer, err := query.Client{}.LookupAddresses(t.Context(), address, "us-east1."+origin)
	if err != nil || len(answer.Addresses) != n || !answer.Authoritative || answer.TTL != 10*time.Second {
		t.Errorf("lookup with its fallback to TCP: %d addresses, %+v, %v", len(answer.Addresses), answer.TTL, err)
	}
}

func TestListen(t *testing.T) {
	server, err := serve.New(t.Context(), serve.Config{Topology: bank(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for address, want := range map[string]string{
		"127.0.0.1":            "host:port is wanted",
		taken.Addr().String():  "address already in use",
		"127.0.0.1:not-a-port": "127.0.0.1:not-a-port",
	} {
		if _, err := server.Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%q): got %v, want %q", address, err, want)
		}
	}
	first, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	second, err := server.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	for _, address := range []string{first, second} {
		eventually(t, address, "bank-0.use1."+origin, "SERVFAIL[]")
	}
	if err := server.Run(ctx); err == nil {
		t.Error("a server ran twice")
	}
	if _, err := server.Listen(ctx, "127.0.0.1:0"); err == nil {
		t.Error("a running server listened anew")
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	for _, network := range []string{"udp", "tcp"} {
		client := mdns.Client{Net: network, Timeout: 100 * time.Millisecond}
		if _, _, err := client.Exchange(question(origin, mdns.TypeSOA), first); err == nil {
			t.Errorf("%s is answered after the server stopped", network)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	nameless, long := bank(), bank()
	nameless.Spec.DNS.Zone = ""
	long.Spec.Regions[0].Clusters[0].Name = strings.Repeat("c", 64)
	source := newCluster(t, "use1").source()
	unserved := source
	unserved.Cluster, unserved.Services = "euw1", nil
	tests := map[string]struct {
		config serve.Config
		want   []string
	}{
		"no topology":      {serve.Config{}, []string{"names no zone"}},
		"no zone, sources": {serve.Config{Topology: nameless, Sources: []serve.Source{source, source, unserved}}, []string{"names no zone", `"use1"`, `"euw1"`}},
		"long name":        {serve.Config{Topology: long}, []string{"64 characters", "bank.db.example.com"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			test.config.Now = time.Now
			_, err := serve.New(t.Context(), test.config)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

// TestSetTopologyAndSlots: what is set is answered at once; what is wrong changes nothing.
func TestSetTopologyAndSlots(t *testing.T) {
	use1 := newCluster(t, "use1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"), slicePod("bank-1", "b", "10.1.0.5"))
	server, _ := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source()}, Slots: []regions.ReplicaID{id("use1", 0)}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect := func(name, want string) {
		t.Helper()
		if got := brief(server.Zone().Answer(question(name+origin, mdns.TypeA), serve.UDP)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	expect("join-0.", "NOERROR; aa; answer join-0.bank.db.example.com. 10 IN A 10.1.0.4")
	if err := server.SetSlots([]regions.ReplicaID{id("use1", 1)}); err != nil {
		t.Fatal(err)
	}
	expect("join-0.", "NOERROR; aa; answer join-0.bank.db.example.com. 10 IN A 10.1.0.5")
	expect("bank-2.use1.", "NXDOMAIN")
	more := bank()
	more.Spec.Regions[0].Clusters[0].Replicas = 3
	if err := server.SetTopology(more); err != nil {
		t.Fatal(err)
	}
	expect("bank-2.use1.", "NOERROR; aa; authority")
	nameless := bank()
	nameless.Spec.DNS.Zone = ""
	if err := server.SetTopology(nameless); err == nil {
		t.Error("a topology without a zone was taken")
	}
	if err := server.SetSlots([]regions.ReplicaID{id(strings.Repeat("x", 64), 0)}); err != nil {
		t.Errorf("a slot's name does not carry its replica: %v", err)
	}
	expect("bank-2.use1.", "NOERROR; aa; authority")
}
