package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/containers"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// run is `sandbox run`.
func (a *app) run() *cobra.Command {
	var at string
	cmd := &cobra.Command{
		Use:   "run --at PLACE -- COMMAND…",
		Short: "Run a command in a place of its own on the sandbox's network, where a client lives",
		Long: "Run a command in the foreground in an outside place: a network namespace with an address of its own from which\n" +
			"control planes, nodes and pods of all clusters are reached. The place is made at first use and ends with `down`, and with it\n" +
			"whatever still runs there. The command has the machine's files, and its exit code is that of `run`.",
		Example: "  sandbox run --at client -- curl -k https://198.18.0.16:6443/version",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if at == "" {
				return errors.New("run: say where with --at PLACE, such as --at client")
			}
			var pid int
			err := a.withContainers(cmd.Context(), "run", func(ctx context.Context, m containers.Manager, spec *state.Spec) error {
				if err := a.addOutside(spec, at); err != nil {
					return err
				}
				var err error
				pid, err = m.EnsureOutside(ctx, spec, at)
				return err
			})
			if err != nil {
				return err
			}
			return a.runAt(pid, args)
		},
	}
	cmd.Flags().StringVar(&at, "at", "", "the place, made if need be")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

// addOutside notes a place in the sandbox's description, which gives it its address.
func (a *app) addOutside(spec *state.Spec, name string) error {
	if slices.Contains(spec.Outside, name) {
		return nil
	}
	if err := spec.CheckOutside(name); err != nil {
		return err
	}
	if len(spec.Outside) >= addresses.MaxOutside {
		return fmt.Errorf("place %q: a sandbox has at most %d outside places", name, addresses.MaxOutside)
	}
	spec.Outside = append(spec.Outside, name)
	return a.dir.Save(spec)
}

// runAt runs the command with this process's own streams and passes its exit code on. Signals from the
// terminal reach both; it is the command that decides.
func (a *app) runAt(pid int, args []string) error {
	path, err := exec.LookPath(args[0])
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return fmt.Errorf("find the command to run: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the working directory: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program to run a command: %w", err)
	}
	cmd := exec.Command(self, append([]string{becomeCommand, path}, args...)...)
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, os.Stdin, a.stdout, a.stderr
	err = passingSignals(cmd, func() error { return containers.RunAt(pid, cmd) })
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitCode(codeOf(exit.ProcessState))
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", args[0], err)
	}
	return nil
}

// codeOf is how a command ended, as a shell says it: by its exit code, or 128 and the signal.
func codeOf(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}

// becomeCommand is what `run` starts inside the place.
const becomeCommand = "run-inside"

// become turns into the command that `run` was given.
func (a *app) become() *cobra.Command {
	return &cobra.Command{
		Use:                becomeCommand + " PATH NAME [ARGUMENT…]",
		Short:              "Turn into another program (started by `run`)",
		Hidden:             true,
		Args:               cobra.MinimumNArgs(2),
		DisableFlagParsing: true,
		PersistentPreRunE:  func(*cobra.Command, []string) error { return nil },
		RunE: func(_ *cobra.Command, args []string) error {
			return namespaces.EndWithParent(args[0], args[1:], os.Environ())
		},
	}
}

// loadImage is `sandbox load-image`.
func (a *app) loadImage() *cobra.Command {
	return &cobra.Command{
		Use:     "load-image REF BINARY…",
		Short:   "Make an image of static binaries, and give it to every node",
		Long:    "Make an image of static binaries, the first its entry point, and import it on every node; there is no registry, so pods name\nit with imagePullPolicy: Never.",
		Example: "  sandbox load-image quorate.test/quorate:dev bin/quorate",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withContainers(cmd.Context(), "load-image", func(ctx context.Context, m containers.Manager, spec *state.Spec) error {
				return m.LoadImage(ctx, spec, args[0], args[1:]...)
			})
		},
	}
}
