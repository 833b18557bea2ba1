package regions

// Voters per range that CockroachDB keeps by its survival goals
// (pkg/sql/region_util.go: numVotersForZoneSurvival, numVotersForRegionSurvival).
const (
	zoneVoters   = 3
	regionVoters = 5
)

// votersFor is the number of voters that a promise needs by default.
func votersFor(model Model, promise Failure, total int) int {
	switch {
	case model == ModelQuorumGroup:
		return total
	case promise == FailureRegion:
		return regionVoters
	case promise == FailureNone && total < zoneVoters:
		return 1
	}
	return zoneVoters
}

// computePromise fills in survive.failure, where it is not written, with the strongest failure
// that the declared layout survives, and survive.voters to go with it.
func (c *checker) computePromise(total int) {
	s := &c.t.Spec.Survive
	voters := func(f Failure) int {
		if c.written("spec.survive.voters") {
			return s.Voters
		}
		return votersFor(s.Model, f, total)
	}
	if s.Failure != "" {
		s.Voters = voters(s.Failure)
		return
	}
	s.Failure = FailureNone
	for _, f := range []Failure{FailureRegion, FailureZone, FailureNode} {
		layout := DeclaredLayout(c.t)
		layout.Promise, layout.Voters = f, voters(f)
		if total >= layout.Voters && layout.Exposure(nil).Survives[f] {
			s.Failure = f
			break
		}
	}
	s.Voters = voters(s.Failure)
	c.notef("spec.survive.failure", codePromiseComputed, "write it, so that an edit of the layout cannot lower it",
		"survive.failure is not written; computed: %s, with %d voters", s.Failure, s.Voters)
}
