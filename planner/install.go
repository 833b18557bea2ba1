package planner

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/regions"
)

// planInstallation brings up a database that holds nothing yet: objects
// everywhere, then region by region all replicas running and named, then one
// initialisation, then ready. Before it nothing is promised, so replicas start
// together and a wrong template is replaced at once.
//
// While a cluster does not answer, nobody knows that it holds nothing: then no
// replica is deleted, none is started from the silent region on, and nothing is
// initialised.
func (b *builder) planInstallation() {
	for _, s := range b.sites {
		b.applySite(s)
	}
	b.noteOrdered()
	b.standAuthority()
	if b.blind() {
		b.note("no initialisation is planned: a cluster that does not answer may hold a database")
	}
	for _, s := range b.sites {
		b.correctTemplate(s)
	}
	for _, r := range b.regionOrder() {
		if r.silent() {
			break
		}
		b.startRegion(r)
	}
	if !b.blind() {
		b.completeInstallation()
	}
	b.restAll()
}

// completeInstallation initialises the database once every replica runs.
func (b *builder) completeInstallation() {
	why := ""
	if b.in.Profile.Hooks.Init != nil {
		why = "readiness needs the initialised database"
		b.initialise("initialise the database, once,", "no cluster has a record of a database, and every replica runs and is named")
	}
	b.link(Step{
		ID: "ready", Kind: KindWait, Summary: "wait until every replica is ready", Why: why,
		Payload: Payload{Condition: ConditionReady, Targets: b.allTargets()},
	})
	b.probe("")
	if b.in.Profile.Hooks.Init == nil && !b.clusterIDKnown() {
		b.recordID("no cluster has a record of a database, and it is healthy now")
	}
}

// regionOrder groups the sites by region, in rollout order.
func (b *builder) regionOrder() []region {
	var out []region
	for _, s := range b.sites {
		if n := len(out); n > 0 && out[n-1][0].region == s.region {
			out[n-1] = append(out[n-1], s)
			continue
		}
		out = append(out, region{s})
	}
	return out
}

// startRegion lets a region's clusters start together, after the region before
// them is running and named. What follows waits for all of them.
func (b *builder) startRegion(r region) {
	before := b.before()
	var named []string
	for _, s := range r {
		named = append(named, b.startCluster(s, before))
	}
	b.ends = named
}

// startCluster scales the cluster's pools to their full size, and ends when
// all replicas run and answer by name.
func (b *builder) startCluster(s site, before []string) string {
	for _, p := range s.pools {
		if p.want == 0 || p.live != nil && p.live.Replicas >= p.want {
			continue
		}
		before = []string{b.add(b.startStep(s, p), before...)}
	}
	targets := s.allTargets()
	running := b.add(Step{
		ID: s.cluster.Name + "/running", Kind: KindWait, Cluster: s.cluster.Name, Region: s.region,
		Summary: "wait until the replicas of " + s.cluster.Name + " run",
		Payload: Payload{Condition: ConditionRunning, Targets: targets},
	}, before...)
	return b.add(Step{
		ID: s.cluster.Name + "/names", Kind: KindVerifyDNS, Cluster: s.cluster.Name, Region: s.region,
		Summary: "the authority answers the names of " + s.cluster.Name,
		Why:     "peers find each other by name alone",
		Payload: Payload{Targets: targets},
	}, running)
}

func (b *builder) startStep(s site, p pool) Step {
	want := p.want
	payload := Payload{Pool: p.name, Replicas: &want, Condition: ConditionRunning}
	if p.live != nil {
		// A set that an earlier run made may have been released to follow a
		// corrected template: its new pods must not be born at the old one.
		payload.Partition = new(int)
		b.lowered[s.id(p, 0)] = true
	}
	return Step{
		ID: s.cluster.Name + "/scale/" + p.name, Kind: KindScale, Cluster: s.cluster.Name, Region: s.region,
		Summary: fmt.Sprintf("start %s in %s", s.countOf(p, want), s.cluster.Name), Why: "first installation",
		Payload: payload,
	}
}

// countOf is a number of the pool's replicas, with its name where the cluster has several.
func (s site) countOf(p pool, n int) string {
	if len(s.pools) == 1 {
		return replicaCount(n)
	}
	return replicaCount(n) + " of " + p.name
}

// initialise runs the profile's init hook in slot 0, the replica that never moves.
func (b *builder) initialise(what, why string) {
	slots := Slots(b.in)
	if len(slots) == 0 {
		return // no replica at all
	}
	b.link(Step{
		ID: "init", Kind: KindInit, Cluster: slots[0].Cluster, Region: b.in.Topology.RegionOf(slots[0].Cluster),
		Summary: what + " in " + slots[0].String(), Why: why,
		Payload: Payload{Targets: slots[:1]},
	})
}

// Slots are the replicas behind the seed names, recorded ones first kept. Where
// records differ (a crash while they were written), the longest counts, the first
// in rollout order among equals.
func Slots(in Input) []regions.ReplicaID {
	var recorded []regions.ReplicaID
	for _, s := range in.states() {
		if slots := s.Record.Database.Slots; len(slots) > len(recorded) {
			recorded = slots
		}
	}
	return regions.Slots(in.Topology, recorded)
}

// correctTemplate lets pods follow a corrected template before anything was
// initialised. Their controller waits for unready pods, and none can become
// ready yet, so the pods are deleted here.
func (b *builder) correctTemplate(s site) {
	if b.blind() {
		return
	}
	for _, p := range s.pools {
		outdated := slices.DeleteFunc(s.outdated(p), func(ordinal int) bool { return ordinal >= p.replicas() })
		if len(outdated) == 0 || b.refuseUnfinishedInit(s, p) {
			continue
		}
		b.lowered[s.id(p, 0)] = true
		b.release(Step{
			ID: s.cluster.Name + "/release/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
			Summary: "let " + s.cluster.Name + " follow the new template",
			Why:     "nothing was initialised, so nothing is promised", Disrupts: s.ready(p, outdated),
			Payload: Payload{Pool: p.name, Partition: new(int)},
		})
		var targets []regions.ReplicaID
		for _, ordinal := range outdated {
			targets = append(targets, s.id(p, ordinal))
		}
		b.disrupt(Step{
			ID: s.cluster.Name + "/replace/" + p.name, Kind: KindReplace, Cluster: s.cluster.Name, Region: s.region,
			Summary: fmt.Sprintf("replace %s of %s", replicaCount(len(targets)), s.cluster.Name),
			Why:     "they were made from an earlier template", Disrupts: targets,
			Payload: Payload{Pool: p.name, Targets: targets, Condition: ConditionRunning},
		})
	}
}

// release lets a controller go: it waits for pods that are not ready, and replaces
// those that are, which a member of a static cluster may be before there is a database.
func (b *builder) release(s Step) {
	if s.Disruptive() {
		b.disrupt(s)
		return
	}
	b.link(s)
}

// ready are those of a pool's replicas whose pods are ready.
func (s site) ready(p pool, ordinals []int) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, ordinal := range ordinals {
		if pod := FindPod(s.obs.State, s.id(p, ordinal)); pod != nil && pod.Up() {
			out = append(out, s.id(p, ordinal))
		}
	}
	return out
}

func (s site) allTargets() []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, p := range s.pools {
		out = append(out, s.replicas(p, p.want)...)
	}
	return out
}

func (b *builder) allTargets() []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, s := range b.sites {
		out = append(out, s.allTargets()...)
	}
	return out
}
