package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions/kube"
)

func (a *app) planCommand() *cobra.Command {
	var o planOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what apply would do, step by step, and what could fail safely meanwhile",
		Long: "plan asks every cluster (a server-side dry run; nothing is changed) and prints the ordered steps,\n" +
			"why each is there, which replicas it takes down, and which failures the system survives meanwhile.",
		Example: "  quorate plan\n" +
			"  quorate plan --offline                    # an installation from nothing; no cluster is contacted\n" +
			"  quorate plan -o bank.plan                 # to be reviewed, and run as it is by: quorate apply bank.plan\n" +
			"  quorate plan --read-only                  # with rights to read alone; says what it cannot see\n" +
			"  quorate plan --detailed-exitcode --output json  # 0: nothing to do, 2: changes",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("out") {
				if err := checkPlanName(o.save); err != nil {
					return invalidInput{err}
				}
			}
			return a.plan(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.offline, "offline", false, "plan an installation from nothing, contacting no cluster")
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 when there are changes, 0 when there are none")
	cmd.Flags().BoolVar(&o.readOnly, "read-only", false, "send nothing but GET: no dry run, so that less is seen, and the plan is for reading alone")
	forceManagerFlag(cmd, &o.forceManagers)
	cmd.Flags().StringVarP(&o.save, "out", "o", "", "save the plan in `file` (mode 0600), for: quorate apply FILE")
	return cmd
}

// planOptions are the flags of plan.
type planOptions struct {
	offline, detailed, readOnly bool
	save                        string // a file; empty: not saved
	forceManagers               []string
}

// check refuses flags that do not go together.
func (o planOptions) check() error {
	switch {
	case o.readOnly && o.offline:
		return invalidInput{errors.New("--read-only reads the clusters and --offline contacts none: pass one of them")}
	case o.readOnly && o.save != "":
		return invalidInput{errors.New("a plan made with --read-only cannot be run, so it is not saved: leave --read-only or -o out")}
	}
	if o.save != "" {
		if err := mayWritePlan(o.save); err != nil {
			return err
		}
	}
	return checkForceManagers(o.forceManagers)
}

// forceManagerFlag is the flag of plan and of apply.
func forceManagerFlag(cmd *cobra.Command, managers *[]string) {
	cmd.Flags().StringArrayVar(managers, "force-manager", nil, "overwrite fields that the field manager `NAME` holds at other values (repeatable)")
}

func checkForceManagers(managers []string) error {
	for _, manager := range managers {
		if manager == "" || manager == kube.ManagerQuorate || manager == kube.ManagerRollout {
			return invalidInput{fmt.Errorf("--force-manager %q: name the field manager of somebody else, as a refused plan does", manager)}
		}
	}
	return nil
}

// wish is how the clusters are to be looked at.
func (o planOptions) wish(w *wired) {
	w.readOnly, w.forceManagers = o.readOnly, slices.Compact(slices.Sorted(slices.Values(o.forceManagers)))
	for name, scope := range w.scopes {
		scope.ReadOnly = o.readOnly
		w.scopes[name] = scope
	}
}

func (a *app) plan(ctx context.Context, o planOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	plan, in, err := a.makePlan(ctx, o)
	if err != nil {
		return err
	}
	if err := a.printPlan(plan); err != nil {
		return err
	}
	if o.save != "" {
		if err := writePlan(o.save, planner.Save(plan, in)); err != nil {
			return err
		}
		if runnable(plan) == nil {
			fmt.Fprintf(a.err, "saved; to run exactly this plan: quorate apply %s\n", o.save)
		}
	}
	if err := runnable(plan); err != nil {
		return err
	}
	if o.detailed && !plan.Empty() {
		return pendingChanges{}
	}
	return nil
}

// makePlan is the plan and what it follows from.
func (a *app) makePlan(ctx context.Context, o planOptions) (*planner.Plan, planner.Input, error) {
	if o.offline {
		d, err := a.load(ctx)
		if err != nil {
			return nil, planner.Input{}, err
		}
		in := planner.Input{Topology: d.topology, Profile: d.profile, Desired: d.desired, Offline: true}
		return planner.Build(in), in, nil
	}
	w, observed, err := a.look(ctx, true, o.wish)
	if err != nil {
		return nil, planner.Input{}, err
	}
	in := w.input(observed)
	plan := planner.Build(in)
	return plan, in, a.foresee(ctx, w, observed, plan)
}

func (a *app) printPlan(plan *planner.Plan) error {
	if !a.json() {
		view.Plan(a.out, a.style(), plan)
		return nil
	}
	data, err := planner.Encode(plan)
	if err != nil {
		return err
	}
	_, err = a.out.Write(data)
	return err
}

// runnable refuses a plan that may not run. A silent cluster comes before a
// refusal, which may only be due to the silence.
func runnable(plan *planner.Plan) error {
	if silent := plan.Unreachable(); len(silent) > 0 {
		return unreachableClusters{fmt.Errorf("nothing may run while a cluster does not answer: %s", strings.Join(silent, ", "))}
	}
	if n := len(plan.Refusals); n > 0 {
		var codes []string
		for _, r := range plan.Refusals {
			codes = append(codes, r.Code)
		}
		slices.Sort(codes)
		codes = slices.Compact(codes)
		return unsafePlan{fmt.Errorf("refused: %s (nothing was changed)", strings.Join(codes, ", "))}
	}
	return nil
}
