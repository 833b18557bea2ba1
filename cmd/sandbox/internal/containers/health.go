//go:build linux

package containers

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/cmd/sandbox/internal/clusters"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// statusTimeout bounds the questions to one cluster.
const statusTimeout = 3 * time.Second

// Health looks at every cluster, all at once. A cluster that does not answer is a state, no error.
func (m Manager) Health(ctx context.Context, spec *state.Spec) ([]clusters.Health, error) {
	layout, err := places.Of(spec)
	if err != nil {
		return nil, err
	}
	all := make([]clusters.Health, len(spec.Clusters))
	err = clusters.EachCluster(spec.Clusters, func(cluster state.Cluster) error {
		at := indexOf(spec, cluster.Name)
		var err error
		all[at], err = m.healthOf(ctx, spec, layout, cluster)
		return err
	})
	return all, err
}

// healthOf looks at one cluster.
func (m Manager) healthOf(ctx context.Context, spec *state.Spec, layout places.Map, cluster state.Cluster) (clusters.Health, error) {
	rendered := m.cluster(spec, layout, indexOf(spec, cluster.Name))
	health := clusters.Health{
		Name: cluster.Name, Region: cluster.Region, Zones: cluster.Zones, State: clusters.Stopped,
		Server: rendered.Server(), Nodes: spec.Nodes, Components: []string{},
	}
	for _, place := range layout.Of(cluster.Name) {
		_, runs, err := m.running(place.Name)
		if err != nil {
			return health, err
		}
		if runs {
			health.Components = append(health.Components, place.Name)
		}
		shown := clusters.Place{Name: place.Name, Zone: place.Zone, Address: place.Address.String(), Runs: runs}
		if place.Kind == places.Node {
			shown.Pods = place.Pods.String()
		}
		health.Places = append(health.Places, shown)
	}
	if len(health.Components) == 0 {
		return health, nil
	}
	health.State = clusters.Broken
	ready, err := m.readyNodes(ctx, spec, cluster, health.Components)
	if err != nil {
		return health, nil //nolint:nilerr // not answering is the state that is reported
	}
	health.NodesReady = ready
	if len(health.Components) == len(health.Places) {
		health.State = clusters.Running
	}
	return health, nil
}

// readyNodes asks the API server how many nodes can take pods. Of one that was killed it says so for a
// while yet: only those that run count.
func (m Manager) readyNodes(ctx context.Context, spec *state.Spec, cluster state.Cluster, running []string) (int, error) {
	config, err := m.adminConfig(spec, cluster.Name)
	if err != nil {
		return 0, err
	}
	client, err := clusters.NewClient(cluster.Name, *config)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return 0, err
	}
	ready := 0
	for i := range nodes.Items {
		if slices.Contains(running, nodes.Items[i].Name) && clusters.Usable(&nodes.Items[i]) {
			ready++
		}
	}
	return ready, nil
}
