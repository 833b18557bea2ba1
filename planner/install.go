package planner

import (
	"fmt"

	"quorate.dev/quorate/regions"
)

// planInstallation brings up a database that holds nothing yet: objects
// everywhere, then region by region all replicas running and named, then one
// initialisation, then ready. Before it nothing is promised, so replicas start
// together and a wrong template is replaced at once.
func (b *builder) planInstallation() {
	for _, s := range b.sites {
		b.applySite(s)
		b.correctTemplate(s)
	}
	for _, region := range b.regionOrder() {
		b.startRegion(region)
	}
	b.initialise()
	b.link(Step{
		ID: "ready", Kind: KindWait, Summary: "wait until every replica is ready",
		Why:     "readiness needs the initialised database",
		Payload: Payload{Condition: ConditionReady, Targets: b.allTargets()},
	})
	b.probe("")
	for _, s := range b.sites {
		for _, p := range s.pools {
			b.rest(s, p)
		}
	}
}

// regionOrder groups the sites by region, in rollout order.
func (b *builder) regionOrder() [][]site {
	var out [][]site
	for _, s := range b.sites {
		if n := len(out); n > 0 && out[n-1][0].region == s.region {
			out[n-1] = append(out[n-1], s)
			continue
		}
		out = append(out, []site{s})
	}
	return out
}

// startRegion lets a region's clusters start together, after the region before
// them is running and named.
func (b *builder) startRegion(region []site) {
	before := b.chain
	var named []string
	for _, s := range region {
		ready := b.startCluster(s, before)
		named = append(named, ready)
	}
	// The next region waits for all of this one: join the ends in one need list.
	b.chain = b.join(named)
}

// join makes the chain continue after several steps at once.
func (b *builder) join(ends []string) string {
	if len(ends) == 1 {
		return ends[0]
	}
	region := b.stepByID(ends[0]).Region
	return b.add(Step{
		ID: region + "/named", Kind: KindWait, Region: region, Summary: "all clusters of " + region + " are running and named",
		Payload: Payload{Condition: ConditionRunning, Targets: b.regionTargets(region)},
	}, ends...)
}

func (b *builder) stepByID(id string) Step {
	for _, s := range b.plan.Steps {
		if s.ID == id {
			return s
		}
	}
	return Step{}
}

// startCluster scales the cluster's pools to their full size, and ends when
// all replicas run and answer by name.
func (b *builder) startCluster(s site, before string) string {
	last := before
	for _, p := range s.pools {
		if p.live != nil && p.live.Replicas >= p.want {
			continue
		}
		want := p.want
		payload := Payload{Pool: p.name, Replicas: &want, Condition: ConditionRunning}
		if p.live != nil {
			// A set that an earlier run made may have been released to follow a
			// corrected template: its new pods must not be born at the old one.
			payload.Partition = new(int)
			b.lowered[s.id(p, 0)] = true
		}
		last = b.add(Step{
			ID: s.cluster.Name + "/scale/" + p.name, Kind: KindScale, Cluster: s.cluster.Name, Region: s.region,
			Summary: fmt.Sprintf("start %s in %s", replicaCount(want), s.cluster.Name), Why: "first installation",
			Payload: payload,
		}, last, b.applied[s.cluster.Name])
	}
	targets := s.allTargets()
	last = b.add(Step{
		ID: s.cluster.Name + "/running", Kind: KindWait, Cluster: s.cluster.Name, Region: s.region,
		Summary: "wait until the replicas of " + s.cluster.Name + " run",
		Payload: Payload{Condition: ConditionRunning, Targets: targets},
	}, last, b.applied[s.cluster.Name])
	return b.add(Step{
		ID: s.cluster.Name + "/names", Kind: KindVerifyDNS, Cluster: s.cluster.Name, Region: s.region,
		Summary: "the authority answers the names of " + s.cluster.Name,
		Why:     "peers find each other by name alone",
		Payload: Payload{Targets: targets},
	}, last)
}

func replicaCount(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}

// initialise runs the profile's init hook once; databases without one are
// installed when they are ready.
func (b *builder) initialise() {
	if b.in.Profile.Hooks.Init == nil {
		return
	}
	slot := b.slotZero()
	b.link(Step{
		ID: "init", Kind: KindInit, Cluster: slot.Cluster, Region: b.in.Topology.RegionOf(slot.Cluster),
		Summary: "initialise the database, once, in " + slot.String(),
		Why:     "no cluster has a record of a database, and every replica runs and is named",
		Payload: Payload{Targets: []regions.ReplicaID{slot}},
	})
}

// slotZero is the replica that is initialised: the recorded one, which never moves.
func (b *builder) slotZero() regions.ReplicaID {
	return Slots(b.in)[0]
}

// Slots are the replicas behind the seed names, recorded ones first kept.
func Slots(in Input) []regions.ReplicaID {
	var recorded []regions.ReplicaID
	for _, o := range in.Observed {
		if slots := o.State.Record.Database.Slots; len(slots) > len(recorded) {
			recorded = slots
		}
	}
	return regions.Slots(in.Topology, recorded)
}

// correctTemplate lets pods follow a corrected template before anything was
// initialised. Their controller waits for unready pods, and none can become
// ready yet, so the pods are deleted here.
func (b *builder) correctTemplate(s site) {
	for _, p := range s.pools {
		outdated := s.outdated(p)
		if p.live == nil || len(outdated) == 0 {
			continue
		}
		b.lowered[s.id(p, 0)] = true
		b.link(Step{
			ID: s.cluster.Name + "/release/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
			Summary: "let " + s.cluster.Name + " follow the new template",
			Why:     "nothing was initialised, so nothing is promised",
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

func (b *builder) regionTargets(region string) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, s := range b.sites {
		if s.region == region {
			out = append(out, s.allTargets()...)
		}
	}
	return out
}
