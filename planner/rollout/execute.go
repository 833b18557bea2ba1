package rollout

import (
	"context"
	"errors"
	"fmt"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
)

// outcome is how a step ended.
type outcome struct {
	id  string
	err error
}

// execute runs the steps as a graph: whatever has all its needs met runs at
// once. Disruptive steps need one another in a line, so no two ever overlap.
// After a failure, or when asked to stop, nothing new begins; what runs ends.
func (x *execution) execute(ctx context.Context) error {
	done := map[string]bool{}
	started := map[string]bool{}
	for _, s := range x.plan.Steps {
		if s.Kind == planner.KindNamespace {
			done[s.ID], started[s.ID] = true, true
		}
	}
	outcomes := make(chan outcome)
	running := 0
	var failed error
	for {
		if failed == nil && !x.stopping(ctx) {
			for _, s := range ready(x.plan.Steps, done, started) {
				started[s.ID] = true
				running++
				go func() { outcomes <- outcome{s.ID, x.step(ctx, s)} }()
			}
		}
		if running == 0 {
			break
		}
		o := <-outcomes
		running--
		done[o.id] = o.err == nil
		failed = errors.Join(failed, o.err)
	}
	if failed == nil && len(started) < len(x.plan.Steps) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return ErrStopped
	}
	return failed
}

func (x *execution) stopping(ctx context.Context) bool {
	select {
	case <-x.Stop:
		return true
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// ready are the steps that have not begun and whose needs are all done, in the plan's order.
func ready(steps []planner.Step, done, started map[string]bool) []planner.Step {
	var out []planner.Step
	for _, s := range steps {
		if started[s.ID] {
			continue
		}
		met := true
		for _, need := range s.Needs {
			met = met && done[need]
		}
		if met {
			out = append(out, s)
		}
	}
	return out
}

// action is one kind's way through a step.
type action interface {
	// satisfied tells whether the step is true already, with a word on why. What
	// cannot be seen is not: performing it waits for the cluster.
	satisfied(ctx context.Context) (bool, string)
	// perform guards, journals its intent and acts; on return the write is acknowledged.
	perform(ctx context.Context) error
	// verify waits until the step is true.
	verify(ctx context.Context) error
}

func (x *execution) step(ctx context.Context, s planner.Step) error {
	begun := x.Now()
	a, err := x.action(s)
	if err != nil {
		return err
	}
	if skip, why := a.satisfied(ctx); skip {
		x.emit(x.stepEvent(EventStepSkip, s, why))
		return x.Journal.Append(journal.Entry{Event: journal.StepSkipped, Step: s.ID, Kind: string(s.Kind), Detail: why})
	}
	x.emit(x.stepEvent(EventStepStart, s, s.Summary))
	err = a.perform(ctx)
	if err == nil {
		err = a.verify(ctx)
	}
	e := x.stepEvent(EventStepDone, s, s.Summary)
	entry := journal.Entry{Event: journal.StepDone, Step: s.ID, Kind: string(s.Kind)}
	if err != nil {
		err = fmt.Errorf("%s: %w", s.Summary, err)
		e = x.stepEvent(EventStepFail, s, err.Error())
		entry.Event, entry.Detail = journal.StepFailed, err.Error()
	}
	e.Elapsed = x.Now().Sub(begun)
	x.emit(e)
	return errors.Join(err, x.Journal.Append(entry))
}

// action finds the way of a step's kind; the enum has kinds that nothing makes yet.
func (x *execution) action(s planner.Step) (action, error) {
	base := stepBase{execution: x, step: s}
	switch s.Kind {
	case planner.KindNamespace, planner.KindApply:
		return applyStep{base}, nil
	case planner.KindPartition:
		return partitionAction(base), nil
	case planner.KindReplace:
		return replaceStep{base}, nil
	case planner.KindScale:
		return scaleStep{base}, nil
	case planner.KindWait:
		return waitStep{base}, nil
	case planner.KindVerifyDNS:
		return namesAction(base), nil
	case planner.KindCredentials:
		return credentialsStep{base}, nil
	case planner.KindInit:
		return initStep{base}, nil
	case planner.KindHook:
		return hookAction(base)
	case planner.KindProbe:
		return probeStep{base}, nil
	case planner.KindSoak:
		return soakStep{base}, nil
	case planner.KindRetire:
		return retireStep{base}, nil
	default: // nothing makes the other kinds yet
	}
	return nil, fmt.Errorf("step %s: this quorate cannot run steps of kind %q: use the version that made the plan", s.ID, s.Kind)
}

// partitionAction is the way of a step that moves a partition.
func partitionAction(base stepBase) action {
	switch {
	case base.step.Payload.Ordinal != nil:
		return updateStep{base}
	case base.step.Payload.Release:
		return releaseStep{base}
	}
	return holdStep{base}
}

// stepBase is what every action has, with the answers of those that need none.
type stepBase struct {
	*execution
	step planner.Step
}

func (stepBase) satisfied(context.Context) (bool, string) { return false, "" }
func (stepBase) verify(context.Context) error             { return nil }

// intend journals what is about to be done and what it was decided on.
func (b stepBase) intend(detail string, seen view) error {
	return b.Journal.Append(journal.Entry{
		Event: journal.StepIntended, Step: b.step.ID, Kind: string(b.step.Kind),
		Cluster: b.step.Cluster, Detail: detail, Seen: seen.versions(),
	})
}

// wrote journals a write that a cluster acknowledged.
func (b stepBase) wrote(object, resourceVersion string) error {
	return b.Journal.Append(journal.Entry{
		Event: journal.StepWrote, Step: b.step.ID, Kind: string(b.step.Kind),
		Cluster: b.step.Cluster, Object: object, ResourceVersion: resourceVersion,
	})
}
