package command

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/containers"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/preflight"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

func realContainers(dir state.Dir, set binaries.Set) (runtime, error) {
	manager := containers.Manager{Dir: dir, Binaries: set}
	return runtime{manager, manager}, nil
}

// claimer makes a sandbox's network.
func claimer(dir state.Dir) func(addresses.Plan) error {
	return containers.Manager{Dir: dir}.Claim
}

// endContainers ends whatever real containers a sandbox has, with or without a description of it.
func endContainers(ctx context.Context, dir state.Dir) error {
	return containers.Manager{Dir: dir}.Down(ctx)
}

// missing lists what this machine lacks for real containers.
func (a *app) missing(ctx context.Context, toBuild bool) []string {
	lacks := preflight.Missing(ctx, a.paths.Sandboxes)
	if toBuild {
		lacks = append(lacks, preflight.MissingToBuild(ctx)...)
	}
	return lacks
}

// linuxCommands are those of the containers runtime.
func (a *app) linuxCommands() []*cobra.Command {
	return []*cobra.Command{a.partition(), a.heal(), a.kill(), a.run(), a.loadImage(), a.become(), a.nodeInit(), a.probe()}
}

// nodeInit is process 1 of a place, which `up`, `start` and `run` start.
func (a *app) nodeInit() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:    namespaces.InitName,
		Short:  "Be process 1 of a place (started by `up`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		// It belongs to no directory of sandboxes: it is told what it needs.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getpid() != 1 {
				return fmt.Errorf("%s is process 1 of new namespaces and is started by `sandbox up`", namespaces.InitName)
			}
			return nodes.Run(cmd.Context(), file, os.Stdin, a.stderr)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "what the place is")
	return cmd
}

// probe tries rights for `preflight`.
func (a *app) probe() *cobra.Command {
	return &cobra.Command{
		Use:    preflight.ProbeCommand,
		Short:  "Try what places need (started by `preflight`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		// It belongs to no directory of sandboxes: it is told what it needs.
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		RunE: func(cmd *cobra.Command, _ []string) error {
			if os.Getpid() != 1 {
				return fmt.Errorf("%s runs in new namespaces and is started by `sandbox preflight`", preflight.ProbeCommand)
			}
			for _, line := range preflight.Probe(cmd.Context()) {
				fmt.Fprintln(a.stdout, line)
			}
			return nil
		},
	}
}
