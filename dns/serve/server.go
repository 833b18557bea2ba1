package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// Config is what a Server needs.
type Config struct {
	Topology *regions.Topology
	Slots    []regions.ReplicaID // behind the seed names, slot 0 first
	// SeedsUnknown tells that Slots are a guess, since a cluster that may know better was not asked yet: until SetSlots the seed
	// names are answered as last known, else with SERVFAIL.
	SeedsUnknown bool
	Ports        []dns.Port // that have SRV records
	// Sources are the clusters to watch; a cluster of the topology without one is
	// answered as one that was never read.
	Sources []Source
	// Addresses are those of this server, published as ns1.<zone>; empty where they are not known.
	Addresses []netip.Addr
	// Transfers say which secondaries may have the zone; nobody may by default.
	Transfers Transfers
	Limits    Limits
	// State keeps what is known over restarts; nil: nothing is kept.
	State State
	Now   func() time.Time
	Log   *slog.Logger // nil: silence
}

// Server watches clusters and answers for their zone. Make it with New, give it
// addresses with Listen, then Run it.
type Server struct {
	log      *slog.Logger
	zone     *Zone
	watchers []*watcher
	dirty    chan struct{} // holds one item while a source has news
	address  []netip.Addr
	now      func() time.Time

	keys      keyring
	limits    Limits
	limiter   *limiter
	transfers *transfers
	notifiers []*notifier
	state     State           // nil: nothing is kept
	saved     atomic.Int64    // when the state was last kept, Unix time; 0: never
	begun     <-chan struct{} // closed when the first view is replaced
	drift     atomic.Int64

	mu        sync.Mutex // guards what follows, and the order of zone updates
	topology  *regions.Topology
	ports     []dns.Port // as given
	slots     []regions.ReplicaID
	guessed   bool // slots are
	listeners []listener
	bound     []netip.Addr // what they listen on
	counters  []*counters  // of each listener
	running   bool
	view      View
	replaced  chan struct{} // closed when view is replaced
}

// New checks the configuration and makes a server that neither watches nor listens yet.
func New(ctx context.Context, c Config) (*Server, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	s := &Server{
		log: c.Log, now: c.Now, topology: c.Topology, ports: slices.Clone(c.Ports), slots: slices.Clone(c.Slots), guessed: c.SeedsUnknown, address: slices.Clone(c.Addresses),
		dirty: make(chan struct{}, 1), limits: c.Limits.filled(),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	for _, source := range c.Sources {
		s.watchers = append(s.watchers, newWatcher(source, c.Now, s.log, s.notify))
	}
	after := s.takeUp(ctx, c.State)
	contents := s.contents()
	s.zone = newZone(contents, c.Now, after)
	s.show(contents)
	s.begun = s.replaced
	s.keys, _ = newKeyring(c.Transfers.Keys) // check made one, too
	s.limiter = newLimiter(s.limits)
	s.transfers = newTransfers(s.zone, c.Transfers, s.limits.Transfers)
	for _, target := range c.Transfers.NotifyTo {
		s.notifiers = append(s.notifiers, newNotifier(s, target))
	}
	return s, nil
}

// takeUp restores the last known state and tells which serial it served. What cannot be restored is logged, and is as if it was not there.
func (s *Server) takeUp(ctx context.Context, state State) (after *uint32) {
	if s.state = state; state == nil {
		return nil
	}
	after, err := s.restore(ctx)
	if err != nil {
		s.log.Error("the last known state cannot be taken up; names of clusters that are not read yet are answered with SERVFAIL", "error", err)
	}
	if _, foreign := errors.AsType[foreignState](err); foreign {
		s.log.Error("the last known state is not written over, and nothing is kept: name another place for it, or remove it")
		s.state = nil
	}
	return after
}

func (c Config) check() error {
	var problems *multierror.Error
	if c.Now == nil {
		problems = multierror.Append(problems, errors.New("name server: no clock was given"))
	}
	if err := checkTopology(c.Topology, c.Slots); err != nil {
		problems = multierror.Append(problems, err)
	}
	if err := c.Transfers.check(); err != nil {
		problems = multierror.Append(problems, err)
	}
	seen := map[string]bool{}
	for _, s := range c.Sources {
		if s.connector() == nil || len(s.Services) == 0 || seen[s.Cluster] {
			problems = multierror.Append(problems, fmt.Errorf("name server: source %q needs a client, at least one service, and a cluster of its own", s.Cluster))
		}
		seen[s.Cluster] = true
	}
	return problems.ErrorOrNil()
}

func checkTopology(t *regions.Topology, slots []regions.ReplicaID) error {
	if t == nil || strings.Trim(t.Spec.DNS.Zone, ".") == "" {
		return errors.New("name server: the topology names no zone: set spec.dns.zone")
	}
	if err := dns.CheckNames(dns.Names(t, slots)); err != nil {
		return fmt.Errorf("name server: zone %s: %w", t.Spec.DNS.Zone, err)
	}
	return nil
}

// Zone answers queries without a socket.
func (s *Server) Zone() *Zone { return s.zone }

// SetTopology replaces the topology, at a scale-out for one. Queries that begin after it
// returned see the new names. An error leaves everything as it was.
func (s *Server) SetTopology(t *regions.Topology) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkTopology(t, s.slots); err != nil {
		return err
	}
	s.topology = t
	s.update()
	return nil
}

