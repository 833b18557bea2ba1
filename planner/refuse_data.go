package planner

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// refuseScaleIn: replicas that are there, or whose volumes are, and that the
// topology has no more. A count made smaller by hand, or a deleted StatefulSet, does
// not take a replica's data away, so neither makes room for a smaller topology.
func (b *builder) refuseScaleIn(s site) {
	for _, p := range s.pools {
		switch {
		case p.want >= p.had:
		case p.replicas() == p.had && p.byHand() && (len(s.pools) == 1 || len(s.cluster.Pools) > 0):
			b.refuse(Refusal{
				Code: "scale-in", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: StatefulSet %s was given %d replicas by hand%s, and the topology says %d",
					s.cluster.Name, p.name, p.had, handText(*p.live), p.want),
				Hint: b.adoptionHint(s, p),
			})
		case p.replicas() == p.had:
			b.refuse(Refusal{
				Code: "scale-in", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: StatefulSet %s has %d replicas and the topology says %d%s",
					s.cluster.Name, p.name, p.had, p.want, ownersText(p.live.ReplicasManagers)),
				Hint: fmt.Sprintf("put %d back; replicas are taken away by an operation of its own that moves their data first", p.had),
			})
		default:
			b.refuse(Refusal{
				Code: "scale-in", Cluster: s.cluster.Name,
				Message: fmt.Sprintf("%s: volumes of %s of %s exist and the topology says %d", s.cluster.Name, replicaCount(p.had), p.name, p.want),
				Hint: fmt.Sprintf("put %d back, and the missing ones are brought back first; only where a replica's data was moved away for good, delete its volume claims: %s",
					p.had, strings.Join(s.claimsFrom(p, p.want), ", ")),
			})
		}
	}
}

// claimsFrom are the names of a pool's volume claims of the ordinals from first on.
func (s site) claimsFrom(p pool, first int) []string {
	var out []string
	for ordinal := first; ordinal < p.had; ordinal++ {
		for _, c := range s.obs.State.Claims {
			if regions.ClaimOf(s.obs.State, c, s.id(p, ordinal)) {
				out = append(out, c.Name)
			}
		}
	}
	return out
}

// noteHistory says what was taken away by hand, or lost: the plan brings it back.
func (b *builder) noteHistory(s site) {
	name := s.cluster.Name
	if s.emptied {
		b.note(name + " held replicas before and is empty now, as the other clusters' records tell: its replicas count as down and are brought back before anything else moves")
		return
	}
	for _, p := range s.pools {
		switch {
		case p.replicas() >= p.had, s.deleted(p):
		case p.made < p.had:
			b.note(fmt.Sprintf("%s: %s of %s never started, and the database counts on it: an installation that did not end; what is missing counts as down and is started first",
				name, replicaCount(p.had-p.made), p.name))
		case p.live == nil:
			b.note(fmt.Sprintf("%s: StatefulSet %s is gone, and volumes of %s exist: they count as down", name, p.name, replicaCount(p.had)))
		default:
			b.note(fmt.Sprintf("%s: StatefulSet %s has %s and volumes of %d exist: someone made it smaller%s, and the missing ones count as down",
				name, p.name, replicaCount(p.live.Replicas), p.had, handText(*p.live)))
		}
	}
}

// checkNotLooked: what nobody could look at is not known to be absent. A database may
// run in another namespace, which this one would be founded beside.
func (b *builder) checkNotLooked(s site) {
	state := s.obs.State
	for _, what := range state.NotLooked {
		b.note(fmt.Sprintf("%s: could not look at %s", s.cluster.Name, what))
	}
	if b.initialised || b.blind() || state.Record.Exists || !slices.Contains(state.NotLooked, regions.NotLookedElsewhere) {
		return
	}
	b.refuse(Refusal{
		Code: "cannot-look-elsewhere", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: namespace %s has no record of %s, and whether another namespace has one could not be found out; a second database would be founded beside it",
			s.cluster.Name, s.cluster.Namespace, b.plan.Deployment),
		Hint: "let the first installation be run by someone who may list ConfigMaps in all namespaces",
	})
}

// refuseUnfinishedInit: an earlier run began to initialise and did not get to
// record how that ended, so the volumes may hold a database. Pods made from an earlier
// template would be replaced all at once, which is for databases known to be empty.
func (b *builder) refuseUnfinishedInit(s site, p pool) bool {
	run, replica := b.in.initIntent()
	if run == "" && replica == "" {
		return false
	}
	b.refuse(Refusal{
		Code: "init-unfinished", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: the template of %s changes while it is not known how run %q ended, which began to initialise the database in %s: it may hold data",
			s.cluster.Name, p.name, run, replica),
		Hint: fmt.Sprintf("put the former template back and apply, so that the initialisation ends, then change it; only if the log of %s shows that nothing was initialised, remove intentRun and intentReplica from database.json of ConfigMap %s in every cluster",
			replica, regions.RecordName(b.plan.Deployment)),
	})
	return true
}
