package sync_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/rfc2136"
	"quorate.dev/quorate/dns/sync"
)

// publisher writes into a running server.
func publisher(t *testing.T, p *servers.Primary) dns.Provider {
	t.Helper()
	key, _, err := rfc2136.ReadKeyFile(os.DirFS(filepath.Dir(p.KeyFile)), filepath.Base(p.KeyFile), p.Key.Name)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := rfc2136.Open(rfc2136.Config{Server: p.Address, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// keeping has a writer keep the server's zone true until the test ends.
func keeping(t *testing.T, view *clusters, p *servers.Primary) *sync.Writer {
	t.Helper()
	writer, err := sync.New(sync.Config{
		Source: view, Targets: []sync.Target{{Server: p.Address, Zone: p.Zone, Provider: publisher(t, p)}},
		Now: time.Now, Random: func() float64 { return 0.5 }, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- writer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return writer
}

// becomes waits until the server answers the name with that address alone.
func becomes(t *testing.T, p *servers.Primary, name, ip string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		answer, err := query.Client{}.LookupAddresses(ctx, p.Address, name)
		if err == nil {
			err = answer.Prove(netip.MustParseAddr(ip))
		}
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not become %s: %v", name, ip, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func inZone(t *testing.T, p *servers.Primary) *clusters {
	return newClusters(topology(t, "bank.example.com", strings.TrimSuffix(p.Zone, "."), "bank: 20", "bank: 3"))
}

// From a change in a cluster until a real BIND answers with it, over 300 changes. The bound is loose: other tests run beside.
func TestWriterIntoBINDIsQuick(t *testing.T) {
	servers.Needed(t)
	t.Parallel()
	p := servers.Start(t, servers.BIND, servers.Config{})
	view := inZone(t, p)
	writer := keeping(t, view, p)
	replicas := view.topology.Replicas()
	for _, r := range replicas {
		becomes(t, p, dns.ReplicaName(view.topology, r.ID), view.pods[r.ID])
	}
	var took []time.Duration
	for i := range 300 {
		replica, ip := replicas[i%len(replicas)].ID, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)
		began := time.Now()
		view.alter(func() { view.pods[replica] = ip })
		becomes(t, p, dns.ReplicaName(view.topology, replica), ip)
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	p50, p99 := took[len(took)/2], took[len(took)*99/100]
	t.Logf("change → right answer of BIND: p50 %v, p99 %v, of %d changes", p50.Round(time.Millisecond), p99.Round(time.Millisecond), len(took))
	if p50 > 2*time.Second {
		t.Errorf("half of the changes took longer than %v", p50)
	}
	if z := writer.Status().Zones[0]; z.Conflicts+z.Failures > 0 || z.Err != nil {
		t.Errorf("status %+v", z)
	}
}

// Two writers that both lead, into one BIND that is restarted meanwhile: the zone ends as the clusters are, and what
// is somebody else's stays.
func TestTwoWritersIntoBIND(t *testing.T) {
	servers.Needed(t)
	t.Parallel()
	p := servers.Start(t, servers.BIND, servers.Config{Records: []string{"www 60 A 192.0.2.80"}})
	views := []*clusters{inZone(t, p), inZone(t, p)}
	var writers []*sync.Writer
	for _, view := range views {
		writers = append(writers, keeping(t, view, p))
	}
	replicas := views[0].topology.Replicas()
	for i := range 150 {
		replica, ip := replicas[i%len(replicas)].ID, fmt.Sprintf("10.2.%d.%d", i/250, i%250+1)
		for n := range views {
			view := views[(i+n)%2]
			view.alter(func() { view.pods[replica] = ip })
			time.Sleep(time.Duration(i%4) * 5 * time.Millisecond)
		}
		if i == 75 {
			p.Restart(t)
		}
	}
	for _, r := range replicas {
		becomes(t, p, dns.ReplicaName(views[0].topology, r.ID), views[0].pods[r.ID])
	}
	becomes(t, p, "www."+p.Zone, "192.0.2.80")
	settled(t, p, views[0])
	for i, w := range writers {
		z := w.Status().Zones[0]
		t.Logf("writer %d: %d sets written, %d conflicts, %d failures", i, z.Changed, z.Conflicts, z.Failures)
	}
}

// settled: the zone holds what is wanted, and nothing changes it any more.
func settled(t *testing.T, p *servers.Primary, view *clusters) {
	t.Helper()
	provider := publisher(t, p)
	target := sync.Target{Server: p.Address, Zone: p.Zone, Provider: provider}
	wanted, _, _ := view.Wanted()
	var before uint32
	deadline := time.Now().Add(20 * time.Second)
	for quiet := 0; quiet < 3; {
		plan := sync.Plan(t.Context(), target, wanted, dns.Options{})[0]
		if plan.Err == nil && len(plan.Sets) == 0 && len(plan.Edited) == 0 && plan.Serial == before {
			quiet++
		} else {
			quiet = 0
		}
		before = plan.Serial
		if time.Now().After(deadline) {
			t.Fatalf("the zone is not settled: %v, %+v", plan.Err, plan.Sets)
		}
		time.Sleep(300 * time.Millisecond)
	}
}
