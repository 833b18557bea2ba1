package planner

import (
	"maps"
	"slices"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// Build makes the plan. It never fails: what may not be done comes out as a
// refusal, what could not be seen as an unreachable cluster, and both beside
// everything else that is known.
func Build(in Input) *Plan {
	b := newBuilder(in)
	b.viewClusters()
	b.refuseUnsafe()
	b.compareObjects()
	if b.initialised {
		b.planUpdate()
		b.planScaleOut()
	} else {
		b.planInstallation()
	}
	b.planRetirement()
	b.planNames()
	b.finish()
	return b.plan
}

// builder gathers one plan. chain is the last step of the one line of steps in
// which replicas are touched: everything that could disturb one comes after it.
type builder struct {
	in          Input
	sites       []site
	ledger      ledger
	initialised bool
	plan        *Plan
	chain       string
	applied     map[string]string // cluster → its apply step
	// lowered are the pools (by their first replica) whose partition a step lowers:
	// it has to rise again.
	lowered map[regions.ReplicaID]bool
}

func newBuilder(in Input) *builder {
	all := sites(in)
	t := in.Topology
	b := &builder{
		in: in, sites: all, applied: map[string]string{}, lowered: map[regions.ReplicaID]bool{},
		initialised: !in.Offline && initialised(in),
		plan: &Plan{
			FormatVersion: FormatVersion, Deployment: t.Metadata.Name,
			Steps: []Step{}, Objects: []ObjectChange{},
			DNS: DNSChanges{Zone: t.Spec.DNS.Zone, Changes: []dns.Change{}},
		},
	}
	b.ledger = newLedger(in, all, b.initialised)
	return b
}

// initialised tells whether the database holds data, so that promises are in
// force: it is recorded, or some replica serves already. A replica that nobody
// could see may hold data as well.
func initialised(in Input) bool {
	for _, o := range in.Observed {
		record := o.State.Record.Database
		if record.ClusterID != "" || record.Installed != "" {
			return true
		}
		if slices.ContainsFunc(o.State.Pods, regions.PodState.Up) {
			return true
		}
	}
	return false
}

// add appends a step that needs the given steps; empty and unknown needs are left out.
func (b *builder) add(s Step, needs ...string) string {
	for _, need := range needs {
		if need != "" && !slices.Contains(s.Needs, need) {
			s.Needs = append(s.Needs, need)
		}
	}
	slices.Sort(s.Needs)
	b.plan.Steps = append(b.plan.Steps, s)
	return s.ID
}

// link appends a step to the chain. The chain begins when every cluster has its
// objects, so that a conflict anywhere stops the run while nothing is down.
func (b *builder) link(s Step) {
	needs := []string{b.chain}
	if b.chain == "" {
		needs = slices.Sorted(maps.Values(b.applied))
	}
	b.chain = b.add(s, needs...)
}

// disrupt appends a disruptive step to the chain with its exposure, and refuses
// the plan where the step would break the promise.
func (b *builder) disrupt(s Step) {
	exposure := b.ledger.exposure(s.Disrupts)
	s.Exposure = &exposure
	if reason := b.ledger.breaks(s.Disrupts); reason != "" && len(b.plan.Unreachable()) == 0 {
		b.refuse(Refusal{
			Code: "breaks-promise", Cluster: s.Cluster, Step: s.ID,
			Message: "while " + s.Summary + ": " + reason,
			Hint:    "lower survive.whileUpdating, or add replicas or regions",
		})
	}
	b.link(s)
	for _, id := range s.Disrupts {
		delete(b.ledger.down, id) // the step ends with the replica back
	}
}

func (b *builder) refuse(r Refusal) { b.plan.Refusals = append(b.plan.Refusals, r) }

func (b *builder) note(text string) { b.plan.Notes = append(b.plan.Notes, text) }

func (b *builder) viewClusters() {
	for _, s := range b.sites {
		b.plan.Clusters = append(b.plan.Clusters, ClusterView{
			Name: s.cluster.Name, Region: s.region, Error: s.obs.Unreachable,
			Reachable: s.obs.Unreachable == "",
			Version:   s.obs.State.ServerVersion, Sandbox: s.obs.State.Sandbox,
		})
	}
}

func (b *builder) finish() {
	t := b.in.Topology
	basis := "declared"
	if slices.ContainsFunc(b.in.states(), func(s regions.ClusterState) bool { return len(s.Pods) > 0 }) {
		basis = "live"
	}
	b.plan.Promise = Promise{
		Failure: t.Spec.Survive.Failure, WhileUpdating: t.Spec.Survive.WhileUpdating,
		InForce: b.initialised, Basis: basis,
		AtRest: b.ledger.layout.Exposure(map[regions.ReplicaID]bool{}),
	}
	for _, o := range b.plan.Objects {
		switch o.Action {
		case ActionCreate:
			b.plan.Summary.Create++
		case ActionUpdate:
			b.plan.Summary.Update++
		case ActionDelete:
			b.plan.Summary.Delete++
		}
	}
	for _, s := range b.plan.Steps {
		b.plan.Summary.Disruptive += len(s.Disrupts)
	}
	if len(b.plan.Steps) > 0 {
		b.plan.Preamble = b.preamble()
	}
	b.plan.Digest = digest(b.in, b.plan)
}

// preamble lists what a run makes before its first step.
func (b *builder) preamble() []string {
	var out []string
	for _, s := range b.sites {
		out = append(out, "hold Lease "+LockName(b.plan.Deployment)+" in "+s.cluster.Name+" (namespace "+s.cluster.Namespace+")")
	}
	return out
}

// LockName is the Lease that keeps a second run out, and the record ConfigMap's name.
func LockName(deployment string) string { return "quorate-" + deployment }
