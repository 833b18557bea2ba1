package command

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/containers"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// withContainers runs do on a sandbox of real containers, under its lock.
func (a *app) withContainers(ctx context.Context, what string, do func(context.Context, containers.Manager, *state.Spec) error) error {
	ctx, cancel := a.deadline(ctx)
	defer cancel()
	return a.locked(ctx, func() error {
		spec, err := a.dir.Load()
		if err != nil {
			return err
		}
		if err := a.onlyContainers(spec, what); err != nil {
			return err
		}
		return do(ctx, containers.Manager{Dir: a.dir, Binaries: binaries.Set{Dir: spec.Binaries}}, spec)
	})
}

// partition is `sandbox partition`.
func (a *app) partition() *cobra.Command {
	var oneWay bool
	cmd := &cobra.Command{
		Use:   "partition A B",
		Short: "Cut two clusters, or a cluster and an outside place, off from each other; the machine still reaches both",
		Long: "Cut A and B off from each other, until `heal`: nothing of the one arrives at the other, be it from control planes, nodes\n" +
			"or pods. With --one-way A cannot open connections to B, while B still can to A.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withContainers(cmd.Context(), "partition", func(ctx context.Context, m containers.Manager, spec *state.Spec) error {
				if err := checkSides(spec, args); err != nil {
					return err
				}
				return a.applyPartitions(ctx, m, spec, cut(spec.Partitions, state.Partition{From: args[0], To: args[1], OneWay: oneWay}))
			})
		},
	}
	cmd.Flags().BoolVar(&oneWay, "one-way", false, "only A cannot open connections to B")
	return cmd
}

// heal is `sandbox heal`.
func (a *app) heal() *cobra.Command {
	return &cobra.Command{
		Use:   "heal [A B]",
		Short: "End the partition between two, or every partition",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 0 && len(args) != 2 {
				return fmt.Errorf("heal: name both sides, or none to end every partition")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withContainers(cmd.Context(), "heal", func(ctx context.Context, m containers.Manager, spec *state.Spec) error {
				if len(args) == 0 {
					return a.applyPartitions(ctx, m, spec, nil)
				}
				if err := checkSides(spec, args); err != nil {
					return err
				}
				left := slices.DeleteFunc(slices.Clone(spec.Partitions), func(p state.Partition) bool { return p.Is(args[0], args[1]) })
				return a.applyPartitions(ctx, m, spec, left)
			})
		},
	}
}

// checkSides refuses what is neither a cluster nor an outside place.
func checkSides(spec *state.Spec, sides []string) error {
	layout, err := places.Of(spec)
	if err != nil {
		return err
	}
	for _, side := range sides {
		if !slices.Contains(layout.Sides(), side) {
			return fmt.Errorf("sandbox %s has no cluster or outside place %q; it has %v", spec.Name, side, layout.Sides())
		}
	}
	if sides[0] == sides[1] {
		return fmt.Errorf("%q cannot be cut off from itself; name two of %v", sides[0], layout.Sides())
	}
	return nil
}

// cut adds a partition to those in force. What it goes beyond, or repeats, it replaces.
func cut(now []state.Partition, added state.Partition) []state.Partition {
	kept := slices.DeleteFunc(slices.Clone(now), func(p state.Partition) bool {
		opposite := p.OneWay && added.OneWay && p.From != added.From
		return p.Is(added.From, added.To) && !opposite
	})
	return append(kept, added)
}

// applyPartitions writes the partitions down, and then makes them true: a crash in between is mended by
// `up`, or by saying it again.
func (a *app) applyPartitions(ctx context.Context, m containers.Manager, spec *state.Spec, partitions []state.Partition) error {
	spec.Partitions = partitions
	if err := a.dir.Save(spec); err != nil {
		return err
	}
	return m.ApplyPartitions(ctx, spec)
}

// kill is `sandbox kill`.
func (a *app) kill() *cobra.Command {
	return &cobra.Command{
		Use:   "kill NODE",
		Short: "End a node at once, with everything on it; `start` or `up` bring it back",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withContainers(cmd.Context(), "kill", func(ctx context.Context, m containers.Manager, spec *state.Spec) error {
				return m.Kill(ctx, spec, args[0])
			})
		},
	}
}
