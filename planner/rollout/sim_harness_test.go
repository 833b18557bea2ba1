package rollout_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// wanted is what the topology file says.
type wanted struct {
	database string // the profile; empty: cockroachdb
	image    string
	replicas map[string]int
	soak     string
	perZone  bool // a StatefulSet for each zone
	profile  func(*kustomize.Profile)
	edit     func(*regions.Topology)
}

func want(image string) wanted {
	return wanted{image: image, soak: "30s", replicas: map[string]int{"east": 3, "west": 3, "north": 3}}
}

const (
	imageOne   = "cockroachdb/cockroach:v1"
	imageTwo   = "cockroachdb/cockroach:v2"
	imageBad   = "cockroachdb/cockroach:broken"
	imageThree = "cockroachdb/cockroach:v3"
)

// rolloutOrder is the clusters' order in an update; it is neither the file's nor the alphabet's.
var rolloutOrder = []string{"west", "east", "north"}

func (w wanted) topology(t testing.TB) *regions.Topology {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: bank}
spec:
  profile: %s
  image: %s
  storage: {size: 1Gi, className: standard}
  resources: {requests: {cpu: "1", memory: 1Gi}, limits: {cpu: "1", memory: 1Gi}}
  survive: {failure: region%s}
  tls: {mode: disabled}
  dns: {zone: bank.example.com, publish: [{serve: {listen: "0.0.0.0:53"}}]}
  locality: {zone: %s}
  rollout: {order: [r-west, r-east, r-north], canary: {replicas: 1, soak: 2m}, soak: %s, timeout: 5m}
  regions:
