package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// State keeps what is known of the clusters over restarts: a server that starts while a cluster
// cannot be reached answers for it what was last known.
type State interface {
	// Load gives what Save was last given whole; nothing where nothing was saved yet.
	Load(ctx context.Context) ([]byte, error)
	// Save keeps the data whole, or leaves what was kept before.
	Save(ctx context.Context, data []byte) error
}

// stateVersion is the format of what is kept; unknown majors are not read.
const stateVersion = "1.1"

// sealedState is what is kept: the state, and its digest, since a flipped bit in an address is a wrong answer.
type sealedState struct {
	FormatVersion string          `json:"format_version"`
	SHA256        string          `json:"sha256"` // of State as it stands there, in hex
	State         json.RawMessage `json:"state"`
}

// knownState is what is known of the pods of one deployment.
type knownState struct {
	Deployment string         `json:"deployment"`
	Zone       string         `json:"zone"`
	Serial     uint32         `json:"serial"` // that was served; a later run begins serialReserve after it, or with its clock
	Clusters   []knownCluster `json:"clusters"`
	Seeds      []knownSeed    `json:"seeds,omitempty"` // behind the seed names, in their order; none while they are not known
}

type knownSeed struct {
	Cluster string `json:"cluster"`
	Pool    string `json:"pool"`
	Ordinal int    `json:"ordinal"`
}

type knownCluster struct {
	Name      string            `json:"name"`
	Region    string            `json:"region"`
	Namespace string            `json:"namespace"`
	Services  map[string]string `json:"services"` // pool → governing service
	Known     time.Time         `json:"known"`    // when its API server last told anything
	Pods      []knownPod        `json:"pods"`
}

type knownPod struct {
	Pool        string   `json:"pool"`
	Ordinal     int      `json:"ordinal"`
	UID         string   `json:"uid"`
	IPs         []string `json:"ips"`
	Terminating bool     `json:"terminating,omitempty"`
	Sequence    uint64   `json:"sequence"`
}

// serialReserve is how far serials may have moved after the state was last kept: one step a change, which a server that is killed has told
// secondaries and not written down. It is far more than changes come in saveAfter, and nothing beside the half circle of serials.
const serialReserve = 10_000

// foreignState is a state that is not ours: it must not be written over.
type foreignState struct{ error }

// Unwrap is what it says.
func (f foreignState) Unwrap() error { return f.error }

// seal is the state as it is kept.
func (k knownState) seal() ([]byte, error) {
	state, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(state)
	return json.Marshal(sealedState{stateVersion, hex.EncodeToString(sum[:]), state})
}

// unsealState reads what is kept.
func unsealState(data []byte) (knownState, error) {
	var sealed sealedState
	if err := json.Unmarshal(data, &sealed); err != nil {
		return knownState{}, fmt.Errorf("it is no state of a name server: %w", err)
	}
	if major, _, _ := strings.Cut(sealed.FormatVersion, "."); major != "1" {
		return knownState{}, foreignState{fmt.Errorf("its format %q is unknown to this version, which writes %s", sealed.FormatVersion, stateVersion)}
	}
	if sum := sha256.Sum256(sealed.State); hex.EncodeToString(sum[:]) != sealed.SHA256 {
		return knownState{}, errors.New("its digest does not match: it is damaged")
	}
	var known knownState
	if err := json.Unmarshal(sealed.State, &known); err != nil {
		return knownState{}, fmt.Errorf("it is no state of a name server: %w", err)
	}
	return known, nil
}

// restore takes up the last known state: an error says why not, or what of it was left out.
func (s *Server) restore(ctx context.Context) (after *uint32, err error) {
	data, err := s.state.Load(ctx)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	known, err := unsealState(data)
	if err != nil {
		return nil, err
	}
	if name := s.topology.Metadata.Name; known.Deployment != name || known.Zone != dns.Canonical(s.topology.Spec.DNS.Zone) {
		return nil, foreignState{fmt.Errorf("it is of deployment %s and zone %s, not of %s and %s", known.Deployment, known.Zone, name, dns.Canonical(s.topology.Spec.DNS.Zone))}
	}
	var problems *multierror.Error
	for _, c := range known.Clusters {
		if err := s.restoreCluster(c); err != nil {
			problems = multierror.Append(problems, fmt.Errorf("cluster %s is left out: %w", c.Name, err))
		}
	}
	s.restoreSeeds(known.Seeds)
	reached := known.Serial + serialReserve
	return &reached, problems.ErrorOrNil()
}

