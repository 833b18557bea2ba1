package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"testing/synctest"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/regions"
)

// Changes that come one after the other within the debounce are one message.
func TestWriterDebounces(t *testing.T) {
	started(t, 1, nil, func(r *rig, _ *sync.Writer) {
		_, before := r.servers[0].asked()
		for i := range 4 {
			r.clusters.alter(func() { r.clusters.pods[id("w1", i%3)] = fmt.Sprintf("10.9.0.%d", i) })
			after(10 * time.Millisecond)
		}
		after(time.Second)
		if _, n := r.servers[0].asked(); n != before+1 {
			t.Errorf("four changes in 40 ms became %d requests", n-before)
		}
	})
}

// After a conflict the other hand is given time: it may be a writer that knew sooner.
func TestWriterSettles(t *testing.T) {
	started(t, 1, nil, func(r *rig, _ *sync.Writer) {
		s := r.servers[0]
		var met time.Time
		s.before = func([]dns.ChangeSet) {
			if met.IsZero() {
				met = time.Now()
				other := newClusters(r.clusters.topology)
				other.pods[id("n1", 0)] = "10.7.7.7"
				s.before = nil
				writeOnce(t, other, s)
			}
		}
		r.clusters.alter(func() { r.clusters.pods[id("n1", 0)] = "10.9.9.9" })
		after(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		if again := s.reads[len(s.reads)-1].Sub(met); again != sync.DefaultSettle {
			t.Errorf("the zone was read again %v after a conflict, want %v", again, sync.DefaultSettle)
		}
	})
}

// A second outage begins with short pauses again, and a change of which the reply was lost is looked for before anything else.
func TestWriterBeginsAnewAfterFailures(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		for i := range 2 {
			s.set(errors.New("connection refused"))
			r.clusters.alter(func() { r.clusters.pods[id("n1", 0)] = fmt.Sprintf("10.4.5.%d", i) })
			_, before := s.asked()
			after(4 * time.Second)
			if _, n := s.asked(); n-before < 4 {
				t.Errorf("within four seconds of an outage it was tried %d times", n-before)
			}
			after(5 * time.Minute)
			s.set(nil)
			after(2 * sync.DefaultBackoffCap)
		}
		s.mu.Lock()
		s.lost = errors.New("no reply came")
		s.mu.Unlock()
		r.clusters.alter(func() { r.clusters.pods[id("n1", 0)] = "10.9.9.9" })
		after(time.Minute)
		if z := w.Status().Zones[0]; z.Err != nil || z.Conflicts != 0 || s.a(t, "bank-0.n1.bank.example.com") != "10.9.9.9" {
			t.Errorf("after a lost reply: %+v", z)
		}
	})
}

// lease leads whoever is sent a context.
type lease chan context.Context

func (l lease) Lead(ctx context.Context, lead func(context.Context)) error {
	for {
		select {
		case term := <-l:
			lead(term)
		case <-ctx.Done():
			return nil
		}
	}
}

// A Lease that is lost while a change is under way ends that pass and all others. Who leads again reads before it writes.
func TestWriterStopsWithItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, clusters: newClusters(topology(t)), log: &strings.Builder{}, servers: []*server{newServer(t, "bank.example.com.")}}
		s, leads := r.servers[0], make(lease)
		w := r.writer(leads, dns.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		term, lose := context.WithCancel(ctx)
		leads <- term
		after(time.Second)
		was := s.a(t, "bank-0.n1.bank.example.com")
		s.mu.Lock()
		s.before = func([]dns.ChangeSet) { lose() }
		s.mu.Unlock()
		r.clusters.alter(func() { r.clusters.pods[id("n1", 0)] = "10.9.9.9" })
		after(time.Second)
		reads, n := s.asked()
		r.clusters.alter(func() { r.clusters.pods[id("n1", 1)] = "10.9.9.8" })
		after(time.Minute)
		if _, now := s.asked(); now != n || s.a(t, "bank-0.n1.bank.example.com") != was || w.Status().Leading {
			t.Errorf("without the Lease: %d requests, leading: %v, the name holds %s", now-n, w.Status().Leading, s.a(t, "bank-0.n1.bank.example.com"))
		}
		s.mu.Lock()
		s.before = nil
		s.mu.Unlock()
		other := newClusters(r.clusters.topology) // who led meanwhile
		other.pods[id("n1", 0)] = "10.9.9.9"
		writeOnce(t, other, s)
		leads <- ctx
		after(time.Second)
		if now, _ := s.asked(); now != reads+2 || w.Status().Zones[0].Conflicts != 0 || s.a(t, "bank-1.n1.bank.example.com") != "10.9.9.8" {
			t.Errorf("leading again: %d readings, status %+v", now-reads, w.Status().Zones[0])
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// zones are those of one server; it notes what is changed, in order.
type zones struct {
	of    map[string]*dnstest.Zone
	mu    gosync.Mutex
	order []string
	short bool // leaves results out
}

func (z *zones) Caps() dns.Caps { return dns.Caps{} }

func (z *zones) Read(ctx context.Context, zone string, names []string) (dns.Snapshot, error) {
	return z.of[zone].Read(ctx, zone, names)
}

func (z *zones) Apply(ctx context.Context, zone string, sets []dns.ChangeSet) ([]dns.Result, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, s := range sets {
		z.order = append(z.order, s.Name)
	}
	results, err := z.of[zone].Apply(ctx, zone, sets)
	if z.short {
		results = results[1:]
	}
	return results, err
}

// No PTR record ever points to a name that does not point back: the old one goes first, the new one comes last.
func TestApplyOrdersReverseNames(t *testing.T) {
	const forward, reverse, host = "bank.example.com.", "10.in-addr.arpa.", "bank-0.w1.bank.example.com."
	z := &zones{of: map[string]*dnstest.Zone{}}
	for _, origin := range []string{forward, reverse} {
		zone, err := dnstest.NewZone(origin)
		if err != nil {
			t.Fatal(err)
		}
		z.of[origin] = zone
	}
	target := sync.Target{Server: "ns:53", Zone: forward, Reverse: []string{"10.in-addr.arpa"}, Provider: z}
	c := newClusters(topology(t))
	c.pods = map[regions.ReplicaID]string{id("w1", 0): "10.0.0.1"}
	change := func() []sync.Outcome {
		w, _, err := c.Wanted()
		if err != nil {
			t.Fatal(err)
		}
		return sync.Apply(t.Context(), target, sync.Plan(t.Context(), target, w, dns.Options{}))
	}
	change()
	z.order = nil
	c.pods[id("w1", 0)] = "10.0.0.2"
	for _, o := range change() {
		if o.Err != nil {
			t.Error(o.Err)
		}
	}
	first, name, last := slices.Index(z.order, "1.0.0.10.in-addr.arpa."), slices.Index(z.order, host), slices.Index(z.order, "2.0.0.10.in-addr.arpa.")
	if first != 0 || name < 0 || last != len(z.order)-1 {
		t.Errorf("changed in the order %v", z.order)
	}
	c.pods[id("w1", 0)], z.short = "10.0.0.3", true
	for _, o := range change() {
		if o.Err == nil || !strings.Contains(o.Err.Error(), "results for") {
			t.Errorf("of a provider that tells too little: %v", o.Err)
		}
	}
}
