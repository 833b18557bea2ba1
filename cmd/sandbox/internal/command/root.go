// Package command is the command line of the sandbox.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// app is what every command needs.
type app struct {
	sources fs.FS
	stdout  io.Writer // data
	stderr  io.Writer // narration
	name    string
	timeout time.Duration
	paths   state.Paths
	dir     state.Dir
}

// defaultTimeout bounds everything that waits for clusters or the player. Building the binaries is
// not counted.
const defaultTimeout = 3 * time.Minute

// Run executes the command line and gives the exit code: 0, or 1 after saying what failed.
func Run(args []string, sources fs.FS, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	a := &app{sources: sources, stdout: stdout, stderr: stderr}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if code, ok := errors.AsType[exitCode](err); ok {
		return int(code)
	}
	if err != nil {
		fmt.Fprintf(stderr, "sandbox: %v\n", err)
		return 1
	}
	return 0
}

// root is the command line; every command finds the sandbox's directory before it runs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "sandbox",
		Short:         "Real Kubernetes control planes on loopback, with played nodes and a played database",
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			var err error
			if a.paths, err = state.FindPaths(os.Getenv); err != nil {
				return err
			}
			a.dir, err = a.paths.Sandbox(a.name)
			return err
		},
	}
	root.PersistentFlags().StringVar(&a.name, "name", state.DefaultName, "which sandbox; several run side by side")
	root.PersistentFlags().DurationVar(&a.timeout, "timeout", defaultTimeout, "give up waiting after this long")
	root.AddCommand(a.build(), a.up(), a.down(), a.status(), a.kubeconfig(), a.stop(), a.start(), a.play(), a.db(), a.witness(), a.preflight())
	root.AddCommand(a.linuxCommands()...)
	return root
}

// deadline bounds a command's waits.
func (a *app) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, a.timeout, fmt.Errorf("not done within %s (see --timeout)", a.timeout))
}

// locked runs do while no other command changes the sandbox.
func (a *app) locked(ctx context.Context, do func() error) (err error) {
	unlock, err := a.dir.Lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return do()
}

// build is `sandbox build`.
func (a *app) build() *cobra.Command {
	var printPath, containers bool
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Build the control plane and its tools into the cache (about 10 minutes on two cores the first time)",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ensure := binaries.Ensure
			if containers {
				ensure = binaries.EnsureContainers
			}
			set, err := ensure(cmd.Context(), a.paths.Cache, a.sources, a.stderr)
			if err == nil && printPath {
				fmt.Fprintln(a.stdout, set.Dir)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&containers, "containers", false, "also what the containers runtime needs (about 8 minutes more the first time)")
	cmd.Flags().BoolVar(&printPath, "print-path", false, "print the directory of the binaries")
	return cmd
}

// kubeconfig is `sandbox kubeconfig`.
func (a *app) kubeconfig() *cobra.Command {
	return &cobra.Command{
		Use:   "kubeconfig",
		Short: "Print the path of the sandbox's kubeconfig: one context per cluster, named as the cluster",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := a.dir.Load(); err != nil {
				return err
			}
			if _, err := os.Stat(a.dir.Kubeconfig()); err != nil {
				return fmt.Errorf("sandbox %s is not fully up: %w; run `sandbox up --name %s`", a.name, err, a.name)
			}
			fmt.Fprintln(a.stdout, a.dir.Kubeconfig())
			return nil
		},
	}
}

// errSandboxDiffers is why `up` does not touch a sandbox of another shape.
var errSandboxDiffers = errors.New("exists with other clusters, feature gates, runtime or nodes")
