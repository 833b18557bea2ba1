package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/access"
	"quorate.dev/quorate/planner/preflight"
)

// preflightOptions are the flags of `preflight`.
type preflightOptions struct {
	mode  string
	probe probeOptions
}

func (a *app) preflightCommand() *cobra.Command {
	var o preflightOptions
	cmd := &cobra.Command{
		Use:   "preflight",
		Short: "Check whether the clusters can carry the deployment; nothing is changed",
		Long: "preflight asks every cluster about its version, the rights of these credentials, StorageClasses, zones,\n" +
			"room for the replicas that have no place yet, quotas and limits; and compares the clusters' versions,\n" +
			"ranges of pod addresses and clocks. What is certain to fail is failed; what is in doubt, or may not be\n" +
			"looked at, is a warning. Nothing is changed in any cluster.\n\n" +
			"With --probe-image it also looks at the network from inside: a small pod in every cluster, for a minute or two,\n" +
			"which opens TCP connections to those of all other clusters at the database's ports, and asks for names. With\n" +
			"--probe-replicas a replica that runs already looks, which takes bash in its image. The pods are removed at the end, also\n" +
			"after an interrupt; should this process die, the clusters remove them.\n\n" +
			"Exit codes: 0 nothing failed (there may be warnings), 12 something failed, 17 a cluster cannot be reached.",
		Example: "  quorate preflight\n  quorate preflight --output json\n  quorate preflight --probe-image registry.example.com/quorate:v1.0.0\n  quorate preflight --probe-replicas",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.preflight(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.mode, "mode", string(access.Apply), "what these credentials must have the rights for: "+modeNames())
	flags.StringVar(&o.probe.image, "probe-image", "", "an `image` of quorate, for a short-lived pod in every cluster that looks at the network")
	flags.BoolVar(&o.probe.replicas, "probe-replicas", false, "look at the network from a replica of every cluster that runs already")
	flags.DurationVar(&o.probe.within, "probe-timeout", time.Minute, "how long the pods of --probe-image may take to run")
	cmd.MarkFlagsMutuallyExclusive("probe-image", "probe-replicas")
	return cmd
}

func (a *app) preflight(ctx context.Context, o preflightOptions) error {
	mode := access.Mode(o.mode)
	if !slices.Contains(access.Modes(), mode) {
		return invalidInput{fmt.Errorf("--mode %q is not known: %s", mode, modeNames())}
	}
	if o.probe.within < time.Second || o.probe.within > probeLongest {
		return invalidInput{fmt.Errorf("--probe-timeout %s: between 1s and %s", o.probe.within, probeLongest)}
	}
	w, err := a.ready(ctx)
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
	if err := a.probe(ctx, w, o.probe, observed, sites); err != nil {
		return err
	}
	found := preflight.Judge(w.preflightSettings(), sites)
	if a.json() {
		err = view.PreflightJSON(a.out, w.topology.Metadata.Name, found, preflight.Paths(sites))
	} else {
		view.Preflight(a.out, a.style(), found)
	}
	switch {
	case err != nil:
		return err
	case silence(observed) != nil:
		return silence(observed)
	case preflight.Worst(found) == preflight.Failed:
		return advised{unsafePlan{errors.New("the clusters cannot carry the deployment as they are: see the failed checks (nothing was changed)")}, "mend what failed, then run `quorate preflight` again"}
	}
	return nil
}

// preflightSettings are what checks depend on.
func (w *wired) preflightSettings() preflight.Settings {
	return preflight.Settings{ZoneLabels: w.topology.Spec.Locality.Zone == "podLabel", Flat: w.topology.Spec.Network.Mode == "flat"}
}

// survey asks every cluster that answered what it offers, all at once; rights are reviewed where a mode is named.
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
	if mode != "" {
		needs := access.Needs(mode, seen(w.site(cluster), o))
		lacking, err := w.clusters[o.Cluster].Lacking(ctx, access.Rights(needs))
		if err != nil {
			return site, err
		}
		for _, n := range access.Missing(needs, lacking) {
			site.Lacking = append(site.Lacking, n.String())
		}
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
