package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/edit"
)

func (a *app) scaleCommand() *cobra.Command {
	var approved, planOnly, dryRun bool
	cmd := &cobra.Command{
		Use:   "scale REGION|CLUSTER[/POOL]=N ...",
		Short: "Change numbers of replicas in the topology file, then plan and apply",
		Long: "scale changes the numbers in the topology file, and nothing else in it, then plans and applies like any\n" +
			"other change. The file is written once the plan was shown, is not refused, and was approved; a refused plan\n" +
			"leaves it as it was. If the run fails later the file stays changed: it says what is wanted, and\n" +
			"`quorate apply` goes on from there.\n\n" +
			"The number of a region with several clusters is their sum. Replicas are added where there are fewest and\n" +
			"taken away where there are most, so that none moves from one cluster to another.",
		Example: "  quorate scale use1=5\n" +
			"  quorate scale us-east1=6 europe-west1=6 --plan-only   # show the edit and the plan; change nothing\n" +
			"  quorate scale use1/broker=9 --auto-approve",
		Args: atLeastOneTarget,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.scale(cmd.Context(), args, approved, planOnly || dryRun)
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "change the file and run without asking")
	cmd.Flags().BoolVar(&planOnly, "plan-only", false, "show the edit and the plan, and change nothing")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "the same as --plan-only")
	return cmd
}

func atLeastOneTarget(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return invalidInput{fmt.Errorf("%s needs a target, REGION=N or CLUSTER=N, such as use1=5", cmd.CommandPath())}
	}
	return nil
}

// topologyEdit is an edit of the topology file that is not written yet.
type topologyEdit struct {
	file          string
	before, after []byte
	changes       []edit.Change
}

func (e topologyEdit) changed() bool { return !bytes.Equal(e.before, e.after) }

func (a *app) scale(ctx context.Context, targets []string, approved, planOnly bool) error {
	switch {
	case approved && planOnly:
		return invalidInput{errors.New("--auto-approve runs the plan and --plan-only does not: pass one of them")}
	case !approved && !planOnly && !a.inTerminal:
		return invalidInput{errors.New("scale would ask for approval, and standard input is no terminal: pass --auto-approve or --plan-only")}
	}
	change, d, err := a.editReplicas(ctx, targets)
	if err != nil {
		return err
	}
	w, observed, err := a.lookAt(ctx, d, true)
	if err != nil {
		return err
	}
	plan := planner.Build(w.input(observed))
	if err := a.announceEdit(change, plan, planOnly); err != nil {
		return err
	}
	check := a.permitted
	if planOnly {
		check = a.foresee
	}
	if err := cmp.Or(check(ctx, w, observed, plan), runnable(plan)); err != nil {
		return fmt.Errorf("%w; %s is as it was", err, change.file)
	}
	if planOnly {
		return nil
	}
	if !approved && !plan.Empty() {
		if err := a.ask(ctx, "Change the file and run this plan? Only 'yes' does: "); err != nil {
			return err
		}
	}
	return a.writeAndRun(ctx, change, w, observed, plan)
}

// editReplicas makes the edit in memory and follows it to the objects of every cluster.
func (a *app) editReplicas(ctx context.Context, targets []string) (topologyEdit, *deployment, error) {
	e := topologyEdit{file: a.settings.GetString("file")}
	var err error
	if e.before, err = readFile(ctx, e.file); err != nil {
		return e, nil, err
	}
	now, problems := regions.Parse(e.before, e.file)
	if now == nil {
		return e, nil, invalidTopology{e.file, problems}
	}
	if e.changes, err = edit.Resolve(now, targets); err != nil {
		return e, nil, invalidInput{err}
	}
	if e.after, err = edit.Apply(e.before, e.changes); err != nil {
		return e, nil, invalidInput{fmt.Errorf("edit %s: %w (the file is as it was)", e.file, err)}
	}
	wanted, err := parseBytes(e.after, e.file)
	switch {
	case err != nil && len(problems.Errors()) > 0:
		return e, nil, err // it was invalid before, whatever the numbers
	case err != nil:
		return e, nil, invalidInput{fmt.Errorf("with these numbers %w\n(the file is as it was)", err)}
	}
	d, err := a.follow(wanted)
	return e, d, err
}

// announceEdit shows the edit and the plan before anything is written.
func (a *app) announceEdit(e topologyEdit, plan *planner.Plan, planOnly bool) error {
	shown := view.Edit{File: e.file, Replicas: e.changes, Lines: edit.Diff(e.before, e.after)}
	if !a.json() {
		view.EditText(a.out, a.style(), shown)
		view.Plan(a.out, a.style(), plan)
		return nil
	}
	if planOnly {
		return view.EditDocument(a.out, shown, plan)
	}
	return errors.Join(view.EditLine(a.out, shown), view.PlanLine(a.out, plan))
}

// writeAndRun makes the file say what is wanted, then runs the plan. After the file was written an
// error is an error of the run alone.
func (a *app) writeAndRun(ctx context.Context, e topologyEdit, w *wired, observed []planner.Observation, plan *planner.Plan) error {
	if e.changed() {
		if err := replaceFile(e.file, e.before, e.after); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "%s was changed\n", e.file)
	}
	if plan.Empty() {
		return nil
	}
	err := a.runPlan(ctx, w, observed, plan)
	if err != nil && e.changed() {
		fmt.Fprintf(a.err, "%s stays changed, since it says what is wanted: `quorate apply` goes on from here\n", e.file)
	}
	return err
}
