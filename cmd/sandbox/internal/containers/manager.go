//go:build linux

// Package containers makes, stops, starts and removes clusters of real kubelets and real containers, in
// namespaces of this machine. Every control plane and every node is a place (package places) with one
// process 1 of ours (package nodes); who runs is found by looking at the machine's processes, so that
// whatever was killed at whatever moment is healed or cleaned away.
package containers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/cgroups"
	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/credentials"
	"quorate.dev/quorate/cmd/sandbox/internal/kubernetes"
	"quorate.dev/quorate/cmd/sandbox/internal/network"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Manager runs the clusters of one sandbox.
type Manager struct {
	Dir      state.Dir
	Binaries binaries.Set
}

func (m Manager) network() network.Network { return network.Network{Tag: m.Dir.Tag()} }

// cgroup is where the pods of a place go; without a place, those of the whole sandbox.
func (m Manager) cgroup(place ...string) string {
	return cgroups.Path(m.Dir.Name+"-"+m.Dir.Tag(), place...)
}

// Claim makes the sandbox's bridge with the addresses of plan, for state.AssignNetwork.
func (m Manager) Claim(plan addresses.Plan) error { return m.network().Claim(plan) }

// cluster is what a cluster's configuration is rendered from.
func (m Manager) cluster(spec *state.Spec, layout places.Map, index int) kubernetes.Cluster {
	return kubernetes.Cluster{
		Sandbox: spec, Index: index, Dir: m.Dir, Binaries: m.Binaries, Places: layout,
		CgroupOf: func(place string) string { return m.cgroup(place) },
	}
}

// Up makes or starts every cluster of the sandbox, all at once, and leaves those alone that run. One
// cluster's failure does not stop the others; all failures are reported.
func (m Manager) Up(ctx context.Context, spec *state.Spec, narrate io.Writer) error {
	layout, err := m.connect(spec)
	if err != nil {
		return err
	}
	outside := make(chan error, 1)
	go func() { outside <- m.ensureOutside(ctx, spec, layout) }()
	err = clusters.EachCluster(spec.Clusters, func(cluster state.Cluster) error {
		started := time.Now()
		did, err := m.ensureCluster(ctx, spec, layout, cluster)
		if err != nil {
			return fmt.Errorf("bring up cluster %s: %w", cluster.Name, err)
		}
		fmt.Fprintf(narrate, "sandbox: cluster %s (%s) %s in %.1fs\n", cluster.Name, cluster.Region, did, time.Since(started).Seconds())
		return nil
	})
	return errors.Join(err, <-outside)
}

// connect makes the bridge and the machine's routes, and gives the layout.
func (m Manager) connect(spec *state.Spec) (places.Map, error) {
	layout, err := places.Of(spec)
	if err != nil {
		return layout, err
	}
	if err := m.network().Claim(layout.Plan); err != nil {
		return layout, fmt.Errorf("make the network %s of sandbox %s: %w", spec.Network, spec.Name, err)
	}
	return layout, m.network().RouteMachine(layout)
}

// ensureCluster brings one cluster to the running state, whatever state it is in, and says what it did.
func (m Manager) ensureCluster(ctx context.Context, spec *state.Spec, layout places.Map, cluster state.Cluster) (string, error) {
	index := indexOf(spec, cluster.Name)
	rendered := m.cluster(spec, layout, index)
	existed := fileExists(m.Dir.Credentials(cluster.Name))
	err := credentials.Ensure(m.Dir.Credentials(cluster.Name), cluster.Name, rendered.Subjects(), time.Now())
	if err != nil {
		return "", err
	}
	since := time.Now()
	started, err := m.ensurePlaces(ctx, layout, rendered, layout.Of(cluster.Name))
	if err != nil {
		return "", err
	}
	waits := readiness{m, spec, layout, cluster, index, map[string]time.Time{}}
	for _, place := range started {
		waits.since[place] = since
	}
	if err := waits.serveAndSettle(ctx, rendered); err != nil {
		return "", err
	}
	switch {
	case !existed:
		return "created", nil
	case len(started) > 0:
		return "started", nil
	}
	return "runs already; checked", nil
}

// ensurePlaces brings places to the running state, all at once, and names those that did not run.
func (m Manager) ensurePlaces(ctx context.Context, layout places.Map, cluster kubernetes.Cluster, wanted []places.Place) ([]string, error) {
	var mu sync.Mutex
	var started []string
	var all *multierror.Error
	var group sync.WaitGroup
	for _, place := range wanted {
		group.Go(func() {
			did, err := m.ensurePlace(ctx, layout, place, cluster.Describe)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				all = multierror.Append(all, fmt.Errorf("%s %s: %w; its log is %s", place.Kind, place.Name, err, m.initLog(place.Name)))
			} else if did {
				started = append(started, place.Name)
			}
		})
	}
	group.Wait()
	return started, all.ErrorOrNil()
}

// WriteKubeconfig writes the administrator's credentials of all clusters into one file.
func (m Manager) WriteKubeconfig(spec *state.Spec) error {
	return clusters.MergeKubeconfigs(m.Dir, spec, func(cluster string) (*clientcmdapi.Config, error) {
		return m.adminConfig(spec, cluster)
	})
}

// adminConfig is the administrator's kubeconfig of one cluster.
func (m Manager) adminConfig(spec *state.Spec, cluster string) (*clientcmdapi.Config, error) {
	layout, err := places.Of(spec)
	if err != nil {
		return nil, err
	}
	server := m.cluster(spec, layout, indexOf(spec, cluster)).Server()
	return credentials.Kubeconfig(m.Dir.Credentials(cluster), kubernetes.AdminFile, cluster, server)
}

// indexOf is a cluster's number in the address plan.
func indexOf(spec *state.Spec, name string) int {
	for i, cluster := range spec.Clusters {
		if cluster.Name == name {
			return i
		}
	}
	return -1
}

// initLog is what process 1 of a place writes.
func (m Manager) initLog(place string) string {
	return filepath.Join(m.Dir.Place(place), "logs", "init.log")
}

// log is what a component of a place writes.
func (m Manager) log(place, component string) string {
	return filepath.Join(m.Dir.Place(place), "logs", component+".log")
}
