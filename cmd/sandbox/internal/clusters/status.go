package clusters

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Health is what one cluster looks like now.
type Health struct {
	Name       string   `json:"name"`
	Region     string   `json:"region"`
	Zones      []string `json:"zones"`
	State      string   `json:"state"` // running, stopped or broken
	Server     string   `json:"server"`
	NodesReady int      `json:"nodes_ready"`
	Nodes      int      `json:"nodes"`
	Components []string `json:"components"` // processes that run; with real containers, places
	Places     []Place  `json:"places,omitempty"`
}

// Place is where a control plane or a node of a cluster with real containers runs.
type Place struct {
	Name    string `json:"name"`
	Zone    string `json:"zone,omitempty"` // of a node
	Address string `json:"address"`
	Pods    string `json:"pods,omitempty"` // of a node: the network of its pods
	Runs    bool   `json:"runs"`
}

// States of a cluster.
const (
	Running = "running" // all components run and the API server answers
	Stopped = "stopped" // no component runs
	Broken  = "broken"  // something in between: `up` heals it
)

// statusTimeout bounds the questions to one cluster.
const statusTimeout = 3 * time.Second

// Health looks at every cluster, all at once. A cluster that does not answer is a state, no error.
func (m Manager) Health(ctx context.Context, spec *state.Spec) ([]Health, error) {
	all := make([]Health, len(spec.Clusters))
	place := map[string]int{}
	for i, cluster := range spec.Clusters {
		place[cluster.Name] = i
	}
	err := EachCluster(spec.Clusters, func(cluster state.Cluster) error {
		health, err := m.healthOf(ctx, cluster)
		all[place[cluster.Name]] = health
		return err
	})
	return all, err
}

// healthOf looks at one cluster.
func (m Manager) healthOf(ctx context.Context, cluster state.Cluster) (Health, error) {
	health := Health{
		Name: cluster.Name, Region: cluster.Region, Zones: cluster.Zones, Components: []string{}, State: Stopped,
		Server: fmt.Sprintf("https://127.0.0.1:%d", cluster.Ports.APIServer), Nodes: len(cluster.Zones) * cluster.NodesPerZone,
	}
	running, err := m.running(cluster.Name)
	if err != nil {
		return health, err
	}
	for _, process := range running {
		health.Components = append(health.Components, process.Name())
	}
	if len(running) == 0 {
		return health, nil
	}
	health.State = Broken
	client, err := m.client(cluster.Name)
	if err != nil {
		return health, nil //nolint:nilerr // credentials not written yet: broken, which `up` heals
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return health, nil //nolint:nilerr // not answering is the state that is reported
	}
	for i := range nodes.Items {
		if Usable(&nodes.Items[i]) {
			health.NodesReady++
		}
	}
	if len(running) == len(components()) {
		health.State = Running
	}
	return health, nil
}

// WaitServing waits until the API server says that it is ready.
func WaitServing(ctx context.Context, client kubernetes.Interface, cluster string) error {
	var last error
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		last = client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		return last == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for the API server of cluster %s to be ready: %w", cluster, errors.Join(err, last))
	}
	return nil
}
