package rollout_test

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/regions"
)

// invariants are what must hold at every event, whatever fails.
type invariants struct {
	*fleet
	violations []string
	downBy     map[regions.ReplicaID]string // who took down what is down now
	order      []regions.ReplicaID          // what runs took down while it served, in order
	lastHand   time.Time                    // when somebody else last disturbed something
	allUpSince time.Time                    // zero while something is down
	took       string                       // the run that took down the last one
	worst      int                          // the most that were ever down at once
	profiled   bool                         // the profile has a gate
}

// somebody writes to a set and is no run of ours.
const somebody = "somebody"

func newInvariants(f *fleet) invariants {
	return invariants{fleet: f, downBy: map[regions.ReplicaID]string{}, profiled: true}
}

func (i *invariants) violation(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	i.logf("VIOLATION %s", text)
	i.violations = append(i.violations, text)
}

// observeHealth keeps account of who is down and since when all are up.
func (i *invariants) observeHealth() {
	down := map[regions.ReplicaID]bool{}
	for _, c := range i.clusters {
		for _, id := range c.down() {
			down[id] = true
		}
	}
	i.worst = max(i.worst, len(down))
	for id := range i.downBy {
		if !down[id] {
			delete(i.downBy, id)
		}
	}
	switch {
	case len(down) > 0:
		i.allUpSince = time.Time{}
	case i.allUpSince.IsZero():
		i.allUpSince = time.Now()
	}
}

// takenDown holds the rules of a disruption against what is true at that moment.
func (i *invariants) takenDown(p *pod, why string) {
	if p.lastWriter == somebody {
		why = "hand"
	}
	if why == "hand" {
		i.lastHand = time.Now()
	}
	if i.downBy[p.id] == "" && p.up() {
		i.downBy[p.id] = why
	}
	if why == "hand" || !i.database.initialised || !p.up() {
		return
	}
	others := 0
	for id, by := range i.downBy {
		if id != p.id && by != "hand" {
			others++
		}
	}
	if budget := i.topology.Spec.Rollout.MaxUnavailable; others+1 > budget {
		i.violation("%s was taken down while %d others were down by a run", p.id, others)
	}
	// What somebody else disturbs after the decision may delay the controller, not stop it.
	quiet := i.lastHand.Before(p.lastWritten.Add(-2 * time.Second))
	if quiet && i.profiled && i.database.underReplicated(time.Now()) > 0 {
		i.violation("%s was taken down while ranges were under-replicated", p.id)
	}
	i.checkSoak(p)
	i.checkLeader(p)
	i.checkQuorum(p)
	i.order = append(i.order, p.id)
	i.took = p.lastWriter
}

// checkLeader: a replica that leads is not taken down while another one could lead: the
// last that it said of itself, just before, is that it does not.
func (i *invariants) checkLeader(p *pod) {
	if !i.database.votes() || i.database.leader != p.id || i.database.upCount() < 2 {
		return
	}
	said, asked := i.database.said[p.id]
	switch {
	case !asked || said.leads:
		i.violation("%s was taken down while it led", p.id)
	case said.at.Before(p.lastWritten.Add(-2 * time.Second)):
		i.violation("%s was taken down while it led, %s after it was asked", p.id, p.lastWritten.Sub(said.at))
	}
}

// checkQuorum: where members have been out of reach for a while, whatever their pods say,
// none of those that are left to make a quorum is taken down.
func (i *invariants) checkQuorum(p *pod) {
	left := slices.DeleteFunc(i.database.reached(), func(id regions.ReplicaID) bool { return id == p.id })
	if len(i.database.cut) > 0 && len(left) <= len(i.topology.Replicas())/2 {
		i.violation("%s was taken down, and the %d members left are no quorum", p.id, len(left))
	}
}

// checkSoak: within one run all replicas stayed up for the soak since the one before.
func (i *invariants) checkSoak(p *pod) {
	n := len(i.order)
	if n == 0 || i.took != p.lastWriter {
		return
	}
	soak := i.topology.Spec.Rollout.SoakDuration()
	if n <= i.topology.Spec.Rollout.Canary.Replicas && i.lastHand.IsZero() {
		soak = i.topology.Spec.Rollout.Canary.SoakDuration()
	}
	if time.Since(i.lastHand) < 2*time.Minute+soak {
		return // somebody else's disturbance has rules of its own
	}
	if i.allUpSince.IsZero() || time.Since(i.allUpSince) < soak {
		i.violation("%s was taken down before the soak of %s had passed", p.id, soak)
	}
}

