package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/access"
	"quorate.dev/quorate/planner/preflight"
)

func (a *app) preflightCommand() *cobra.Command {
	var mode string
	cmd := &cobra.Command{
		Use:   "preflight",
		Short: "Check whether the clusters can carry the deployment; nothing is changed",
		Long: "preflight asks every cluster about its version, the rights of these credentials, StorageClasses, zones,\n" +
			"room for the replicas that have no place yet, quotas and limits; and compares the clusters' versions,\n" +
			"ranges of pod addresses and clocks. What is certain to fail is failed; what is in doubt, or may not be\n" +
			"looked at, is a warning. Nothing is changed in any cluster, and no pod is started.\n\n" +
			"Exit codes: 0 nothing failed (there may be warnings), 12 something failed, 17 a cluster cannot be reached.",
		Example: "  quorate preflight\n  quorate preflight --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.preflight(cmd.Context(), access.Mode(mode)) },
	}
	cmd.Flags().StringVar(&mode, "mode", string(access.Apply), "what these credentials must have the rights for: "+modeNames())
	return cmd
}

func (a *app) preflight(ctx context.Context, mode access.Mode) error {
	if !slices.Contains(access.Modes(), mode) {
		return invalidInput{fmt.Errorf("--mode %q is not known: %s", mode, modeNames())}
	}
	w, err := a.ready()
	if err != nil {
		return err
	}
	w.surveys = true
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	sites, err := w.survey(ctx, mode, observed)
	if err != nil {
		return err
	}
	found := preflight.Judge(preflight.Settings{
		ZoneLabels: w.topology.Spec.Locality.Zone == "podLabel", Flat: w.topology.Spec.Network.Mode == "flat",
	}, sites)
	if a.json() {
		err = view.PreflightJSON(a.out, w.topology.Metadata.Name, found)
	} else {
		view.Preflight(a.out, a.style(), found)
	}
	switch {
	case err != nil:
		return err
	case silence(observed) != nil:
		return silence(observed)
	case preflight.Worst(found) == preflight.Failed:
		return unsafePlan{errors.New("the clusters cannot carry the deployment as they are: see the failed checks (nothing was changed)")}
	}
	return nil
}

// survey asks every cluster that answered what it offers, all at once.
func (w *wired) survey(ctx context.Context, mode access.Mode, observed []planner.Observation) ([]preflight.Site, error) {
	var answered []planner.Observation
	for _, o := range observed {
		if o.Unreachable == "" {
			answered = append(answered, o)
		}
	}
	sites := make([]preflight.Site, len(answered))
	errs := make([]error, len(answered))
	var group sync.WaitGroup
	for i, o := range answered {
		group.Go(func() { sites[i], errs[i] = w.surveyOne(ctx, mode, o) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return sites, ctx.Err()
}

func (w *wired) surveyOne(ctx context.Context, mode access.Mode, o planner.Observation) (preflight.Site, error) {
	cluster, _ := w.topology.ClusterByName(o.Cluster)
	site := preflight.Site{
		Cluster: o.Cluster, Mode: string(mode), Zones: cluster.Zones, PodCIDRs: cluster.PodCIDRs,
		ZoneCopy: o.State.ZoneCopy, ZoneCopyUnknown: o.State.ZoneCopyUnknown,
	}
	var err error
	if site.Ground, err = w.clusters[o.Cluster].Ground(ctx, cluster.Namespace, w.now); err != nil {
		return site, err
	}
	needs := access.Needs(mode, seen(w.site(cluster), o))
	lacking, err := w.clusters[o.Cluster].Lacking(ctx, access.Rights(needs))
	if err != nil {
		return site, err
	}
	for _, n := range access.Missing(needs, lacking) {
		site.Lacking = append(site.Lacking, n.String())
	}
	placed := map[string]int{}
	for _, p := range o.State.Pods {
		if p.Node != "" {
			placed[p.ID.Pool]++
		}
	}
	for _, pool := range w.topology.Pools(cluster) {
		asked, err := preflight.Asked(w.desired[o.Cluster], pool.Name, max(0, pool.Replicas-placed[pool.Name]))
		if err != nil {
			return site, fmt.Errorf("cluster %s: StatefulSet %s of the overlay: %w", o.Cluster, pool.Name, err)
		}
		site.Pools = append(site.Pools, asked)
	}
	return site, nil
}
