package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

func (a *app) releaseCommand() *cobra.Command {
	var approved, takeBack bool
	cmd := &cobra.Command{
		Use:   "release [CLUSTER|REGION]...",
		Short: "Hand the partition of the StatefulSets back, or take it again",
		Long: "At rest quorate holds the partition of every StatefulSet at its replica count, so that nobody's change of\n" +
			"a template restarts pods. release hands it back, in the clusters and regions named, or in all: from then\n" +
			"on the controller restarts pods by itself when the template changes, one after the other in each cluster,\n" +
			"with no regard to the other clusters. No pod moves by it, and replicas keep their number. It is on record,\n" +
			"`quorate status` shows it, and a plan leaves it so until it has to change that StatefulSet itself;\n" +
			"--take-back holds the partition again.",
		Example: "  quorate release use1\n  quorate release --take-back us-east1 --auto-approve",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.release(cmd.Context(), args, takeBack, approved)
		},
	}
	cmd.Flags().BoolVar(&takeBack, "take-back", false, "hold the partition again")
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "run without asking")
	return cmd
}

func (a *app) release(ctx context.Context, names []string, takeBack, approved bool) error {
	if !approved && !a.inTerminal {
		return invalidInput{errors.New("release would ask for approval, and standard input is no terminal: pass --auto-approve")}
	}
	w, err := a.ready(ctx)
	if err != nil {
		return err
	}
	clusters, err := clustersNamed(w.topology, names)
	if err != nil {
		return err
	}
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	plan := planner.BuildRelease(w.input(observed), clusters, takeBack)
	if err := a.announce(plan); err != nil {
		return err
	}
	if err := a.permitted(ctx, w, observed, plan); err != nil {
		return err
	}
	if err := runnable(plan); err != nil || plan.Empty() {
		return err
	}
	if !approved {
		if err := a.ask(ctx, "Run this plan? Only 'yes' runs it: "); err != nil {
			return err
		}
	}
	return a.runPlan(ctx, w, observed, plan)
}

// clustersNamed are the clusters of the names, each a cluster's or a region's, in rollout
// order; no name means all. Names that are neither are reported together.
func clustersNamed(t *regions.Topology, names []string) ([]string, error) {
	var out, known []string
	found := map[string]bool{}
	for _, c := range t.OrderedClusters() {
		region := t.RegionOf(c.Name)
		known = append(known, c.Name, region)
		if len(names) == 0 || slices.Contains(names, c.Name) || slices.Contains(names, region) {
			out = append(out, c.Name)
		}
		found[c.Name], found[region] = true, true
	}
	slices.Sort(known)
	var problems *multierror.Error
	for _, name := range names {
		if !found[name] {
			problems = multierror.Append(problems, fmt.Errorf("%q is no cluster or region of the topology; there are: %s", name, strings.Join(slices.Compact(known), ", ")))
		}
	}
	if err := problems.ErrorOrNil(); err != nil {
		return nil, invalidInput{err}
	}
	return out, nil
}