// SetSlots repoints the seed names, slot 0 first. Queries that begin after it returned see it.
func (s *Server) SetSlots(slots []regions.ReplicaID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkTopology(s.topology, slots); err != nil {
		return err
	}
	s.slots, s.guessed = slices.Clone(slots), false
	s.update()
	return nil
}

// notify asks for a rebuild. Several sources' news may end in one.
func (s *Server) notify() {
	select {
	case s.dirty <- struct{}{}:
	default:
	}
}

// follow rebuilds the zone after every change, until ctx is done. Nothing is delayed to
// collect changes: what arrives during a rebuild is taken up by the next one.
func (s *Server) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.dirty:
			s.rebuild()
		}
	}
}

func (s *Server) rebuild() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.update() {
		s.log.Debug("zone changed", "serial", s.zone.Serial(), "records", len(s.zone.Records()))
	}
}

// update takes up what is known now and tells whether the records changed; the caller holds mu.
func (s *Server) update() bool {
	c := s.contents()
	changed := s.zone.Update(c)
	s.show(c)
	return changed
}

// contents gathers what is known now; the caller holds mu, or is alone.
func (s *Server) contents() Contents {
	c := Contents{Topology: s.topology, Slots: s.slots, Ports: s.ports, Server: s.address}
	if s.guessed {
		c.Slots, c.UnknownSeeds = nil, len(s.slots)
	}
	read := map[string]bool{}
	for _, w := range s.watchers {
		pods, at, synced := w.lastKnown()
		read[w.source.Cluster] = !at.IsZero()
		if !at.IsZero() && !synced {
			if c.Restored == nil {
				c.Restored = map[string]time.Time{}
			}
			c.Restored[w.source.Cluster] = at
		}
		c.Endpoints = append(c.Endpoints, pods...)
	}
	for _, r := range s.topology.Spec.Regions {
		for _, cluster := range r.Clusters {
			if !read[cluster.Name] {
				c.Unread = append(c.Unread, cluster.Name)
			}
		}
	}
	return c
}

// Synced tells whether the cluster was read whole at least once, so that its names are answered.
func (s *Server) Synced(cluster string) bool {
	return slices.ContainsFunc(s.watchers, func(w *watcher) bool { return w.source.Cluster == cluster && w.isSynced() })
}

// Status tells of every source, sorted by cluster.
func (s *Server) Status() []SourceStatus {
	statuses := make([]SourceStatus, len(s.watchers))
	for i, w := range s.watchers {
		statuses[i] = w.status()
	}
	slices.SortFunc(statuses, func(a, b SourceStatus) int { return strings.Compare(a.Cluster, b.Cluster) })
	return statuses
}

// WaitSynced waits until every source was read once and its names are served; Run must be under way. When ctx
// ends first, the error names each cluster that is missing and why.
func (s *Server) WaitSynced(ctx context.Context) error {
	for _, w := range s.watchers {
		if !w.isSynced() {
			s.log.Info("waiting for the first reading of EndpointSlices", "cluster", w.source.Cluster, "namespace", w.source.Namespace)
		}
		select {
		case <-w.synced:
		case <-ctx.Done():
			return s.unsynced(context.Cause(ctx))
		}
	}
	s.rebuild() // the follower may not have come to it yet
	return nil
}

func (s *Server) unsynced(cause error) error {
	var problems *multierror.Error
	for _, w := range s.watchers {
		if w.isSynced() {
			continue
		}
		err := w.status().Err
		if err == nil {
			err = fmt.Errorf("cluster %s: EndpointSlices of %s in namespace %s were not read yet", w.source.Cluster, strings.Join(w.services(), ", "), w.source.Namespace)
		}
		problems = multierror.Append(problems, err)
	}
	return fmt.Errorf("names of zone %s: %w, waiting for the first reading: %w", s.topologyZone(), cause, problems.ErrorOrNil())
}

func (s *Server) topologyZone() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.topology.Spec.DNS.Zone
}
