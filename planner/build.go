package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// Build makes the plan. It never fails: what may not be done comes out as a
// refusal, what could not be seen as an unreachable cluster, and both beside
// everything else that is known. The same input, its observations in any order,
// gives the same plan.
func Build(in Input) *Plan {
	b := newBuilder(in)
	b.viewClusters()
	b.refuseUnsafe()
	b.compareObjects()
	b.noteReadOnly()
	b.noteForced()
	if b.initialised {
		b.planUpdate()
	} else {
		b.planInstallation()
	}
	b.planRetirement()
	b.planNames()
	b.planPrimaries()
	b.finish()
	return b.plan
}

// builder gathers one plan. ends are the last steps of the one line of steps in
// which replicas are touched: everything that could disturb one comes after them.
type builder struct {
	in          Input
	sites       []site
	ledger      ledger
	initialised bool // known to hold data
	plan        *Plan
	ends        []string
	applied     map[string]string // cluster → the last of its steps that write objects
	// lowered are the pools (by their first replica) whose partition a step lowers:
	// it has to rise again.
	lowered map[regions.ReplicaID]bool
	rested  map[regions.ReplicaID]bool // pools whose partition has risen to rest
	now     regions.Exposure           // before the run
}

func newBuilder(in Input) *builder {
	t := in.Topology
	b := &builder{
		in: in, sites: sites(in), applied: map[string]string{}, lowered: map[regions.ReplicaID]bool{}, rested: map[regions.ReplicaID]bool{},
		initialised: in.initialised(),
		plan: &Plan{
			FormatVersion: FormatVersion, Deployment: t.Metadata.Name,
			Steps: []Step{}, Objects: []ObjectChange{},
			DNS: DNSChanges{Zone: t.Spec.DNS.Zone, Changes: []dns.Change{}},
		},
	}
	// A replica that nobody could see may hold data as well.
	b.ledger = newLedger(in, b.initialised || b.blind())
	b.now = b.ledger.exposure(nil)
	return b
}

// blind tells that some cluster did not answer. The plan is then for reading
// only: nothing may run until every cluster answers.
func (b *builder) blind() bool { return slices.ContainsFunc(b.sites, site.silent) }

// add appends a step that needs the given steps; empty needs are left out.
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

// before is what the next step of the line needs. The line begins when every
// cluster has its objects, so that a conflict anywhere stops the run while nothing
// is down.
func (b *builder) before() []string {
	if len(b.ends) == 0 {
		return slices.Sorted(maps.Values(b.applied))
	}
	return b.ends
}

// link appends a step to the line.
func (b *builder) link(s Step) { b.ends = []string{b.add(s, b.before()...)} }

// disrupt appends a disruptive step to the line with its exposure, and refuses
// the plan where the step would break the promise.
func (b *builder) disrupt(s Step) {
	exposure := b.ledger.exposure(s.Disrupts)
	s.Exposure = &exposure
	if reason := b.ledger.breaks(s.Disrupts); reason != "" {
		b.refuse(Refusal{
			Code: "breaks-promise", Cluster: s.Cluster, Step: s.ID,
			Message: "while " + s.Summary + ": " + reason + b.silence(),
			Hint:    promiseHint(exposure),
		})
	}
	b.link(s)
	for _, id := range s.Disrupts {
		delete(b.ledger.down, id) // the step ends with the replica back
	}
}

func promiseHint(e regions.Exposure) string {
	if !e.Available() {
		return "add replicas or regions, and let them become ready, before this one is taken down"
	}
	return "lower survive.whileUpdating, or add replicas or regions"
}

// silence says that replicas count as down because they could not be seen.
func (b *builder) silence() string {
	silent := b.plan.Unreachable()
	if len(silent) == 0 {
		return ""
	}
	return " (the replicas of " + strings.Join(silent, ", ") + " count as down, since nobody could ask)"
}

func (b *builder) refuse(r Refusal) { b.plan.Refusals = append(b.plan.Refusals, r) }

func (b *builder) note(text string) { b.plan.Notes = append(b.plan.Notes, text) }

func (b *builder) viewClusters() {
	for _, s := range b.sites {
		b.plan.Clusters = append(b.plan.Clusters, ClusterView{
			Name: s.cluster.Name, Region: s.region, Error: s.obs.Unreachable,
			Reachable: !s.silent(),
			Version:   s.obs.State.ServerVersion, Sandbox: s.obs.State.Sandbox,
		})
		if s.silent() {
			b.note(s.cluster.Name + " does not answer: its replicas count as down, nothing of it is planned, and nothing may run before it answers")
		}
	}
}

func (b *builder) finish() {
	b.plan.Promise = b.promise()
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
	for _, s := range b.sites {
		for _, p := range s.pools {
			if s.obs.Unreachable == "" {
				b.plan.Summary.Added += max(0, p.want-p.replicas())
			}
		}
	}
	if len(b.plan.Steps) > 0 {
		b.plan.Preamble = b.preamble()
	}
	b.plan.Digest = digest(b.in, b.plan)
}

func (b *builder) promise() Promise {
	survive := b.in.Topology.Spec.Survive
	p := Promise{
		Failure: survive.Failure, WhileUpdating: survive.WhileUpdating,
		InForce: b.ledger.inForce, Basis: b.ledger.basis(),
		AtRest: b.ledger.layout.Exposure(nil), Now: b.now,
	}
	if b.ledger.live && p.Failure != "" && p.Failure != regions.FailureNone && !p.AtRest.Survives[p.Failure] {
		b.note(fmt.Sprintf("survive.failure promises that any %s may be lost; as the replicas are placed now it could not, even with all of them up", p.Failure))
	}
	return p
}

// preamble lists what a run makes before its first step.
func (b *builder) preamble() []string {
	clusters := map[string][]string{} // namespace → clusters
	for _, s := range b.sites {
		clusters[s.cluster.Namespace] = append(clusters[s.cluster.Namespace], s.cluster.Name)
	}
	var out []string
	for _, namespace := range slices.Sorted(maps.Keys(clusters)) {
		out = append(out, fmt.Sprintf("hold Lease %s/%s in %s", namespace, regions.RecordName(b.plan.Deployment), strings.Join(clusters[namespace], ", ")))
	}
	return out
}