// restoreCluster gives a watcher the pods last known of its cluster, if it is the same cluster in all that names say of it.
func (s *Server) restoreCluster(c knownCluster) error {
	i := slices.IndexFunc(s.watchers, func(w *watcher) bool { return w.source.Cluster == c.Name })
	if _, declared := s.topology.ClusterByName(c.Name); i < 0 || !declared {
		return errors.New("the topology has none of that name")
	}
	w := s.watchers[i]
	if region := s.topology.RegionOf(c.Name); region != c.Region || w.source.Namespace != c.Namespace || !maps.Equal(w.source.Services, c.Services) {
		return fmt.Errorf("it was known as namespace %s of region %s with services %v, and is namespace %s of region %s with services %v",
			c.Namespace, c.Region, c.Services, w.source.Namespace, region, w.source.Services)
	}
	if err := s.checkAge(c.Known); err != nil {
		return err
	}
	var pods []dns.Endpoint
	for _, p := range c.Pods {
		if _, ok := c.Services[p.Pool]; !ok || p.Ordinal < 0 || !areAddresses(p.IPs) {
			return fmt.Errorf("%s-%d at %s is no pod of it", p.Pool, p.Ordinal, strings.Join(p.IPs, ", "))
		}
		pods = append(pods, dns.Endpoint{
			Replica: regions.ReplicaID{Cluster: c.Name, Pool: p.Pool, Ordinal: p.Ordinal},
			PodUID:  p.UID, IPs: p.IPs, Terminating: p.Terminating, Sequence: p.Sequence,
		})
	}
	w.restored, w.restoredAt = pods, c.Known
	s.log.Info("names of a cluster are those last known, until it is read", "cluster", c.Name, "known", c.Known, "pods", countPods(pods))
	return nil
}

// clockStep is how far a clock may have gone back since the state was kept.
const clockStep = time.Hour

// checkAge tells why what was known at that time is not to be answered with any more.
func (s *Server) checkAge(known time.Time) error {
	switch age := s.now().Sub(known); {
	case age > expire*time.Second:
		return fmt.Errorf("it was last known %s ago, and addresses do not stay a pod's for longer than %s", age.Round(time.Hour), expire*time.Second)
	case age < -clockStep:
		return fmt.Errorf("it was last known at %s, which is still to come: nobody can tell how old it is; see that this machine's clock is right", known.Format(time.RFC3339))
	}
	return nil
}

// restoreSeeds takes up the replicas that were last known behind the seed names, as a run would: one that the topology does not declare any more
// gives its place away.
func (s *Server) restoreSeeds(known []knownSeed) {
	if !s.guessed || len(known) == 0 {
		return
	}
	var seeds []regions.ReplicaID
	for _, seed := range known {
		seeds = append(seeds, regions.ReplicaID(seed))
	}
	s.slots, s.guessed = regions.Slots(s.topology, seeds), false
}

func areAddresses(texts []string) bool {
	for _, text := range texts {
		if _, err := netip.ParseAddr(text); err != nil {
			return false
		}
	}
	return true
}

// known is the state to be kept now; false while nothing is known.
func (s *Server) known() (knownState, bool) {
	s.mu.Lock()
	topology, slots := s.topology, s.slots
	if s.guessed {
		slots = nil
	}
	s.mu.Unlock()
	out := knownState{Deployment: topology.Metadata.Name, Zone: dns.Canonical(topology.Spec.DNS.Zone), Serial: s.zone.Serial()}
	for _, seed := range slots {
		out.Seeds = append(out.Seeds, knownSeed(seed))
	}
	for _, w := range s.watchers {
		pods, at, _ := w.lastKnown()
		if at.IsZero() {
			continue
		}
		c := knownCluster{
			Name: w.source.Cluster, Region: topology.RegionOf(w.source.Cluster), Namespace: w.source.Namespace,
			Services: w.source.Services, Known: at.UTC(), Pods: []knownPod{},
		}
		for _, p := range pods {
			c.Pods = append(c.Pods, knownPod{p.Replica.Pool, p.Replica.Ordinal, p.PodUID, p.IPs, p.Terminating, p.Sequence})
		}
		out.Clusters = append(out.Clusters, c)
	}
	slices.SortFunc(out.Clusters, func(a, b knownCluster) int { return strings.Compare(a.Name, b.Name) })
	return out, len(out.Clusters) > 0
}

const (
	// saveAfter is how long changes are collected before they are kept.
	saveAfter = time.Second
	// saveEvery is how often the state is kept without a change, for its times.
	saveEvery = 5 * time.Minute
)

// keep saves the state after every change, and once more when ctx is done. It waits for what follows on the view that it looked at
// before it saved, the first being that of New: a change between a look and a save would be kept minutes later.
func (s *Server) keep(ctx context.Context) {
	for replaced := s.begun; ctx.Err() == nil; {
		select {
		case <-replaced:
			idle(ctx, saveAfter)
		case <-time.After(saveEvery):
		case <-ctx.Done():
		}
		replaced = s.Changed()
		s.save(context.WithoutCancel(ctx))
	}
}

// idle returns after a time, or when ctx is done.
func idle(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// save keeps the state; a failure is logged, and the next change tries again.
func (s *Server) save(ctx context.Context) {
	known, ok := s.known()
	if !ok {
		return // what another run kept is worth more
	}
	data, err := known.seal()
	if err == nil {
		err = s.state.Save(ctx, data)
	}
	if err != nil {
		s.log.Error("the last known state could not be kept; a restart without the clusters would answer what was kept before, or SERVFAIL", "error", err)
		return
	}
	s.saved.Store(s.now().Unix())
}
