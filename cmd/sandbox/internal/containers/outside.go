//go:build linux

package containers

import (
	"context"
	"errors"
	"fmt"
	"os/exec"

	"quorate.dev/quorate/cmd/sandbox/internal/kubernetes"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/network"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// EnsureOutside makes the outside place of that name, which the description lists already, and gives
// the process to run commands beside.
func (m Manager) EnsureOutside(ctx context.Context, spec *state.Spec, name string) (int, error) {
	layout, err := m.connect(spec)
	if err != nil {
		return 0, err
	}
	place, err := layout.Find(name, places.Outside)
	if err != nil {
		return 0, err
	}
	if err := m.ensureOutsidePlace(ctx, layout, place); err != nil {
		return 0, err
	}
	process, runs, err := m.running(name)
	if err != nil || !runs {
		return 0, errors.Join(fmt.Errorf("place %s has ended again; its log is %s", name, m.initLog(name)), err)
	}
	return process.PID, nil
}

func (m Manager) ensureOutsidePlace(ctx context.Context, layout places.Map, place places.Place) error {
	_, err := m.ensurePlace(ctx, layout, place, func(place places.Place) (nodes.Description, error) {
		return kubernetes.Empty(m.Dir, place.Name), nil
	})
	if err != nil {
		return fmt.Errorf("place %s: %w; its log is %s", place.Name, err, m.initLog(place.Name))
	}
	return nil
}

// ensureOutside brings up the outside places that were made before.
func (m Manager) ensureOutside(ctx context.Context, spec *state.Spec, layout places.Map) error {
	for _, name := range spec.Outside {
		place, err := layout.Find(name, places.Outside)
		if err == nil {
			err = m.ensureOutsidePlace(ctx, layout, place)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// RunAt runs a command in the namespaces of a place, beside its process 1, and waits for it. The command
// sees the machine's files, and ends with the place, or with this process.
func RunAt(pid int, cmd *exec.Cmd) error {
	return namespaces.Run(pid, cmd, namespaces.Network, namespaces.Mount, namespaces.PID, namespaces.Host)
}

// ApplyPartitions makes the partitions of spec true in every place that runs. Places that start later
// begin with them.
func (m Manager) ApplyPartitions(ctx context.Context, spec *state.Spec) error {
	layout, err := places.Of(spec)
	if err != nil {
		return err
	}
	var failures error
	for _, place := range layout.Places {
		process, runs, err := m.running(place.Name)
		if err == nil && runs {
			err = network.SetFilter(ctx, layout, place, process.PID)
		}
		failures = errors.Join(failures, err)
	}
	return failures
}
