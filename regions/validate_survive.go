package regions

import (
	"fmt"
	"slices"
)

// survive checks the promises against the declared layout, and computes those
// that are not written.
func (c *checker) survive() {
	s := &c.t.Spec.Survive
	c.word("spec.survive.failure", string(s.Failure), failureWords())
	c.word("spec.survive.whileUpdating", string(s.WhileUpdating), failureWords())
	c.word("spec.survive.model", string(s.Model), modelWords())
	c.model()
	if c.written("spec.survive.voters") && s.Voters < 1 {
		c.errorf("spec.survive.voters", codeInvalidVoters, "write the number of members of a quorum, such as 3 or 5", "%d voters are no group", s.Voters)
	}
	if s.Model == ModelNone {
		c.promiseNothing()
		return
	}
	if !c.countable() {
		return
	}
	total := len(c.t.Replicas())
	c.computePromise(total)
	if c.voters(total) {
		c.atRest()
		c.whileUpdating()
	}
}

func (c *checker) word(path, value string, known []string) {
	if value != "" && !slices.Contains(known, value) {
		c.errorf(path, codeUnknownValue, suggest(value, known), "%s has no value %q", path, shorten(value))
	}
}

// model settles how failures are survived: a profile's own way, or for generic
// what the author says of the database.
func (c *checker) model() {
	s := &c.t.Spec.Survive
	switch profile := c.t.Spec.Profile; profile {
	case profileCockroachDB, profileEtcd:
		own := ModelRanges
		if profile == profileEtcd {
			own = ModelQuorumGroup
		}
		if s.Model != "" && s.Model != own && slices.Contains(modelWords(), string(s.Model)) {
			c.errorf("spec.survive.model", codeModelMismatch, "remove model; the profile brings its own",
				"profile %s has model %s, not %s", profile, own, s.Model)
		}
		s.Model = own
	case profileGeneric:
		if s.Model == "" {
			s.Model = ModelNone
		}
	}
}

// promiseNothing refuses promises that no model backs.
func (c *checker) promiseNothing() {
	s := &c.t.Spec.Survive
	before := len(c.items)
	for _, p := range []struct {
		path    string
		promise *Failure
	}{{"spec.survive.failure", &s.Failure}, {"spec.survive.whileUpdating", &s.WhileUpdating}} {
		if slices.Contains(Failures(), *p.promise) {
			c.errorf(p.path, codeModelRequired, "write survive.model: quorum-group if every replica votes in one group, or promise none",
				"%s %s is promised, but no model says how it is survived", p.path, *p.promise)
		}
		if *p.promise == "" {
			*p.promise = FailureNone
		}
	}
	if len(c.items) == before && !c.written("spec.survive.model") {
		c.notef("spec.survive.model", codeNothingPromised, "write survive.model: quorum-group if every replica votes in one group",
			"no failure is promised: quorate keeps to maxUnavailable and knows nothing of this database's quorum")
	}
}

// countable tells whether the layout and the promise can be read well enough to
// count with: what is wrong otherwise was reported, and a second
// problem from the same cause would mislead.
func (c *checker) countable() bool {
	return !c.has(codeNoRegions, codeNoClusters, codeNoReplicas, codeMissingReplicas, codeInvalidReplicas, codeReplicasAndPools, codeZonesRequired,
		codeTooManyReplicas, codeDuplicateRegion, codeDuplicateCluster, codeZoneInTwoRegions, codeDuplicateZone, codeInvalidZone,
		codeInvalidMaxUnavailable, codeInvalidVoters, codeModelMismatch, codeUnknownProfile, codeMissingProfile) &&
		c.t.Spec.Survive.Model != "" &&
		slices.Contains(append(failureWords(), ""), string(c.t.Spec.Survive.Failure)) &&
		slices.Contains(append(failureWords(), ""), string(c.t.Spec.Survive.WhileUpdating)) &&
		slices.Contains(modelWords(), string(c.t.Spec.Survive.Model)) &&
		!c.brokenUnder("spec.regions") && !c.brokenUnder("spec.survive") && !c.brokenUnder("spec.rollout.maxUnavailable") &&
		!c.brokenUnder("spec.locality") && !c.brokenUnder("metadata.name")
}

// voters checks the size of the quorum against what can hold it.
func (c *checker) voters(total int) bool {
	s := c.t.Spec.Survive
	path := "spec.survive.voters"
	switch {
	case s.Model == ModelQuorumGroup && s.Voters != total:
		c.errorf(path, codeVotersMismatch, "remove voters, or write "+fmt.Sprint(total),
			"every replica votes in model %s: there are %d, not %d", ModelQuorumGroup, total, s.Voters)
		return false
	case s.Model == ModelQuorumGroup && total%2 == 0:
		c.warnf("spec.regions", codeEvenVoters, fmt.Sprintf("use %d or %d replicas", total-1, total+1),
			"%d voters survive no more losses than %d", total, total-1)
	case s.Model == ModelRanges && s.Voters%2 == 0:
		c.errorf(path, codeInvalidVoters, fmt.Sprintf("write %d or %d", s.Voters-1, s.Voters+1),
			"%d voters: an even number survives no more losses than one fewer", s.Voters)
		return false
	case s.Model == ModelRanges && s.Voters > total:
		c.errorf(path, codeVotersOverReplicas, fmt.Sprintf("use at least %d replicas, or fewer voters", s.Voters),
			"%d voters of a range need as many replicas, and there are %d", s.Voters, total)
		return false
	}
	return true
}

