// Package rollout runs a plan.
//
// For every step: observe (already true? then skip it, and say so), guard (is the
// lock held? does live health still allow it?), journal the intent, act, verify
// by watching, journal the outcome. A wait always says what it waits for.
//
// What the engine relies on, and what it does not: it never trusts the plan's
// picture of health, only fresh consistent reads of every cluster taken right
// before a disruptive write; it writes under resourceVersion and UID
// preconditions, so a decision made on an old picture fails instead of acting;
// and every act is idempotent, so after a crash at any instant the same plan, or
// a new one, goes on from what is true.
package rollout

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/regions"
)

// ErrStopped ends a run that was asked to stop after the current step. The same
// command goes on later.
var ErrStopped = errors.New("stopped as asked after the current step")

// Work is what a run needs beside its plan.
type Work struct {
	Run      string // the run's ID, unique
	Topology *regions.Topology
	Profile  kustomize.Profile
	Desired  map[string][]map[string]any // built objects, per cluster
	Slots    []regions.ReplicaID
	// Stop asks the run to end after the current step, once it is closed.
	Stop <-chan struct{}
	// LeaseTTL is how long a dead run keeps others out.
	LeaseTTL time.Duration
}

// execution is one run of one plan.
type execution struct {
	Ports
	Work
	plan  *planner.Plan
	fleet *fleet
	held  *lock

	mu     sync.Mutex
	number map[string]int // step → its place
}

// Run executes the plan to its end, or says where it stopped and what to do. The
// plan must not be refused and every cluster must have answered.
func Run(ctx context.Context, ports Ports, work Work, plan *planner.Plan) error {
	if len(plan.Refusals) > 0 {
		return fmt.Errorf("the plan is refused and cannot run: %s", plan.Refusals[0].Message)
	}
	if silent := plan.Unreachable(); len(silent) > 0 {
		return fmt.Errorf("the plan cannot run: it was made without %s, which did not answer", silent[0])
	}
	if plan.ReadOnly {
		return errors.New("the plan cannot run: it was made by reading alone (--read-only): plan again")
	}
	x := &execution{Ports: ports, Work: work, plan: plan, fleet: newFleet(), number: map[string]int{}}
	x.held = newLock(x.Now, x.LeaseTTL)
	for i, s := range plan.Steps {
		x.number[s.ID] = i + 1
	}
	started := x.Now()
	if err := x.Journal.Append(journal.Entry{Event: journal.RunStarted, Detail: plan.Digest}); err != nil {
		return err
	}
	x.emit(Event{Type: EventRunStart, Total: len(plan.Steps), Message: plan.Digest})
	err := x.run(ctx)
	detail := "done"
	if err != nil {
		detail = err.Error()
	}
	x.emit(Event{Type: EventRunEnd, Message: detail, Elapsed: x.Now().Sub(started), Total: len(plan.Steps)})
	return errors.Join(err, x.Journal.Append(journal.Entry{Event: journal.RunEnded, Detail: detail}))
}

// run holds the preamble (namespaces, then Leases), the steps and the epilogue.
func (x *execution) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := x.namespaces(ctx); err != nil {
		return err
	}
	release, err := x.lock(ctx)
	if err != nil {
		return err
	}
	defer release()
	x.Ports = locked{x.Ports, x.held}.writers()
	wait := x.fleet.follow(ctx, x.Observer, x.clusters())
	var told sync.WaitGroup
	told.Go(func() { x.tellHealth(ctx) })
	defer func() { cancel(); wait(); told.Wait() }()
	err = x.markUnverified(ctx)
	if err == nil {
		err = x.execute(ctx)
	}
	if err == nil {
		err = x.markInstalled(ctx)
	}
	if err == nil {
		err = x.markVerified(ctx)
	}
	if err != nil {
		return x.account(ctx, err)
	}
	return nil
}

// namespaces runs the namespace steps: Leases need a namespace to live in.
func (x *execution) namespaces(ctx context.Context) error {
	for _, s := range x.plan.Steps {
		if s.Kind != planner.KindNamespace {
			continue
		}
		if err := x.step(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// clusters are the plan's clusters, in its order.
func (x *execution) clusters() []string {
	out := make([]string, len(x.plan.Clusters))
	for i, c := range x.plan.Clusters {
		out[i] = c.Name
	}
	return out
}

// markInstalled records that the first installation ended, in every cluster: from
// then on the promises are in force even while nothing serves.
func (x *execution) markInstalled(ctx context.Context) error {
	if x.plan.Promise.InForce {
		return nil // the apply step recorded it
	}
	if err := x.Journal.Append(journal.Entry{Event: journal.StepIntended, Step: "installed", Detail: "record the installation"}); err != nil {
		return err
	}
	for _, cluster := range x.clusters() {
		err := x.Records.Update(ctx, cluster, func(r *regions.Record) error {
			r.Database.Installed = x.Run
			return nil
		})
		if err != nil {
			return fmt.Errorf("record the installation in %s (apply again records it): %w", cluster, err)
		}
	}
	return x.Journal.Append(journal.Entry{Event: journal.StepDone, Step: "installed"})
}

// timeout is the deadline of each wait.
func (x *execution) timeout() time.Duration { return x.Topology.Spec.Rollout.TimeoutDuration() }

func (x *execution) emit(e Event) {
	e.Time, e.Run = x.Now(), x.Run
	x.mu.Lock()
	defer x.mu.Unlock()
	x.Emit(e)
}

func (x *execution) stepEvent(t EventType, s planner.Step, message string) Event {
	return Event{
		Type: t, Step: s.ID, Kind: string(s.Kind), Cluster: s.Cluster,
		Number: x.number[s.ID], Total: len(x.plan.Steps), Message: message,
	}
}
