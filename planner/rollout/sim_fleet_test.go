package rollout_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// fleet is a simulated fleet of Kubernetes clusters with a database on it, under
// virtual time (testing/synctest). Everything is guarded by one mutex; whatever takes time
// is a timer. Invariants are checked at every event.
type fleet struct {
	t    testing.TB
	mu   sync.Mutex
	rng  *rand.Rand
	opts options

	topology *regions.Topology // as last applied
	clusters map[string]*cluster
	database *database
	invariants

	faulty bool // some write of some run failed or killed it
	log    []string
}

// options are how the simulated world behaves.
type options struct {
	seed          uint64
	ordered       bool          // podManagementPolicy OrderedReady
	gateOff       bool          // MaxUnavailableStatefulSet off
	controllerLag time.Duration // at most, between a write and the controller's seeing it
	watchLag      time.Duration // at most
	nameLag       time.Duration // at most, between a pod's change and the authority's answer
	startTime     time.Duration // at most, from creation to running, and from running to ready
	rebuild       time.Duration // at most, until the database has caught up after a restart
	minReady      int
	selfReady     bool // readiness needs no initialisation
}

func defaults() options {
	return options{
		seed: 1, controllerLag: 300 * time.Millisecond, watchLag: 500 * time.Millisecond,
		nameLag: 400 * time.Millisecond, startTime: 4 * time.Second, rebuild: 20 * time.Second,
	}
}

// cluster is one simulated Kubernetes cluster.
type cluster struct {
	*fleet
	name, region string
	version      int // resourceVersion, one counter a cluster
	namespace    bool
	sets         map[string]*set
	pods         map[string]*pod // by name
	claims       map[string]bool
	objects      map[regions.ObjectRef]map[string]any
	record       regions.Record
	lease        lease
	dark         bool // does not answer
	authority    simAuthority
	watchers     []chan struct{}
	history      map[int]picture // resourceVersion → who was down then
	address      int
}

// picture is what a cluster looked like at a resourceVersion.
type picture struct {
	at   time.Time
	down []regions.ReplicaID
	// failing are those of them that cannot start and do not come back by themselves.
	failing map[regions.ReplicaID]bool
}

type lease struct {
	holder  string
	renewed time.Time
	ttl     time.Duration
}

func (l lease) heldBy(holder string, now time.Time) bool {
	return l.holder == holder && now.Before(l.renewed.Add(l.ttl))
}

func newFleet(t testing.TB, opts options, topology *regions.Topology) *fleet {
	f := &fleet{
		t: t, opts: opts, rng: rand.New(rand.NewPCG(opts.seed, 7)), topology: topology,
		clusters: map[string]*cluster{},
	}
	f.database = &database{fleet: f, members: map[regions.ReplicaID]*member{}}
	f.invariants = newInvariants(f)
	for _, c := range topology.OrderedClusters() {
		f.clusters[c.Name] = &cluster{
			fleet: f, name: c.Name, region: topology.RegionOf(c.Name), version: 100,
			sets: map[string]*set{}, pods: map[string]*pod{}, claims: map[string]bool{},
			objects: map[regions.ObjectRef]map[string]any{}, history: map[int]picture{},
		}
	}
	return f
}

// some is a random part of a duration.
func (f *fleet) some(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return time.Duration(f.rng.Int64N(int64(limit))) + 1
}

// after runs f later, under the lock.
func (f *fleet) after(d time.Duration, do func()) {
	time.AfterFunc(d, func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		do()
	})
}

func (f *fleet) logf(format string, args ...any) {
	f.log = append(f.log, fmt.Sprintf("%s %s", time.Now().UTC().Format("15:04:05.000"), fmt.Sprintf(format, args...)))
}

// do runs an operation of the test on the world.
func (f *fleet) do(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fleet) names() []string { return slices.Sorted(maps.Keys(f.clusters)) }

// touch counts an event in a cluster and tells its watchers.
func (c *cluster) touch() int {
	c.version++
	c.history[c.version] = picture{at: time.Now(), down: c.down(), failing: c.failing()}
	for _, w := range c.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
	c.observeHealth()
	return c.version
}

