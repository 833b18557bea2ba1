package planner

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/regions"
)

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
		Why: "asked twice, " + b.gateInterval() + " apart", Exposure: b.between(),
		Payload: Payload{Duration: b.gateInterval()},
	})
}

func (b *builder) gateInterval() string {
	if own := b.in.Topology.Spec.Rollout.GateInterval; own != "" {
		return own
	}
	return b.in.Profile.Hooks.Gate.Interval
}

// soakTime is longer for the canary: the first replicas, by position from 0,
// that come to run the new template.
func (b *builder) soakTime(position int) time.Duration {
	rollout := b.in.Topology.Spec.Rollout
	if position >= 0 && position < rollout.Canary.Replicas {
		return rollout.Canary.SoakDuration()
	}
	return rollout.SoakDuration()
}

func (b *builder) soak(after string, duration time.Duration) {
	if duration <= 0 {
		return
	}
	b.link(Step{
		ID: after + "/soak", Kind: KindSoak, Summary: "all replicas stay ready for " + duration.String(), Exposure: b.between(),
		Payload: Payload{Duration: duration.String()},
	})
}

// between is what may fail while no step takes a replica down; nil while nothing is
// promised yet, or nothing is known of how the database survives.
func (b *builder) between() *regions.Exposure {
	if !b.ledger.inForce || b.ledger.layout.Model == regions.ModelNone {
		return nil
	}
	exposure := b.ledger.exposure(nil)
	return &exposure
}

func (b *builder) restAll() {
	for _, s := range b.sites {
		for _, p := range s.pools {
			b.rest(s, p)
		}
	}
}

// rest raises a partition to the replica count once every replica is updated, so
// that nobody's template change moves pods unasked.
func (b *builder) rest(s site, p pool) {
	first := s.id(p, 0)
	if p.live == nil || p.leftAlone || b.rested[first] {
		return
	}
	replicas := p.had
	if !b.initialised {
		replicas = max(p.live.Replicas, p.want)
	}
	owned := slices.Contains(p.live.PartitionManagers, RolloutManager) && slices.Contains(p.live.ReplicasManagers, RolloutManager)
	if !b.lowered[first] && owned && p.live.Partition >= replicas {
		return
	}
	b.rested[first] = true
	b.link(Step{
		ID: s.cluster.Name + "/rest/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
		Summary: fmt.Sprintf("hold %s/%s at partition %d", s.cluster.Name, p.name, replicas),
		Why:     restReason(p, owned),
		Payload: Payload{Pool: p.name, Partition: &replicas, Condition: ConditionSettled, TakeBack: s.released(p)},
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

// handText is who set the number of replicas, and when, where that was no run.
func handText(set regions.StatefulSetState) string {
	text := ownersText(set.ReplicasManagers)
	if text == "" || set.ReplicasTime.IsZero() {
		return text
	}
	return strings.TrimSuffix(text, ")") + ", since " + instant(set.ReplicasTime) + ")"
}

func ownersText(managers []string) string {
	others := slices.DeleteFunc(slices.Clone(managers), func(m string) bool { return m == RolloutManager })
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf(" (replicas is owned by %s)", strings.Join(others, ", "))
}
