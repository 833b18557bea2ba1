package command

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// preflight is `sandbox preflight`.
func (a *app) preflight() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use:   "preflight",
		Short: "Say what this machine lacks to run real containers: one line for each missing right or package, with its mend",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name != state.Containers {
				return nil // Go is all that the simulated runtime needs
			}
			lacks := a.missing(cmd.Context(), true)
			for _, line := range lacks {
				fmt.Fprintln(a.stdout, line)
			}
			if len(lacks) > 0 {
				return exitCode(1)
			}
			return nil
		},
	}
	runtimeFlag(cmd, &name, state.Containers)
	return cmd
}

// runtimeFlag adds --runtime, checked before the command runs.
func runtimeFlag(cmd *cobra.Command, name *string, value string) {
	cmd.Flags().StringVar(name, "runtime", value, state.Simulated+", or "+state.Containers+" (Linux, root)")
	cmd.PreRunE = func(*cobra.Command, []string) error {
		if *name != state.Simulated && *name != state.Containers {
			return fmt.Errorf("--runtime %q: choose %s or %s", *name, state.Simulated, state.Containers)
		}
		return nil
	}
}

// errNotAble begins what `up` says when the machine lacks something.
var errNotAble = errors.New("this machine cannot run real containers")

// lacking makes an error of what is missing.
func lacking(lacks []string) error {
	if len(lacks) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", errNotAble, strings.Join(lacks, "\n  "))
}
