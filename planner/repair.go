package planner

import (
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// move is one replica to bring to its desired template.
type move struct {
	site    site
	pool    pool
	ordinal int
	// inPlace: the replica is mended at its former revision, since its controller
	// would take a healthy one of a higher ordinal first; it is updated in its turn.
	inPlace bool
}

func (m move) id() regions.ReplicaID { return m.site.id(m.pool, m.ordinal) }

func (m move) samePool(other move) bool {
	a, b := m.id(), other.id()
	return a.Cluster == b.Cluster && a.Pool == b.Pool
}

// work is the replicas to move: those that are down first, then the healthy ones,
// clusters in rollout order and highest ordinal first.
type work struct{ repairs, rolling []move }

// updatedByRepair counts the repairs that bring a replica to its desired template:
// the first of them is as much a canary as a healthy one would be.
func (w work) updatedByRepair() int {
	n := 0
	for _, m := range w.repairs {
		if !m.inPlace {
			n++
		}
	}
	return n
}

func (b *builder) work() work {
	var all work
	for _, s := range b.sites {
		var here work
		for _, p := range s.pools {
			w := poolWork(s, p)
			here.repairs = append(here.repairs, w.repairs...)
			here.rolling = append(here.rolling, w.rolling...)
		}
		b.roundTheZones(s, here)
		all.repairs = append(all.repairs, here.repairs...)
		all.rolling = append(all.rolling, here.rolling...)
	}
	return all
}

// roundTheZones takes the replicas of sets of one zone each in the order that one set over all of the
// cluster's zones would have.
func (b *builder) roundTheZones(s site, w work) {
	if !b.in.Topology.SetPerZone() {
		return // pool by pool
	}
	for _, moves := range [][]move{w.repairs, w.rolling} {
		slices.SortStableFunc(moves, func(a, o move) int { return b.in.Topology.CompareUpdates(s.cluster, a.id(), o.id()) })
	}
}

// poolWork sorts a pool's outdated replicas. A stuck one that is the highest
// outdated ordinal, or has only repaired ones above it, is updated by the repair.
// OrderedReady makes a pod only when all of lower ordinal are ready, so there the
// lowest is mended first, and all but the highest in place.
func poolWork(s site, p pool) work {
	var w work
	for i, ordinal := range s.outdated(p) {
		m := move{site: s, pool: p, ordinal: ordinal}
		switch {
		case !stuck(m):
			w.rolling = append(w.rolling, m)
		case len(w.rolling) == 0 && (i == 0 || p.live.Parallel):
			w.repairs = append(w.repairs, m)
		default:
			w.rolling = append(w.rolling, m)
			m.inPlace = true
			w.repairs = append(w.repairs, m)
		}
	}
	if p.live != nil && !p.live.Parallel {
		slices.Reverse(w.repairs)
	}
	return w
}

// stuck: the replica's pod exists and does not serve, and making it anew from
// another revision may mend that.
func stuck(m move) bool {
	pod := FindPod(m.site.obs.State, m.id())
	if pod == nil || pod.Up() || pod.Terminating {
		return false
	}
	return pod.Waiting != "" || pod.Revision != m.pool.live.CurrentRevision
}

// repair mends one replica that is down. Nothing healthy moves by it, so it
// waits for no gate, which could not open anyway while another one is down.
func (b *builder) repair(m move) {
	const free = "it is down: mending it costs nothing"
	switch {
	case m.inPlace:
		b.replace(m, "it is down and comes back at its former revision")
	case m.pool.live.Parallel:
		b.disrupt(b.partitionStep(m, free))
	default:
		// OrderedReady never replaces a pod that is not ready: its controller is let
		// go on with this ordinal, and the pod is deleted here (kubernetes/kubernetes#67250).
		partition := m.ordinal
		b.lowered[m.site.id(m.pool, 0)] = true
		b.link(Step{
			ID: m.id().Cluster + "/lower/" + m.id().Pod(), Kind: KindPartition, Cluster: m.id().Cluster, Region: m.site.region,
			Summary: "let " + m.id().String() + " follow the new template", Why: "it is down, and all of higher ordinal follow it already",
			Payload: Payload{Pool: m.pool.name, Partition: &partition},
		})
		b.replace(m, free)
	}
}

func (b *builder) replace(m move, why string) {
	targets := []regions.ReplicaID{m.id()}
	b.disrupt(Step{
		ID: m.id().Cluster + "/replace/" + m.id().Pod(), Kind: KindReplace, Cluster: m.id().Cluster, Region: m.site.region,
		Summary: "replace " + m.id().String(), Why: why, Disrupts: targets,
		Payload: Payload{Pool: m.pool.name, Targets: targets, Condition: ConditionReady},
	})
}

// restoreAll waits for replicas that are down and come back by themselves, then
// makes those anew whose set was deleted or made smaller by hand, or whose cluster
// was emptied: the database counts on them, and while one is missing nothing else may be
// taken down. It counts them all.
func (b *builder) restoreAll() int {
	n := b.waitForOthers()
	for _, s := range b.sites {
		for _, m := range b.missing(s, pool.replicas, func(p pool) int { return p.had }) {
			what, why := restoreReason(s, m.pool, m.ordinal)
			b.grow(s, m.pool, m.ordinal, what, why)
			delete(b.ledger.down, m.id())
			n++
		}
	}
	return n
}

// restoreReason says what brings a replica to the plan that the database counts on.
func restoreReason(s site, p pool, ordinal int) (what, why string) {
	switch {
	case s.emptied:
		return "bring back", "the other clusters' records say that " + s.cluster.Name + " was there before"
	case ordinal >= p.made:
		return "start", "the database has counted it as a member since its first start"
	}
	return "bring back", "its volume says that it was there before"
}

// changesReplicas: something of this plan takes a replica down, makes one, or
// ends an update.
func (b *builder) changesReplicas() bool {
	if b.inFlight() {
		return true
	}
	for _, s := range b.sites {
		for _, p := range s.pools {
			if !s.silent() && (len(s.outdated(p)) > 0 || p.want > p.replicas()) {
				return true
			}
		}
	}
	return false
}

// waitForOthers waits for replicas that are down and that no step mended: while
// one is down nothing else may be taken down.
func (b *builder) waitForOthers() int {
	var others []regions.ReplicaID
	for _, s := range b.sites {
		for _, p := range s.pools {
			for _, id := range s.replicas(p, p.replicas()) {
				if b.ledger.down[id] {
					others = append(others, id)
				}
			}
		}
	}
	if len(others) == 0 {
		return 0
	}
	b.link(Step{
		ID: "recovered", Kind: KindWait, Summary: "wait until " + joinIDs(others) + areBack(others),
		Why:     "nothing is taken down while another replica is down",
		Payload: Payload{Condition: ConditionReady, Targets: others},
	})
	for _, id := range others {
		delete(b.ledger.down, id)
	}
	return len(others)
}

func areBack(ids []regions.ReplicaID) string {
	if len(ids) == 1 {
		return " is back"
	}
	return " are back"
}

func joinIDs(ids []regions.ReplicaID) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	return strings.Join(texts, ", ")
}
