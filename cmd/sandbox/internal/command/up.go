package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/player"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// upFlags are what `up` can be asked for.
type upFlags struct {
	config         string
	clusters       []string
	regions        []string
	zonesPerRegion int
	nodesPerZone   int
	featureGates   string
	runtime        string
	nodes          int
}

// up is `sandbox up`.
func (a *app) up() *cobra.Command {
	flags := &upFlags{}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start the sandbox, or heal it: what runs already is left alone",
		Example: `  sandbox up
  sandbox up --cluster usw1=us-west1 --cluster use1=us-east1:us-east1-b,us-east1-c,us-east1-d
  sandbox up --runtime containers --nodes 2
  sandbox up --name rehearsal --regions eu-north1,eu-south1 --feature-gates MaxUnavailableStatefulSet=false`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runUp(cmd.Context(), flags) },
	}
	cmd.Flags().StringVar(&flags.config, "config", "", "YAML file: clusters: [{name, region, zones, nodesPerZone}], featureGates, runtime, nodes")
	cmd.Flags().StringArrayVar(&flags.clusters, "cluster", nil, "NAME=REGION or NAME=REGION:ZONE,ZONE,…; repeat for each cluster")
	cmd.Flags().StringSliceVar(&flags.regions, "regions", nil, "one cluster per region, named as the region")
	cmd.Flags().IntVar(&flags.zonesPerRegion, "zones-per-region", 3, "zones of a cluster that names none: <region>-a, -b, …")
	cmd.Flags().IntVar(&flags.nodesPerZone, "nodes-per-zone", 2, "nodes in each zone")
	cmd.Flags().StringVar(&flags.featureGates, "feature-gates", "", "Kubernetes feature gates for all components, such as MaxUnavailableStatefulSet=false")
	runtimeFlag(cmd, &flags.runtime, state.Simulated)
	cmd.Flags().IntVar(&flags.nodes, "nodes", 0, "real nodes of each cluster, over which its zones are dealt (with --runtime containers; default 1)")
	cmd.MarkFlagsMutuallyExclusive("config", "cluster", "regions")
	cmd.MarkFlagsMutuallyExclusive("nodes", "nodes-per-zone")
	return cmd
}

// request reads what was asked for; asked is false if nothing was.
func (f *upFlags) request() (request state.Request, asked bool, err error) {
	switch {
	case f.config != "":
		request, err = state.ReadRequest(f.config)
	case len(f.clusters) > 0:
		for _, text := range f.clusters {
			cluster, err := state.ParseCluster(text)
			if err != nil {
				return request, true, err
			}
			request.Clusters = append(request.Clusters, cluster)
		}
	case len(f.regions) > 0:
		for _, region := range f.regions {
			request.Clusters = append(request.Clusters, state.RequestedCluster{Name: region, Region: region})
		}
	default:
		request.Clusters = []state.RequestedCluster{
			{Name: "usw1", Region: "us-west1"}, {Name: "use1", Region: "us-east1"}, {Name: "euw1", Region: "europe-west1"},
		}
	}
	if f.featureGates != "" {
		request.FeatureGates = f.featureGates
	}
	if f.runtime == state.Containers {
		request.Runtime = f.runtime
	}
	if f.nodes != 0 {
		request.Nodes = f.nodes
	}
	asked = f.config != "" || len(f.clusters) > 0 || len(f.regions) > 0 || f.featureGates != "" || f.nodes != 0
	return request, asked, err
}

// runUp builds, describes the sandbox on disk, and brings everything to the running state.
func (a *app) runUp(ctx context.Context, flags *upFlags) error {
	request, asked, err := flags.request()
	if err != nil {
		return err
	}
	wanted, err := request.Spec(a.name, flags.zonesPerRegion, flags.nodesPerZone)
	if err != nil {
		return err
	}
	existing, err := a.dir.Load()
	if err == nil {
		asked = asked || (wanted.Runtime != "" && wanted.Runtime != existing.Runtime)
		if !asked {
			wanted = existing
		}
	}
	set, err := a.provide(ctx, wanted.Runtime)
	if err != nil {
		return err
	}
	wanted.Binaries = set.Dir
	started := time.Now()
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	return a.locked(ctx, func() error {
		spec, err := a.describe(ctx, wanted, asked)
		if err != nil {
			return err
		}
		if err := a.bringUp(ctx, spec, set); err != nil {
			return err
		}
		fmt.Fprintf(a.stderr, "sandbox: %s is up, %d clusters, %.1fs; export KUBECONFIG=%s\n",
			a.name, len(spec.Clusters), time.Since(started).Seconds(), a.dir.Kubeconfig())
		return nil
	})
}

// provide looks whether the machine can do what the runtime needs, and builds what it runs.
func (a *app) provide(ctx context.Context, runtime string) (binaries.Set, error) {
	if runtime != state.Containers {
		return binaries.Ensure(ctx, a.paths.Cache, a.sources, a.stderr)
	}
	if err := lacking(a.missing(ctx, false)); err != nil {
		return binaries.Set{}, err
	}
	return binaries.EnsureContainers(ctx, a.paths.Cache, a.sources, a.stderr)
}

// bringUp brings everything that is described to the running state.
func (a *app) bringUp(ctx context.Context, spec *state.Spec, set binaries.Set) error {
	runtime, err := a.runtimeWith(spec, set)
	if err != nil {
		return err
	}
	if err := runtime.Up(ctx, spec, a.stderr); err != nil {
		return err
	}
	if err := runtime.WriteKubeconfig(spec); err != nil {
		return err
	}
	if spec.Runtime == state.Containers {
		return nil // real containers need no player
	}
	return player.Ensure(ctx, a.paths, a.dir, spec)
}

// describe gives the sandbox's description: the one on disk if there is one, else the wanted one,
// written before anything starts.
func (a *app) describe(ctx context.Context, wanted *state.Spec, asked bool) (*state.Spec, error) {
	existing, err := a.dir.Load()
	switch {
	case err == nil && asked && !existing.SameShape(wanted):
		return nil, fmt.Errorf("sandbox %s %w; run `sandbox down --name %s` first, or choose another --name", a.name, errSandboxDiffers, a.name)
	case err == nil:
		return existing, nil
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	if wanted.Runtime == state.Containers {
		return wanted, a.paths.AssignNetwork(ctx, a.dir, wanted, claimer(a.dir))
	}
	return wanted, a.paths.AssignPorts(ctx, a.dir, wanted)
}

// down is `sandbox down`.
func (a *app) down() *cobra.Command {
	return &cobra.Command{
		Use:   "down",
		Short: "End everything that the sandbox started and remove its directory; the built binaries stay",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := a.deadline(cmd.Context())
			defer cancel()
			return a.locked(ctx, func() error {
				existed := a.dir.Exists()
				if err := player.End(ctx, a.dir); err != nil {
					return err
				}
				if err := endContainers(ctx, a.dir); err != nil {
					return err
				}
				if err := (clusters.Manager{Dir: a.dir}).Down(ctx); err != nil {
					return err
				}
				if existed {
					fmt.Fprintf(a.stderr, "sandbox: %s is down\n", a.name)
				} else {
					fmt.Fprintf(a.stderr, "sandbox: %s was not up\n", a.name)
				}
				return nil
			})
		},
	}
}