// atRest refuses a layout that cannot keep survive.failure.
func (c *checker) atRest() {
	s := c.t.Spec.Survive
	layout := DeclaredLayout(c.t)
	if s.Failure != FailureNone && !layout.Exposure(nil).Survives[s.Failure] {
		c.errorf("spec.survive.failure", codePromiseNotKept, c.promiseHint(layout, s.Failure, 0),
			"the layout cannot survive the loss of a %s: %s", s.Failure, c.reason(layout, s.Failure))
	}
	if c.t.Spec.Locality.Zone == zoneByPodLabel {
		c.undeclaredZones()
	}
}

// reason says what a promise fails on.
func (c *checker) reason(l Layout, want Failure) string {
	for _, m := range l.Members {
		if want == FailureZone && m.Zone == "" {
			if c.zonesHidden() {
				return "with locality.zone none the database does not know its zones"
			}
			return fmt.Sprintf("cluster %q declares no zones", shorten(m.ID.Cluster))
		}
	}
	n := newPlacement(l).voters
	return fmt.Sprintf("one %s may hold so many of %d voters that fewer than %d are left", want, n, n/2+1)
}

// zonesHidden tells whether the database places voters but is not told the zones.
func (c *checker) zonesHidden() bool {
	return c.t.Spec.Locality.Zone == zoneNone && c.t.Spec.Survive.Model == ModelRanges
}

// promiseHint says what the layout could keep, and the smallest change that would keep the promise: one
// that keeps the other promise too, where there is one.
func (c *checker) promiseHint(l Layout, want Failure, anyDown int) string {
	could := fmt.Sprintf("it could keep %s", c.couldKeep(l, anyDown))
	alone := repair{t: c.t, failure: want}
	if anyDown > 0 {
		alone = repair{t: c.t, whileUpdating: want}
	}
	tries := []repair{{t: c.t, failure: c.t.Spec.Survive.Failure, whileUpdating: c.t.Spec.Survive.WhileUpdating}, alone}
	for _, try := range tries {
		if text, ok := c.repairText(try); ok {
			return could + "; to keep " + string(want) + ": " + text
		}
	}
	return could + "; no small change keeps " + string(want)
}

// repairText is the smallest change in words. Where the database is not told its zones,
// telling it comes first: no other change could help.
func (c *checker) repairText(r repair) (string, bool) {
	told := ""
	if c.zonesHidden() && (r.failure == FailureZone || r.whileUpdating == FailureZone) {
		shown := *c.t
		shown.Spec.Locality.Zone = zoneByPodLabel
		r.t, told = &shown, "write locality.zone: podLabel"
	}
	found, ok := r.smallest()
	if !ok {
		return "", false
	}
	text := found.text(r.t, c.written("spec.survive.voters"))
	if told != "" && text != "" {
		return told + ", " + text, true
	}
	return told + text, true
}

// couldKeep is the strongest promise that the members can keep as they are. At
// rest it is tried as the promise itself, since the promise moves the voters.
func (c *checker) couldKeep(l Layout, anyDown int) Failure {
	if anyDown > 0 {
		return l.Strongest(anyDown)
	}
	for _, f := range []Failure{FailureRegion, FailureZone, FailureNode} {
		l.Promise = f
		if l.Exposure(nil).Survives[f] {
			return f
		}
	}
	return FailureNone
}

func (c *checker) undeclaredZones() {
	c.eachCluster(func(cl Cluster, _ Region, path string) {
		if len(cl.Zones) == 0 {
			c.warnf(path+".zones", codeZonesNotDeclared, "write zones: and the zones of its nodes",
				"cluster %q declares no zones, so the survival of a zone cannot be promised", shorten(cl.Name))
		}
	})
}

// whileUpdating checks survive.whileUpdating with maxUnavailable replicas down,
// or computes it.
func (c *checker) whileUpdating() {
	s := &c.t.Spec.Survive
	down := c.t.Spec.Rollout.MaxUnavailable
	layout := DeclaredLayout(c.t)
	exposure := layout.WorstExposure(down)
	if !exposure.Available() {
		c.updatesStop(layout, down)
	}
	if s.WhileUpdating == "" {
		s.WhileUpdating = exposure.Strongest()
		c.notef("spec.survive.whileUpdating", codePromiseComputed, "",
			"survive.whileUpdating is not written; computed: %s. With %s down %s", s.WhileUpdating, replicas(down), exposure)
		return
	}
	if s.WhileUpdating != FailureNone && !exposure.Survives[s.WhileUpdating] {
		c.errorf("spec.survive.whileUpdating", codeUpdatePromiseNotKept, c.promiseHint(layout, s.WhileUpdating, down),
			"with %s down the loss of a %s would cost the quorum: %s", replicas(down), s.WhileUpdating, exposure)
	}
}

// updatesStop reports that maxUnavailable alone costs the quorum. Where it
// cannot be lowered the deployment may still be installed, so that is a warning.
func (c *checker) updatesStop(l Layout, down int) {
	for fewer := down - 1; fewer >= 1; fewer-- {
		if l.WorstExposure(fewer).Available() {
			c.errorf("spec.rollout.maxUnavailable", codeMaxUnavailableQuorum, fmt.Sprintf("write at most %d", fewer),
				"%s down would by themselves cost the quorum", replicas(down))
			return
		}
	}
	c.warnf("spec.rollout.maxUnavailable", codeUpdatesStopService, "add replicas",
		"one replica down would cost the quorum, so every update will be refused")
}

// replicas is a number of replicas in words.
func replicas(n int) string {
	if n == 1 {
		return "1 replica"
	}
	return fmt.Sprintf("%d replicas", n)
}
