//go:build linux

package containers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/cmd/sandbox/internal/cgroups"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/processes"
)

const (
	startPoll = 10 * time.Millisecond // how often a starting place is looked at
	startWait = 30 * time.Second      // how long a place may take to begin
)

// descriptionFile is what process 1 of a place is started with; by it the process is found again.
func (m Manager) descriptionFile(place string) string {
	return filepath.Join(m.Dir.Place(place), "place.json")
}

// inits finds the processes 1 of a place: one if it runs, several or half-started ones after a crash.
func (m Manager) inits(place string) ([]processes.Process, error) {
	all, err := namespaces.Inits(m.Dir.Path)
	if err != nil {
		return nil, err
	}
	var found []processes.Process
	for _, process := range all {
		if namespaces.Description(process) == m.descriptionFile(place) {
			found = append(found, process)
		}
	}
	return found, nil
}

// running gives process 1 of a place that runs, or false. One that was never connected does not run.
func (m Manager) running(place string) (processes.Process, bool, error) {
	inits, err := m.inits(place)
	if err != nil || len(inits) != 1 || !fileExists(filepath.Join(m.Dir.Place(place), "started")) {
		return processes.Process{}, false, err
	}
	return inits[0], true, nil
}

// ensurePlace brings a place to the running state and tells whether it had to be started.
func (m Manager) ensurePlace(ctx context.Context, layout places.Map, place places.Place, describe func(places.Place) (nodes.Description, error)) (bool, error) {
	process, runs, err := m.running(place.Name)
	if err != nil {
		return false, err
	}
	if runs {
		return false, m.network().Attach(ctx, layout, place, process.PID)
	}
	if err := m.endPlace(ctx, place.Name); err != nil {
		return false, err
	}
	description, err := describe(place)
	if err != nil {
		return false, err
	}
	if description.Images != nil {
		if err := removeFile(description.Images.All); err != nil {
			return false, err
		}
	}
	if place.Kind == places.Node {
		if err := cgroups.Make(m.cgroup(place.Name)); err != nil {
			return false, err
		}
	}
	return true, m.launch(ctx, layout, place, description)
}

// launch starts process 1 of a place, connects it, and waits until it has begun.
func (m Manager) launch(ctx context.Context, layout places.Map, place places.Place, description nodes.Description) error {
	file := m.descriptionFile(place.Name)
	if err := description.Write(file); err != nil {
		return err
	}
	started, err := namespaces.Launch(file, m.initLog(place.Name), []string{"PATH=" + os.Getenv("PATH")})
	if err != nil {
		return err
	}
	if err := m.network().Attach(ctx, layout, place, started.PID); err != nil {
		return err
	}
	if err := started.Proceed(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errors.New("it has not begun in "+startWait.String()))
	defer cancel()
	err = wait.PollUntilContextCancel(ctx, startPoll, true, func(context.Context) (bool, error) {
		if fileExists(description.Started) {
			return true, nil
		}
		if errors.Is(syscall.Kill(started.PID, 0), syscall.ESRCH) {
			return false, errors.New("its process 1 has ended")
		}
		return false, nil
	})
	if err != nil {
		return fmt.Errorf("wait for it to begin: %w", errors.Join(err, context.Cause(ctx)))
	}
	return nil
}

// endPlace ends whatever runs of a place, and removes what its pods left in the cgroups. Data is kept.
func (m Manager) endPlace(ctx context.Context, place string) error {
	inits, err := m.inits(place)
	if err != nil {
		return err
	}
	if err := removeFile(filepath.Join(m.Dir.Place(place), "started")); err != nil {
		return err
	}
	if err := namespaces.Kill(ctx, inits...); err != nil {
		return err
	}
	return cgroups.Remove(ctx, m.cgroup(place))
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", path, err)
	}
	return nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
