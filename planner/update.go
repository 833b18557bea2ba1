package planner

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// planUpdate brings a database that holds data to the desired templates: one
// replica at a time over all clusters, the canary first, the database's own health
// and a soak between. Replicas that are down are mended before a healthy one moves.
func (b *builder) planUpdate() {
	for _, s := range b.sites {
		b.applySite(s)
	}
	b.finishInitialisation()
	moves := b.moves()
	if len(moves) > 0 {
		b.waitForOthers(moves)
		b.probe("before")
	}
	for i, m := range moves {
		b.move(m, i)
	}
	for _, s := range b.sites {
		for _, p := range s.pools {
			b.rest(s, p)
		}
	}
}

// finishInitialisation records the database's cluster ID where a crash, or an
// installation by other hands, left it unrecorded.
func (b *builder) finishInitialisation() {
	if b.in.Profile.Hooks.Init == nil {
		return
	}
	for _, o := range b.in.Observed {
		if o.State.Record.Database.ClusterID != "" {
			return
		}
	}
	b.initialise()
}

// move is one replica to bring to its desired template.
type move struct {
	site    site
	pool    pool
	ordinal int
	replace bool // delete the pod first: its controller would take another one
	repair  bool // the replica is down, so moving it costs nothing
}

func (m move) id() regions.ReplicaID { return m.site.id(m.pool, m.ordinal) }

// moves lists the replicas to update in order: those that are down first, then
// clusters in rollout order, highest ordinal first.
func (b *builder) moves() []move {
	var repairs, rolling []move
	for _, s := range b.sites {
		for _, p := range s.pools {
			outdated := s.outdated(p)
			first := true
			for _, ordinal := range outdated {
				m := move{site: s, pool: p, ordinal: ordinal}
				switch {
				case !b.stuck(m):
					rolling = append(rolling, m)
				case first:
					// The controller takes the highest outdated ordinal: this one.
					m.repair = true
					repairs = append(repairs, m)
				default:
					// A lower partition would take a healthy pod first, so this one is
					// replaced where it is, and updated in its turn.
					repairs = append(repairs, move{site: s, pool: p, ordinal: ordinal, replace: true, repair: true})
					rolling = append(rolling, m)
				}
				first = false
			}
		}
	}
	return slices.Concat(repairs, rolling)
}

// stuck: the replica's pod exists and does not serve, and making it anew from
// another revision may mend that.
func (b *builder) stuck(m move) bool {
	pod := FindPod(m.site.obs.State, m.id())
	if pod == nil || pod.Up() || pod.Terminating {
		return false
	}
	return pod.Waiting != "" || pod.Revision != m.pool.live.CurrentRevision
}

// waitForOthers waits for replicas that are down and that no move mends: while
// one is down nothing else may be taken down.
func (b *builder) waitForOthers(moves []move) {
	var others []regions.ReplicaID
	for _, s := range b.sites {
		for _, p := range s.pools {
			if p.live == nil {
				continue
			}
			for _, id := range s.replicas(p, p.live.Replicas) {
				mended := slices.ContainsFunc(moves, func(m move) bool { return m.repair && m.id() == id })
				if b.ledger.down[id] && !mended {
					others = append(others, id)
				}
			}
		}
	}
	if len(others) == 0 || len(b.plan.Unreachable()) > 0 {
		return
	}
	b.link(Step{
		ID: "recovered", Kind: KindWait, Summary: "wait until " + joinIDs(others) + " is back",
		Why:     "nothing is taken down while another replica is down",
		Payload: Payload{Condition: ConditionReady, Targets: others},
	})
	for _, id := range others {
		delete(b.ledger.down, id)
	}
}

func joinIDs(ids []regions.ReplicaID) string {
	text := ""
	for i, id := range ids {
		if i > 0 {
			text += ", "
		}
		text += id.String()
	}
	return text
}