// down are the expected replicas that do not serve.
func (c *cluster) down() []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, s := range c.sortedSets() {
		for i := range s.spec.replicas {
			if p := c.pods[s.podName(i)]; p == nil || !p.up() {
				out = append(out, s.id(i))
			}
		}
	}
	return out
}

func (c *cluster) failing() map[regions.ReplicaID]bool {
	out := map[regions.ReplicaID]bool{}
	for _, p := range c.pods {
		if p.waiting != "" && !p.terminating {
			out[p.id] = true
		}
	}
	return out
}

func (c *cluster) sortedSets() []*set {
	var out []*set
	for _, name := range slices.Sorted(maps.Keys(c.sets)) {
		out = append(out, c.sets[name])
	}
	return out
}

// state is the cluster as an API server shows it.
func (c *cluster) state() regions.ClusterState {
	v := strconv.Itoa(c.version)
	state := regions.ClusterState{
		Cluster: c.name, Region: c.region, ServerVersion: "v1.37.2", UID: "uid-" + c.name, Sandbox: true,
		Namespace: "bank", NamespaceExists: c.namespace, Record: cloneRecord(c.record),
		Seen: map[string]string{"pods": v, "statefulsets": v},
	}
	for i := range 4 {
		state.Nodes = append(state.Nodes, regions.NodeState{Name: nodeName(c, i), Zone: c.zone(i), Region: c.region, Ready: true})
	}
	for _, s := range c.sortedSets() {
		state.StatefulSets = append(state.StatefulSets, s.state())
	}
	for _, name := range slices.Sorted(maps.Keys(c.claims)) {
		state.Claims = append(state.Claims, regions.ClaimState{Name: name, UID: name, Phase: "Bound"})
	}
	for _, p := range c.pods {
		state.Pods = append(state.Pods, p.state())
	}
	slices.SortFunc(state.Pods, func(a, b regions.PodState) int {
		return cmp.Or(cmp.Compare(a.ID.Pool, b.ID.Pool), cmp.Compare(a.ID.Ordinal, b.ID.Ordinal))
	})
	state.Authority = c.authorityState()
	if c.lease.holder != "" {
		state.Lease = &regions.LeaseState{Holder: c.lease.holder, RenewTime: c.lease.renewed}
	}
	return state
}

func nodeName(c *cluster, i int) string { return c.name + "-node-" + strconv.Itoa(i) }

func (c *cluster) zone(i int) string { return c.name + "-" + string(rune('a'+i%3)) }

func cloneRecord(r regions.Record) regions.Record {
	r.Inventory = slices.Clone(r.Inventory)
	r.Clusters = maps.Clone(r.Clusters)
	r.Database.Slots = slices.Clone(r.Database.Slots)
	r.Database.Released = slices.Clone(r.Database.Released)
	return r
}

// observation is what a plan is made from.
func (c *cluster) observation(desired []map[string]any) planner.Observation {
	if c.dark {
		return planner.Observation{Cluster: c.name, Unreachable: c.unreachable().Error()}
	}
	o := planner.Observation{Cluster: c.name, State: c.state()}
	for _, object := range desired {
		o.Objects = append(o.Objects, c.compare(object))
	}
	return o
}

// compare is the server-side dry run of an object.
func (c *cluster) compare(object map[string]any) regions.ObjectState {
	ref := planner.RefOf(object)
	state := regions.ObjectState{Ref: ref, After: object}
	live := c.objects[ref]
	if s := c.sets[ref.Name]; ref.Kind == "StatefulSet" && s != nil {
		live = setObject(s.object, s.spec.template, s.spec.replicas)
		state.After = setObject(object, templateOf(object), s.spec.replicas)
	}
	state.Live = live
	return state
}

// unreachable is a cluster that does not answer.
func (c *cluster) unreachable() error { return darkError{c.name} }

type darkError struct{ cluster string }

func (e darkError) Error() string { return "cluster " + e.cluster + " cannot be reached" }
