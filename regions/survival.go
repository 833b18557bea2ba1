package regions

import (
	"fmt"
	"slices"
)

// Member is one voting replica and where it is.
type Member struct {
	ID     ReplicaID
	Region string
	Zone   string // empty: not known
	Node   string // the Kubernetes node, unique within its cluster; empty: a node of its own
}

// Layout is what survival is computed over: the members of a deployment, where
// they are, and how the database places its voters on them.
//
// A group of N voters needs Q = ⌊N/2⌋+1 of them. With the domains F lost and
// the replicas D down already, its slack is N − v(F∪D) − Q, where v counts its
// voters in a set of members; it is available while the slack is not negative
// (the majority rule of Raft, Ongaro and Ousterhout 2014, §5).
//
// Model quorum-group (etcd, ZooKeeper) has one group in which every member
// votes: N is the number of members and v(S) = |S|.
//
// Model ranges (CockroachDB) has many groups of N = Voters members, and v(S) is
// the largest number of voters that any group may have in S under the
// database's own placement rules, since with enough ranges some range is placed so:
//
//   - A node holds at most one voter of a range.
//   - A region holds at most c_r voters. Under the promise region that is
//     f = ⌊(N−1)/2⌋: ALTER DATABASE … SURVIVE REGION FAILURE keeps five voters and puts
//     maxFailuresBeforeUnavailability(5) = 2 of them in the home region
//     (cockroach, pkg/sql/region_util.go; "Multi-Region Survival Goals" in the manual).
//     Under any weaker promise it is N: SURVIVE ZONE FAILURE keeps
//     all voters at home, so the loss of the home region is an outage.
//   - Within a region the allocator spreads voters over the zones, so a zone
//     holds at most c_z = ⌈c_r / zones of the region⌉.
//   - Diversity is a preference, not a rule: where these bounds leave no room for N
//     voters, c_r is raised by one until they fit.
//
// These bounds are nested (node in zone in region), so the sets of
// members that one range may use are the independent sets of a laminar matroid, and
// v is its rank: v(S) = min(N, Σ_r min(c_r, Σ_z min(c_z, |S∩z|))). That makes
// the worst case over every choice of m further members exact and cheap: it
// is min(v(all), v(S)+m), because a set of that rank can always be extended by one voter.
//
// Model none promises nothing: no failure counts as survived and the slack is 0.
type Layout struct {
	Model  Model
	Voters int // N of model ranges; model quorum-group counts the members instead
	// Promise is survive.failure. It decides how model ranges places voters.
	Promise Failure
	Members []Member
}

// Exposure tells what could still fail while the replicas in down are down.
// Slack is with nothing further lost. IDs that are no members are ignored.
func (l Layout) Exposure(down map[ReplicaID]bool) Exposure {
	return l.exposure(down, 0)
}

// WorstExposure is the exposure with any n replicas down, whichever hurt most.
func (l Layout) WorstExposure(n int) Exposure { return l.exposure(nil, n) }

// Strongest is the strongest failure that is survived with any maxDown replicas
// down elsewhere: FailureNone where there is none, or where their loss alone costs the quorum.
func (l Layout) Strongest(maxDown int) Failure { return l.WorstExposure(maxDown).Strongest() }

func (l Layout) exposure(down map[ReplicaID]bool, anyDown int) Exposure {
	e := Exposure{Survives: map[Failure]bool{}}
	for _, f := range Failures() {
		e.Survives[f] = false
	}
	if l.Model != ModelRanges && l.Model != ModelQuorumGroup {
		return e
	}
	p := newPlacement(l)
	lost := make([]bool, len(l.Members))
	for i, m := range l.Members {
		lost[i] = down[m.ID]
	}
	gone := p.tally(p.count(func(i int) bool { return lost[i] }))
	e.Slack = p.slack(lost, gone, nil, anyDown)
	for _, f := range Failures() {
		e.Survives[f] = len(l.Members) > 0 && !slices.ContainsFunc(p.domains(f), func(domain []int) bool {
			return p.slack(lost, gone, domain, anyDown) < 0
		})
	}
	return e
}

// String says in a sentence what may be lost, such as "a zone may be lost, not a region (slack 1)".
func (e Exposure) String() string {
	strongest := e.Strongest()
	var what string
	switch {
	case !e.Available():
		what = "there is no quorum"
	case strongest == FailureNone:
		what = "not even a node may be lost"
	case strongest == FailureRegion:
		what = "a region may be lost"
	default:
		next := Failures()[slices.Index(Failures(), strongest)+1]
		what = fmt.Sprintf("a %s may be lost, not a %s", strongest, next)
	}
	return fmt.Sprintf("%s (slack %d)", what, e.Slack)
}