// move updates one replica and makes sure of it.
func (b *builder) move(m move, position int) {
	id, payload := m.id(), Payload{Pool: m.pool.name, Condition: ConditionReady, Targets: []regions.ReplicaID{m.id()}}
	step := Step{
		Cluster: m.site.cluster.Name, Region: m.site.region, Disrupts: payload.Targets,
	}
	if m.replace {
		step.ID, step.Kind = id.Cluster+"/replace/"+id.Pod(), KindReplace
		step.Summary, step.Why = "replace "+id.String(), "it is down and comes back at its former revision"
	} else {
		ordinal, partition := m.ordinal, m.ordinal
		payload.Ordinal, payload.Partition = &ordinal, &partition
		step.ID, step.Kind = id.Cluster+"/partition/"+id.Pod(), KindPartition
		step.Summary, step.Why = "update "+id.String(), b.moveReason(m)
		b.lowered[m.site.id(m.pool, 0)] = true
	}
	step.Payload = payload
	b.disrupt(step)
	b.probe(step.ID)
	b.soak(step.ID, b.soakTime(position))
}

// soakTime is longer for the canary.
func (b *builder) soakTime(position int) string {
	rollout := b.in.Topology.Spec.Rollout
	if position < rollout.Canary.Replicas {
		return rollout.Canary.Soak
	}
	return rollout.Soak
}

// moveReason names the image change where there is one, since that is what most
// updates are.
func (b *builder) moveReason(m move) string {
	if m.repair {
		return "it is down: mending it costs nothing"
	}
	for _, c := range b.plan.Objects {
		if c.Cluster != m.site.cluster.Name || c.Object.Kind != "StatefulSet" || c.Object.Name != m.pool.name {
			continue
		}
		if reason := templateReason(c.Fields); reason != "" {
			return reason
		}
	}
	return "an earlier update did not reach it"
}

// probe asks for the database's own health, where the profile knows how.
func (b *builder) probe(after string) {
	if b.in.Profile.Hooks.Gate == nil {
		return
	}
	id := "gate"
	if after != "" {
		id = after + "/gate"
	}
	b.link(Step{
		ID: id, Kind: KindProbe, Summary: "the database is healthy in all clusters",
		Why:     "every expected member live, nothing under-replicated or unavailable, twice",
		Payload: Payload{Duration: b.gateInterval()},
	})
}

func (b *builder) gateInterval() string {
	if own := b.in.Topology.Spec.Rollout.GateInterval; own != "" {
		return own
	}
	return b.in.Profile.Hooks.Gate.Interval
}

func (b *builder) soak(after, duration string) {
	if duration == "" || duration == "0s" {
		return
	}
	b.link(Step{
		ID: after + "/soak", Kind: KindSoak, Summary: "all replicas stay ready for " + duration,
		Payload: Payload{Duration: duration},
	})
}

// rest raises a partition to the replica count once every replica is updated, so
// that nobody's template change moves pods unasked.
func (b *builder) rest(s site, p pool) {
	if p.live == nil {
		return
	}
	replicas := max(p.live.Replicas, p.want)
	if b.initialised {
		replicas = p.live.Replicas
	}
	owned := slices.Contains(p.live.PartitionManagers, RolloutManager) && slices.Contains(p.live.ReplicasManagers, RolloutManager)
	if !b.lowered[s.id(p, 0)] && owned && p.live.Partition >= replicas {
		return
	}
	b.link(Step{
		ID: s.cluster.Name + "/rest/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
		Summary: fmt.Sprintf("hold %s/%s at partition %d", s.cluster.Name, p.name, replicas),
		Why:     restReason(p, owned),
		Payload: Payload{Pool: p.name, Partition: &replicas, Condition: ConditionSettled},
	})
}

func restReason(p pool, owned bool) string {
	if !owned {
		return "quorate takes over replicas and partition" + ownersText(p.live.ReplicasManagers)
	}
	return "at rest nobody's template change moves pods"
}

// RolloutManager is the field manager that alone owns replicas and partition.
const RolloutManager = "quorate-rollout"

func ownersText(managers []string) string {
	others := slices.DeleteFunc(slices.Clone(managers), func(m string) bool { return m == RolloutManager })
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf(" (replicas is owned by %s)", strings.Join(others, ", "))
}
