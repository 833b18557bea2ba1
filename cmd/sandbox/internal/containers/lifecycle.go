//go:build linux

package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"quorate.dev/quorate/cmd/sandbox/internal/cgroups"
	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/processes"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// imported is the file by which a node says that all its images are there.
func (m Manager) imported(node string) string {
	return filepath.Join(m.Dir.Place(node), "images-imported")
}

// Stop ends the control plane and every node of a cluster at once, as a region that loses its power;
// data is kept.
func (m Manager) Stop(ctx context.Context, spec *state.Spec, cluster state.Cluster) error {
	layout, err := places.Of(spec)
	if err != nil {
		return err
	}
	return m.endPlaces(ctx, layout.Of(cluster.Name))
}

// Kill ends one node as `kill -9` of all its processes.
func (m Manager) Kill(ctx context.Context, spec *state.Spec, node string) error {
	layout, err := places.Of(spec)
	if err != nil {
		return err
	}
	place, err := layout.Find(node, places.Node)
	if err != nil {
		return err
	}
	return m.endPlaces(ctx, []places.Place{place})
}

// endPlaces kills places together, then tidies up after each.
func (m Manager) endPlaces(ctx context.Context, ending []places.Place) error {
	var inits []processes.Process
	for _, place := range ending {
		found, err := m.inits(place.Name)
		if err != nil {
			return err
		}
		inits = append(inits, found...)
	}
	failure := namespaces.Kill(ctx, inits...)
	for _, place := range ending {
		if err := m.endPlace(ctx, place.Name); err != nil {
			failure = errors.Join(failure, fmt.Errorf("end %s: %w", place.Name, err))
		}
	}
	return failure
}

// Start starts whatever does not run of a cluster and waits until it can be used.
func (m Manager) Start(ctx context.Context, spec *state.Spec, cluster state.Cluster) error {
	layout, err := m.connect(spec)
	if err != nil {
		return err
	}
	if _, err := m.ensureCluster(ctx, spec, layout, cluster); err != nil {
		return fmt.Errorf("start cluster %s: %w", cluster.Name, err)
	}
	return nil
}

// Down ends everything of the sandbox, also what nobody knows any more, and removes its links, cgroups and
// directory. It needs no description of the sandbox, and a sandbox that is not there is no error.
func (m Manager) Down(ctx context.Context) error {
	inits, err := namespaces.Inits(m.Dir.Path)
	if err != nil {
		return err
	}
	if err := namespaces.Kill(ctx, inits...); err != nil {
		return fmt.Errorf("end sandbox %s: %w", m.Dir.Name, err)
	}
	if err := errors.Join(m.network().Remove(), cgroups.Remove(ctx, m.cgroup())); err != nil {
		return fmt.Errorf("end sandbox %s: %w", m.Dir.Name, err)
	}
	if err := os.RemoveAll(m.Dir.Path); err != nil {
		return fmt.Errorf("remove sandbox %s: %w", m.Dir.Name, err)
	}
	return nil
}