`, w.profileName(), w.image, w.votersText(), w.locality(), w.soak)
	for _, name := range []string{"north", "east", "west"} {
		fmt.Fprintf(&text, "    - {name: r-%s, clusters: [{name: %s, replicas: %d, zones: [%s-a, %s-b, %s-c]}]}\n",
			name, name, w.replicas[name], name, name, name)
	}
	topology, problems := regions.Parse([]byte(text.String()), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("topology: %v", errs)
	}
	if w.edit != nil {
		w.edit(topology)
	}
	return topology
}

func (w wanted) profileName() string { return cmp.Or(w.database, "cockroachdb") }

func (w wanted) locality() string {
	if w.perZone {
		return "statefulSetPerZone"
	}
	return "podLabel"
}

func (w wanted) votersText() string {
	if w.database != "" {
		return "" // every replica votes
	}
	return ", voters: 5, whileUpdating: zone"
}

func (w wanted) loadProfile(t testing.TB) kustomize.Profile {
	t.Helper()
	profile, err := kustomize.LoadProfile(w.profileName())
	if err != nil {
		t.Fatal(err)
	}
	if w.profile != nil {
		w.profile(&profile)
	}
	return profile
}

func desired(topology *regions.Topology, opts options) map[string][]map[string]any {
	out := map[string][]map[string]any{}
	policy := "Parallel"
	if opts.ordered {
		policy = "OrderedReady"
	}
	for _, c := range topology.OrderedClusters() {
		object := func(api, kind, namespace, name string, spec map[string]any) map[string]any {
			return map[string]any{"apiVersion": api, "kind": kind, "metadata": map[string]any{"name": name, "namespace": namespace}, "spec": spec}
		}
		template := map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": "db", "image": topology.Spec.Image, "command": memberList(topology)}}}}
		out[c.Name] = []map[string]any{
			object("v1", "Namespace", "", "bank", nil),
			object("v1", "Service", "bank", "bank", map[string]any{"clusterIP": "None"}),
		}
		for _, pool := range topology.Pools(c) {
			out[c.Name] = append(out[c.Name], object("apps/v1", "StatefulSet", "bank", pool.Name, map[string]any{"replicas": pool.Replicas, "podManagementPolicy": policy, "template": template}))
		}
		out[c.Name] = append(out[c.Name], authorityObjects(topology)...)
	}
	return out
}

// command is one `apply`.
type command struct {
	*run
	work rollout.Work
	plan *planner.Plan
	ctx  context.Context
	stop chan struct{}
}

// prepare plans what is wanted on what is true now.
func (f *fleet) prepare(w wanted, id string) *command {
	f.t.Helper()
	in := f.input(w, id)
	return f.command(in, planner.Build(in), id)
}

// input is what is wanted, and what is true now.
func (f *fleet) input(w wanted, id string) planner.Input {
	f.t.Helper()
	topology := w.topology(f.t)
	in := planner.Input{Topology: topology, Profile: w.loadProfile(f.t), Desired: desired(topology, f.opts)}
	f.do(func() {
		f.topology = topology
		f.profiled = in.Profile.Hooks.Gate != nil
		for _, name := range f.names() {
			in.Observed = append(in.Observed, f.clusters[name].observation(in.Desired[name]))
		}
		f.logf("--- %s plans %s", id, w.image)
	})
	return in
}

// command is a run of a plan.
func (f *fleet) command(in planner.Input, plan *planner.Plan, id string) *command {
	topology := in.Topology
	r := &run{fleet: f, id: id, open: map[string]journal.Entry{}, floor: map[string]int{}, steps: map[string]planner.Step{}, founds: topology.DeclaresMembers() && !plan.Promise.InForce}
	for _, s := range plan.Steps {
		r.steps[s.ID] = s
	}
	c := &command{run: r, plan: plan, stop: make(chan struct{})}
	c.work = rollout.Work{
		Run: id, Topology: topology, Profile: in.Profile, Desired: in.Desired, Slots: planner.Slots(in),
		Stop: c.stop, LeaseTTL: leaseTTL,
	}
	c.ctx, r.cancel = context.WithCancel(context.Background())
	return c
}

// execute runs the plan as the command line does: an empty one not at all.
func (c *command) execute() error {
	defer c.cancel()
	if c.plan.Empty() {
		return nil
	}
	for _, s := range c.plan.Steps {
		c.fleet.do(func() { c.logf("    %s %s", s.ID, s.Summary) })
	}
	return rollout.Run(c.ctx, c.ports(), c.work, c.plan)
}

func (f *fleet) apply(w wanted, id string) error {
	f.t.Helper()
	return f.prepare(w, id).execute()
}

// mustApply applies, and fails the test where that fails.
func (f *fleet) mustApply(w wanted, id string) {
	f.t.Helper()
	if err := f.apply(w, id); err != nil {
		f.t.Fatalf("apply %s by %s: %v\n%s", w.image, id, account(err), f.tail())
	}
}

// simulate runs a scenario in virtual time and checks the invariants at its end.
func simulate(t *testing.T, opts options, scenario func(*fleet)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, opts, want(imageOne).topology(t))
		f.database.published = map[string]string{}
		scenario(f)
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.violations) > 0 {
			t.Errorf("%d invariants were broken, first: %s\n%s", len(f.violations), strings.Join(f.violations[:min(3, len(f.violations))], "\n  "), f.tail())
		}
	})
}

// tail is what led to the first broken invariant, or to the end; all of it with QUORATE_TRACE.
func (f *fleet) tail() string {
	lines := f.log
	if os.Getenv("QUORATE_TRACE") == "" {
		if first := slices.IndexFunc(lines, func(line string) bool { return strings.Contains(line, "VIOLATION") }); first >= 0 {
			lines = lines[:first+1]
		}
		lines = lines[max(0, len(lines)-60):]
	}
	return fmt.Sprintf("seed %d (QUORATE_SEED=%d go test -run TestRandomHistories ./planner/rollout, where it is a random history)\n%s",
		f.opts.seed, f.opts.seed, strings.Join(lines, "\n"))
}

// settled checks the state in which every successful apply ends.
func (f *fleet) settled(w wanted) {
	f.t.Helper()
	time.Sleep(5 * time.Second) // virtual: what lags has arrived
	if plan := f.prepare(w, "again").plan; !plan.Empty() {
		f.t.Errorf("the plan after it is not empty: %d steps, first %v, refusals %v\n%s", len(plan.Steps), plan.Steps, plan.Refusals, f.tail())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	topology := w.topology(f.t)
	for name, c := range f.clusters {
		declared, _ := topology.ClusterByName(name)
		for _, pool := range topology.Pools(declared) {
			c.sets[pool.Name].settled(w, pool)
		}
		database := c.record.Database
		if database.ClusterID != f.database.clusterID() || database.Installed == "" || len(database.Slots) != 5 || len(c.record.Clusters) != 3 {
			f.t.Errorf("%s: record is %+v", name, c.record)
		}
		if c.lease.holder != "" && !f.faulty {
			f.t.Errorf("%s: lease is still held by %s", name, c.lease.holder)
		}
	}
	if f.database.inits != 1 {
		f.t.Errorf("the database was initialised %d times", f.database.inits)
	}
}

// settled checks one set of a fleet that is settled.
func (s *set) settled(w wanted, pool regions.PoolSize) {
	if s == nil {
		panic("set " + pool.Name + " was not made")
	}
	if s.spec.replicas != pool.Replicas || s.spec.partition < s.spec.replicas || s.current != s.update {
		s.t.Errorf("%s: set is %+v", s.cluster.name, s.state())
		return
	}
	for i := range s.spec.replicas {
		if p := s.pods[s.podName(i)]; p == nil || !p.up() || p.image != w.image {
			s.t.Errorf("%s: pod is %+v", s.id(i), p)
		}
	}
}

func account(err error) string {
	if stopped, ok := errors.AsType[*rollout.Stopped](err); ok {
		return stopped.Account()
	}
	return fmt.Sprint(err)
}

// updateOrder is every replica in rollout order, highest ordinal first.
func updateOrder(w wanted) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, name := range rolloutOrder {
		for i := range w.replicas[name] {
			out = append(out, regions.ReplicaID{Cluster: name, Pool: "bank", Ordinal: w.replicas[name] - 1 - i})
		}
	}
	return out
}

func (f *fleet) tookDown() []regions.ReplicaID {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.order)
}