// permitted holds the rules of a write: the lock, and an intent in the journal.
func (r *run) permitted(cluster, op string) {
	for _, name := range r.names() {
		if !r.clusters[name].lease.heldBy(r.id, time.Now()) {
			r.violation("%s in %s by run %s without the Lease of %s", op, cluster, r.id, name)
		}
	}
	for _, e := range r.open {
		if e.Cluster == cluster || e.Kind == string(planner.KindInit) || e.Cluster == "" {
			return
		}
	}
	r.violation("%s in %s without an intent in the journal", op, cluster)
}

// decided holds the rules of a disruptive write against the picture that it was
// decided on: fresh, complete, and with nobody else down.
func (r *run) decided(cluster, op string, targets []regions.ReplicaID) {
	if !r.database.initialised || len(targets) == 0 {
		return
	}
	if len(targets) > 1 {
		r.violation("%s frees several replicas at once: %v", op, targets)
	}
	intent, found := r.lastIntent(cluster)
	if !found {
		r.violation("%s without an intent", op)
		return
	}
	others, mending := 0, true // mending: the target and all others down fail to start
	for _, name := range r.names() {
		version, err := strconv.Atoi(intent.Seen[name]["pods"])
		if err != nil {
			r.violation("%s was decided without a picture of %s", op, name)
			continue
		}
		if version < r.floor[name] {
			r.violation("%s was decided on an old picture of %s (%d < %d)", op, name, version, r.floor[name])
		}
		seen := r.clusters[name].history[version]
		for _, id := range seen.down {
			mending = mending && seen.failing[id]
			if id != targets[0] {
				others++
			}
		}
		if name == targets[0].Cluster {
			mending = mending && seen.failing[targets[0]]
		}
	}
	if !mending && others+len(targets) > r.topology.Spec.Rollout.MaxUnavailable {
		r.violation("%s was decided while %d others were down in the picture", op, others)
	}
}

// settledSet is the set that a step was to wait for until its update was complete.
func (r *run) settledSet(step planner.Step) *set {
	if step.Payload.Condition != planner.ConditionSettled {
		return nil
	}
	return r.clusters[step.Cluster].sets[step.Payload.Pool]
}

// grown: a replica is added only where nobody was down in the picture.
func (r *run) grown(cluster, op string) {
	intent, found := r.lastIntent(cluster)
	if !r.database.initialised || !found || r.founds {
		return
	}
	for _, name := range r.names() {
		version, _ := strconv.Atoi(intent.Seen[name]["pods"])
		if down := r.clusters[name].history[version].down; version == 0 || len(down) > 0 {
			r.violation("%s was decided with %v down in the picture of %s", op, down, name)
		}
	}
}

// ended: a step that updated a replica or added one ends with it serving.
func (r *run) ended(e journal.Entry) {
	step := r.steps[e.Step]
	if e.Event == journal.StepFailed || !r.database.initialised || time.Since(r.lastHand) < time.Minute {
		return
	}
	if set := r.settledSet(step); set != nil && set.current != set.update {
		r.violation("%s of %s while %s is the current revision, not %s", e.Event, e.Step, set.current, set.update)
	}
	if step.Kind != planner.KindScale && (step.Kind != planner.KindPartition || step.Payload.Ordinal == nil) {
		return
	}
	for _, id := range step.Payload.Targets {
		p := r.clusters[id.Cluster].pods[id.Pod()]
		if p == nil || !p.up() || p.revision != p.update || r.database.published[p.name()] != p.ip {
			r.violation("%s of %s while %s does not serve at the newest template", e.Event, e.Step, id)
		}
	}
}

func (r *run) lastIntent(cluster string) (journal.Entry, bool) {
	for _, e := range slices.Backward(r.entries) {
		if e.Event == journal.StepIntended && e.Cluster == cluster {
			return e, true
		}
	}
	return journal.Entry{}, false
}
