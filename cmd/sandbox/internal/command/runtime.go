package command

import (
	"context"
	"fmt"
	"io"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// runtime runs the clusters of a sandbox: simulated nodes, or real containers.
type runtime struct {
	bringer
	switcher
}

// bringer brings a whole sandbox to the running state.
type bringer interface {
	Up(ctx context.Context, spec *state.Spec, narrate io.Writer) error
	WriteKubeconfig(spec *state.Spec) error
}

// switcher looks at clusters and switches them off and on.
type switcher interface {
	Health(ctx context.Context, spec *state.Spec) ([]clusters.Health, error)
	Stop(ctx context.Context, spec *state.Spec, cluster state.Cluster) error
	Start(ctx context.Context, spec *state.Spec, cluster state.Cluster) error
}

// runtime gives the sandbox's runtime, with the binaries that it was made with.
func (a *app) runtime(spec *state.Spec) (runtime, error) {
	return a.runtimeWith(spec, binaries.Set{Dir: spec.Binaries})
}

// runtimeWith gives the sandbox's runtime with other binaries.
func (a *app) runtimeWith(spec *state.Spec, set binaries.Set) (runtime, error) {
	if spec.Runtime == state.Containers {
		return realContainers(a.dir, set)
	}
	manager := clusters.Manager{Dir: a.dir, Binaries: set}
	return runtime{manager, manager}, nil
}

// onlyContainers refuses what the simulated runtime cannot do.
func (a *app) onlyContainers(spec *state.Spec, what string) error {
	if spec.Runtime == state.Containers {
		return nil
	}
	return fmt.Errorf("%s: sandbox %s has simulated nodes; it needs one of `sandbox up --runtime %s`", what, a.name, state.Containers)
}

// exitCode is a command's own exit code, passed on without a word.
type exitCode int

// Error is for those who look.
func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }
