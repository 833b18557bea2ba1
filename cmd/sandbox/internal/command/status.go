package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/player"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// statusDocument is what `status --output json` prints.
type statusDocument struct {
	FormatVersion string            `json:"format_version"`
	Name          string            `json:"name"`
	Up            bool              `json:"up"`
	Player        bool              `json:"player"`
	Kubeconfig    string            `json:"kubeconfig,omitempty"`
	Clusters      []clusters.Health `json:"clusters"`

	// With real containers.
	Runtime    string            `json:"runtime,omitempty"`
	Outside    []clusters.Place  `json:"outside,omitempty"`
	Partitions []state.Partition `json:"partitions,omitempty"`
}

// status is `sandbox status`.
func (a *app) status() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what runs",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			document, err := a.readStatus(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(a.stdout, document)
			}
			return document.writeText(a.stdout)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// outputFlag adds --output, checked before the command runs.
func outputFlag(cmd *cobra.Command, output *string) {
	cmd.Flags().StringVarP(output, "output", "o", "text", "text or json")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *output != "text" && *output != "json" {
			return fmt.Errorf("--output %q: choose text or json", *output)
		}
		return nil
	}
}

// readStatus looks at the clusters and the player. A sandbox that is not up is a status, no error.
func (a *app) readStatus(ctx context.Context) (statusDocument, error) {
	document := statusDocument{FormatVersion: state.FormatVersion, Name: a.name, Clusters: []clusters.Health{}}
	spec, err := a.dir.Load()
	if errors.Is(err, os.ErrNotExist) {
		return document, nil
	}
	if err != nil {
		return document, err
	}
	runtime, err := a.runtime(spec)
	if err != nil {
		return document, err
	}
	if document.Clusters, err = runtime.Health(ctx, spec); err != nil {
		return document, err
	}
	document.Kubeconfig = a.dir.Kubeconfig()
	document.Up = true
	if spec.Runtime == state.Containers {
		document.Runtime, document.Outside, document.Partitions = spec.Runtime, outsideOf(spec), spec.Partitions
	} else if document.Player, err = player.Runs(a.dir); err != nil {
		return document, err
	} else {
		document.Up = document.Player
	}
	for _, cluster := range document.Clusters {
		document.Up = document.Up && cluster.State == clusters.Running
	}
	return document, nil
}

// writeText prints the status as a table.
func (d statusDocument) writeText(out io.Writer) error {
	if len(d.Clusters) == 0 {
		_, err := fmt.Fprintf(out, "sandbox %s is not up\n", d.Name)
		return err
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CLUSTER\tREGION\tSTATE\tNODES READY\tSERVER\tZONES")
	for _, c := range d.Clusters {
		fmt.Fprintf(table, "%s\t%s\t%s\t%d/%d\t%s\t%s\n", c.Name, c.Region, c.State, c.NodesReady, c.Nodes, c.Server, strings.Join(c.Zones, ","))
	}
	if d.Runtime == state.Containers {
		d.writePlaces(table)
		fmt.Fprintf(table, "\nkubeconfig: %s\n", d.Kubeconfig)
		return table.Flush()
	}
	player := "stopped"
	if d.Player {
		player = "running"
	}
	fmt.Fprintf(table, "\nplayer: %s\nkubeconfig: %s\n", player, d.Kubeconfig)
	return table.Flush()
}

// writeJSON prints one document.
func writeJSON(out io.Writer, document any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		return fmt.Errorf("print the result: %w", err)
	}
	return nil
}

// stop is `sandbox stop CLUSTER`.
func (a *app) stop() *cobra.Command {
	return &cobra.Command{
		Use:   "stop CLUSTER",
		Short: "Stop the whole control plane of a cluster, with real containers also its nodes; data is kept",
		Long:  "Stop the whole control plane of a cluster; its data is kept. What a simulated cluster plays goes on unobserved. With real\ncontainers the nodes end as well, at once, as in a region that loses its power.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withCluster(cmd.Context(), args[0], runtime.Stop)
		},
	}
}

// start is `sandbox start CLUSTER`.
func (a *app) start() *cobra.Command {
	return &cobra.Command{
		Use:   "start CLUSTER",
		Short: "Start a stopped cluster and wait until its nodes are Ready",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withCluster(cmd.Context(), args[0], runtime.Start)
		},
	}
}

// withCluster runs do on one cluster of the sandbox, under the sandbox's lock.
func (a *app) withCluster(ctx context.Context, name string, do func(runtime, context.Context, *state.Spec, state.Cluster) error) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	return a.locked(ctx, func() error {
		spec, err := a.dir.Load()
		if err != nil {
			return err
		}
		cluster, err := spec.Cluster(name)
		if err != nil {
			return err
		}
		runtime, err := a.runtime(spec)
		if err != nil {
			return err
		}
		return do(runtime, ctx, spec, cluster)
	})
}
