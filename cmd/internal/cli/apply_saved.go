package cli

import (
	"context"
	"errors"
	"fmt"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
)

// stalePlan is a saved plan that no longer fits what it was made from.
type stalePlan struct {
	file  string
	moved []planner.Moved
}

func (e stalePlan) Error() string {
	return view.Stale(e.file, e.moved)
}

// applySaved runs exactly what a saved plan says, or goes on with a run of it that was cut
// off. Nobody is asked: whoever saved the plan has seen it.
func (a *app) applySaved(ctx context.Context, file string, unchecked bool) error {
	saved, err := readPlan(file)
	if err != nil {
		return err
	}
	w, err := a.savedDeployment(ctx, file, saved)
	if err != nil {
		return err
	}
	observed, err := w.observe(ctx, true)
	if err != nil {
		return err
	}
	plan, moved := planner.Continue(saved, w.input(observed))
	switch {
	case len(plan.Unreachable()) > 0: // what it holds cannot be told from what moved
		return errors.Join(a.announce(plan), runnable(plan))
	case len(moved) > 0:
		return a.stale(file, moved)
	}
	if err := a.announce(plan); err != nil {
		return err
	}
	if err := a.permitted(ctx, w, observed, plan); err != nil {
		return err
	}
	if err := runnable(plan); err != nil || plan.Empty() {
		return err
	}
	if err := a.carried(ctx, w, observed, plan, unchecked); err != nil {
		return err
	}
	if done := saved.Done(plan); done > 0 {
		fmt.Fprintf(a.err, "going on with the saved plan %s: %d of %d steps are true already\n", file, done, len(saved.Steps))
	}
	return a.runPlan(ctx, w, observed, plan)
}

// savedDeployment holds what can be known of a saved plan before any cluster is asked, and
// connects to its clusters.
func (a *app) savedDeployment(ctx context.Context, file string, saved *planner.Saved) (*wired, error) {
	w, err := a.ready(ctx)
	if err != nil {
		return nil, err
	}
	if name := w.topology.Metadata.Name; saved.Deployment != name {
		return nil, invalidInput{fmt.Errorf("%s is a plan of deployment %s, and %s is of %s: name the topology that it was made from with -f", file, saved.Deployment, w.file, name)}
	}
	if moved := saved.MovedOffline(w.input(nil)); len(moved) > 0 {
		return nil, a.stale(file, moved)
	}
	if w.unfit != nil {
		return nil, invalidInput{w.unfit}
	}
	if len(saved.Refusals) > 0 {
		if err := a.announce(saved.Plan); err != nil {
			return nil, err
		}
		return nil, runnable(saved.Plan)
	}
	return w, nil
}

// stale reports what moved; a machine gets it as a line of its own beside.
func (a *app) stale(file string, moved []planner.Moved) error {
	if a.json() {
		if err := view.StaleLine(a.out, file, moved); err != nil {
			return err
		}
	}
	return stalePlan{file, moved}
}
