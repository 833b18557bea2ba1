package planner

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/regions"
)

// planUpdate brings a database that holds data to the desired templates and
// sizes. Objects come first, with every partition held. Then what is down is mended,
// since nothing healthy may be taken down beside it; then one replica at a time over
// all clusters is updated, the canary first, the database's own health and a soak
// between; then partitions rest, and replicas are added.
func (b *builder) planUpdate() {
	for _, s := range b.sites {
		b.applySite(s)
		b.noteUnfinished(s)
		b.noteReleased(s)
	}
	b.standAuthority()
	b.noteUpgrade()
	recorded := b.recordDatabase(b.serves)
	work := b.work()
	b.mend(work)
	for i, m := range work.rolling {
		b.update(m, work.updatedByRepair()+i)
		if !slices.ContainsFunc(work.rolling[i+1:], m.samePool) {
			b.rest(m.site, m.pool) // at once: the other clusters may take hours
		}
	}
	b.restAll()
	b.planScaleOut()
	if !recorded {
		b.recordDatabase(func(regions.ReplicaID) bool { return true })
	}
}

// noteUnfinished tells of a template that is in the cluster already and not in
// every replica: the plan rolls it out without an object changing, so a reader
// would not see where it comes from.
func (b *builder) noteUnfinished(s site) {
	for _, p := range s.pools {
		if p.live == nil || p.templateChanged || len(s.outdated(p)) == 0 {
			continue
		}
		b.note(fmt.Sprintf("%s: StatefulSet %s already has a template that %s not run: an update that was not finished, or an edit by somebody else; its steps say what changes",
			s.cluster.Name, p.name, doNot(len(s.outdated(p)))))
	}
}

func doNot(n int) string {
	if n == 1 {
		return "1 replica does"
	}
	return fmt.Sprintf("%d replicas do", n)
}

// mend repairs, waits for and brings back whatever is down, and makes sure of the
// database's health once all of it is up: its gate cannot open before.
func (b *builder) mend(w work) {
	unverified := b.unverified()
	if !b.changesReplicas() && unverified == "" {
		return
	}
	for _, m := range w.repairs {
		b.repair(m)
	}
	mended := len(w.repairs) + b.restoreAll()
	b.probe("before")
	if unverified != "" && (mended > 0 || b.canLook()) {
		b.note("run " + unverified + " ended before it had made sure of the database after what it did: that is made up for, before anything healthy is taken down")
	}
	if mended > 0 || unverified != "" {
		b.soak("before", b.soakTime(w.updatedByRepair()-1))
	}
}

// unverified is the run that ended between a change of replicas and the look at the database
// after it; empty where none did.
func (b *builder) unverified() string {
	if b.blind() {
		return ""
	}
	for _, s := range b.in.states() {
		if run := s.Record.Database.Unverified; run != "" {
			return run
		}
	}
	return ""
}

// canLook: there is something to make sure of the database with, beside its replicas being ready.
func (b *builder) canLook() bool {
	return b.in.Profile.Hooks.Gate != nil || b.in.Topology.Spec.Rollout.SoakDuration() > 0
}

// inFlight: an earlier update reached every replica, and its end was not seen.
func (b *builder) inFlight() bool {
	for _, s := range b.sites {
		for _, p := range s.pools {
			if p.live != nil && !p.leftAlone && p.live.Replicas > 0 && p.live.CurrentRevision != p.target {
				return true
			}
		}
	}
	return false
}

// update moves one healthy replica to the desired template and makes sure of it.
func (b *builder) update(m move, position int) {
	step := b.partitionStep(m, moveReason(m))
	if b.in.Profile.Hooks.Handover != nil {
		step.Why += "; moves leadership away first, if it leads"
	}
	b.disrupt(step)
	b.probe(step.ID)
	b.soak(step.ID, b.soakTime(position))
}

// partitionStep lets exactly one replica follow the desired template: all of its
// pool with a higher ordinal do already.
func (b *builder) partitionStep(m move, why string) Step {
	id, ordinal, partition := m.id(), m.ordinal, m.ordinal
	b.lowered[m.site.id(m.pool, 0)] = true
	return Step{
		ID: id.Cluster + "/partition/" + id.Pod(), Kind: KindPartition, Cluster: id.Cluster, Region: m.site.region,
		Summary: "update " + id.String(), Why: why, Disrupts: []regions.ReplicaID{id},
		Payload: Payload{
			Pool: id.Pool, Ordinal: &ordinal, Partition: &partition,
			Targets: []regions.ReplicaID{id}, Condition: ConditionReady,
		},
	}
}

// moveReason says how the replica's own template differs from the desired one.
func moveReason(m move) string {
	pod := FindPod(m.site.obs.State, m.id())
	for _, r := range m.pool.live.Revisions {
		if pod == nil || pod.Revision != r.Name {
			continue
		}
		wanted := plainTemplate(m.pool.template)
		own, _ := within(plainTemplate(r.Template), wanted).(map[string]any)
		if reason := templateReason(diffObjects(own, wanted)); reason != "" {
			return reason
		}
	}
	return "it does not run the newest template"
}

// recordDatabase puts the database's cluster ID on record where a crash, or an
// installation by other hands, left it unrecorded: init against a replica that
// serves answers that it was done already. Against one that does not, it could
// found a second database, so slot 0 is waited for before. Where there is no such command
// any replica that serves tells. Where now holds for none of them, this is left for later. It tells whether nothing is left to do.
func (b *builder) recordDatabase(now func(regions.ReplicaID) bool) bool {
	slots := Slots(b.in)
	if len(slots) == 0 || b.blind() || b.clusterIDKnown() {
		return true
	}
	if b.in.Profile.Hooks.Init == nil {
		if !slices.ContainsFunc(b.allTargets(), now) {
			return false // nobody serves, so that nobody could tell
		}
		b.recordID("a database serves and no cluster has its ID on record")
		return true
	}
	if !now(slots[0]) {
		return false
	}
	b.link(Step{
		ID: "init/ready", Kind: KindWait, Cluster: slots[0].Cluster, Region: b.in.Topology.RegionOf(slots[0].Cluster),
		Summary: "wait until " + slots[0].String() + " serves", Why: "only a replica that serves is known to be of this database",
		Payload: Payload{Condition: ConditionReady, Targets: slots[:1]},
	})
	b.initialise("record the database's own ID", "a database serves and no cluster has its ID on record")
	return true
}

// recordID puts on record which database it is, where no command initialised it: its
// replicas tell, and must all tell the same.
func (b *builder) recordID(why string) {
	if b.in.Profile.Hooks.ClusterID == nil {
		return
	}
	b.link(Step{
		ID: "record", Kind: KindHook, Summary: "record the database's own ID", Why: why,
		Payload: Payload{Hook: HookClusterID},
	})
}

func (b *builder) clusterIDKnown() bool {
	return slices.ContainsFunc(b.in.states(), func(s regions.ClusterState) bool { return s.Record.Database.ClusterID != "" })
}

// serves tells whether a replica was seen to serve.
func (b *builder) serves(id regions.ReplicaID) bool {
	return slices.ContainsFunc(b.in.states(), func(s regions.ClusterState) bool {
		pod := FindPod(s, id)
		return pod != nil && pod.Up()
	})
}

func replicaCount(n int) string { return count(n, "replica") }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
