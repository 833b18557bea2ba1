package sync_test

import (
	"context"
	"fmt"
	"log/slog"
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

const topologyText = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: bank}
spec:
  profile: generic
  base: ./base
  dns: {zone: bank.example.com, ttl: 5s}
  regions:
    - {name: east, clusters: [{name: e1, pools: {bank: 20}}]}
    - {name: west, clusters: [{name: w1, pools: {bank: 3}}]}
    - {name: north, clusters: [{name: n1, pools: {bank: 3}}]}
`

func topology(t testing.TB, edit ...string) *regions.Topology {
	t.Helper()
	parsed, problems := regions.Parse([]byte(strings.NewReplacer(edit...).Replace(topologyText)), "topology.yaml")
	if len(problems.Errors()) > 0 {
		t.Fatal(problems)
	}
	return parsed
}

// clusters is a Source that a test moves by hand.
type clusters struct {
	mu       gosync.Mutex
	topology *regions.Topology
	pods     map[regions.ReplicaID]string // addresses
	unread   []string
	silent   []string
	missing  error
	changed  chan struct{}
	asked    int // how often Silent was called
}

func newClusters(t *regions.Topology) *clusters {
	c := &clusters{topology: t, pods: map[regions.ReplicaID]string{}, changed: make(chan struct{})}
	for i, r := range t.Replicas() {
		c.pods[r.ID] = fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)
	}
	return c
}

func (c *clusters) Wanted() (dns.Wanted, <-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.missing != nil {
		return dns.Wanted{}, c.changed, c.missing
	}
	return dns.WantedOf(c.topology, nil, c.endpoints(), slices.Clone(c.unread)), c.changed, nil
}

func (c *clusters) endpoints() []dns.Endpoint {
	var out []dns.Endpoint
	for id, ip := range c.pods {
		out = append(out, dns.Endpoint{Replica: id, PodUID: ip, IPs: []string{ip}})
	}
	return out
}

func (c *clusters) Silent(context.Context) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return slices.Clone(c.silent)
}

// alter changes something and tells of it.
func (c *clusters) alter(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	close(c.changed)
	c.changed = make(chan struct{})
}

func id(cluster string, ordinal int) regions.ReplicaID {
	return regions.ReplicaID{Cluster: cluster, Pool: "bank", Ordinal: ordinal}
}

// server is a zone in memory that may be down, and notes what is asked of it.
type server struct {
	*dnstest.Zone
	mu       gosync.Mutex
	down     error
	reads    []time.Time
	applied  []string                   // names, in order
	before   func(sets []dns.ChangeSet) // called before a change is made
	history  map[string][]string        // values of A sets, by name
	attempts int
	lost     error // what a change that was made ends with, once
}

func newServer(t testing.TB, origin string, sets ...dns.RecordSet) *server {
	t.Helper()
	zone, err := dnstest.NewZone(origin, sets...)
	if err != nil {
		t.Fatal(err)
	}
	return &server{Zone: zone, history: map[string][]string{}}
}

func (s *server) Read(ctx context.Context, zone string, names []string) (dns.Snapshot, error) {
	s.mu.Lock()
	s.reads, s.attempts = append(s.reads, time.Now()), s.attempts+1
	down := s.down
	s.mu.Unlock()
	if down != nil {
		return dns.Snapshot{}, down
	}
	return s.Zone.Read(ctx, zone, names)
}

func (s *server) Apply(ctx context.Context, zone string, sets []dns.ChangeSet) ([]dns.Result, error) {
	s.mu.Lock()
	down, before := s.down, s.before
	s.attempts++
	s.mu.Unlock()
	if down != nil {
		return nil, down
	}
	if before != nil {
		before(sets)
	}
	results, err := s.Zone.Apply(ctx, zone, sets)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, r := range results {
		if r.Err != nil {
			continue
		}
		s.applied = append(s.applied, r.Name)
		for _, c := range sets[i].Changes {
			if c.Type == dns.TypeA {
				s.history[c.Name] = append(s.history[c.Name], strings.Join(c.After, " "))
			}
		}
	}
	if s.lost != nil {
		err, s.lost = s.lost, nil
		return nil, err
	}
	return results, err
}

// asked counts the readings and all attempts so far.
func (s *server) asked() (reads, attempts int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.reads), s.attempts
}

func (s *server) set(down error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// failing is a test, of testing or of rapid.
type failing interface {
	Context() context.Context
	Fatal(args ...any)
}

// a gives the addresses of a name.
func (s *server) a(t failing, name string) string {
	snapshot, err := s.Zone.Read(t.Context(), zoneOf(s), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range snapshot.Sets {
		if set.Name == dns.Canonical(name) && set.Type == dns.TypeA {
			return strings.Join(set.Values, " ")
		}
	}
	return ""
}

func zoneOf(*server) string { return "bank.example.com." }

// rig is a writer over fakes, in virtual time.
type rig struct {
	*testing.T
	clusters *clusters
	servers  []*server
	log      *strings.Builder
}

func (r *rig) writer(elector sync.Elector, options dns.Options) *sync.Writer {
	r.Helper()
	c := sync.Config{
		Source: r.clusters, Elector: elector, Options: options, Now: time.Now, Random: func() float64 { return 0.5 },
		Log: slog.New(slog.NewTextHandler(&locked{to: r.log}, nil)),
	}
	for i, s := range r.servers {
		c.Targets = append(c.Targets, sync.Target{Server: fmt.Sprintf("ns%d:53", i), Zone: zoneOf(s), Provider: s})
	}
	w, err := sync.New(c)
	if err != nil {
		r.Fatal(err)
	}
	return w
}

type locked struct {
	mu gosync.Mutex
	to *strings.Builder
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

// started runs a body beside a running writer.
func started(t *testing.T, servers int, edit func(*rig), body func(r *rig, w *sync.Writer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, clusters: newClusters(topology(t)), log: &strings.Builder{}}
		for range servers {
			r.servers = append(r.servers, newServer(t, "bank.example.com."))
		}
		if edit != nil {
			edit(r)
		}
		w := r.writer(nil, dns.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		synctest.Wait()
		body(r, w)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// after lets virtual time pass.
func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}
