package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// inClusterTimeout bounds one request of the authority inside a cluster: its clusters may be cut
// off at any time, and it shall ask again soon.
const inClusterTimeout = 5 * time.Second

// insideListeners are what the authority inside a cluster answers on, and by what it reaches the others.
type insideListeners struct {
	address string       // of the name server
	health  net.Listener // nil: no probes
	mounted *kube.Mounted
	renewal *kube.Renewal // of the tokens in mounted
}

// insider makes the authority inside a cluster, and binds its addresses.
func (a *app) insider(ctx context.Context, t *regions.Topology, o inClusterOptions) (*insider, insideListeners, error) {
	ways, mounted, err := a.ways(t, o)
	if err != nil {
		return nil, insideListeners{}, err
	}
	in := &insider{topology: t, own: o.cluster, ways: ways, app: a, records: map[string]regions.Record{}}
	config := serve.Config{Topology: t, Slots: in.slots(), SeedsUnknown: true, Now: a.now, Log: a.log}
	if err := o.standing.configure(t, a.log, &config); err != nil {
		return nil, insideListeners{}, err
	}
	for _, c := range t.OrderedClusters() {
		source := serve.Source{Cluster: c.Name, Namespace: c.Namespace, Connector: clientOf(ways[c.Name]), Services: map[string]string{}}
		for _, pool := range t.Pools(c) {
			source.Services[pool.Name] = o.services[pool.Name]
		}
		config.Sources = append(config.Sources, source)
	}
	if in.server, err = serve.New(ctx, config); err != nil {
		return nil, insideListeners{}, err
	}
	out := insideListeners{mounted: mounted}
	if o.health != "" {
		if out.health, err = serve.ListenHealth(ctx, o.health); err != nil {
			return nil, insideListeners{}, err
		}
	}
	if out.address, err = in.server.Listen(ctx, o.listen); err != nil {
		if out.health != nil {
			err = errors.Join(err, out.health.Close())
		}
		return nil, insideListeners{}, fmt.Errorf("serve zone %s: %w", t.Spec.DNS.Zone, err)
	}
	out.renewal, err = a.renewal(t, o, ways, mounted)
	return in, out, err
}

// renewal keeps the tokens of the mounted credentials alive.
func (a *app) renewal(t *regions.Topology, o inClusterOptions, ways map[string]clusterWay, mounted *kube.Mounted) (*kube.Renewal, error) {
	own, _, err := ways[o.cluster]()
	if err != nil {
		return nil, err
	}
	scope := kube.RenewalScope{Deployment: t.Metadata.Name, Namespaces: map[string]string{}, Now: a.now}
	for _, c := range t.OrderedClusters() {
		if c.Name == o.cluster {
			scope.Namespace = c.Namespace
			continue
		}
		scope.Namespaces[c.Name] = c.Namespace
	}
	return kube.NewRenewal(own, mounted, scope), nil
}

// ways are how each cluster is reached: its own by the pod's ServiceAccount, the others by
// the mounted credentials. A kubeconfig, where one is named, stands in for the ServiceAccount.
func (a *app) ways(t *regions.Topology, o inClusterOptions) (map[string]clusterWay, *kube.Mounted, error) {
	options := kube.Options{Version: Version, Logger: a.log, RequestTimeout: inClusterTimeout}
	own, err := a.ownCluster(t, o.cluster, options)
	if err != nil {
		return nil, nil, err
	}
	var others []string
	for _, c := range t.OrderedClusters() {
		if c.Name != o.cluster {
			others = append(others, c.Name)
		}
	}
	mounted := kube.OpenMounted(o.credentials, others, options)
	ways := map[string]clusterWay{o.cluster: func() (*kube.Cluster, <-chan struct{}, error) { return own, nil, nil }}
	for _, name := range others {
		ways[name] = func() (*kube.Cluster, <-chan struct{}, error) { return mounted.Cluster(name) }
	}
	return ways, mounted, nil
}

func (a *app) ownCluster(t *regions.Topology, name string, options kube.Options) (*kube.Cluster, error) {
	kubeconfig := a.settings.GetString("kubeconfig")
	if kubeconfig == "" {
		return kube.InCluster(name, options)
	}
	c, _ := t.ClusterByName(name)
	clusters, err := kube.Open(kubeconfig, map[string]string{name: c.Context}, options)
	if err != nil {
		return nil, invalidInput{err}
	}
	return clusters[name], nil
}

// clientOf gives the name server the present client of a cluster.
type clientOf clusterWay

var _ serve.Connector = clientOf(nil)

// Client is the typed client of the present way.
func (c clientOf) Client() (kubernetes.Interface, <-chan struct{}, error) {
	cluster, replaced, err := c()
	if err != nil {
		return nil, replaced, err
	}
	return cluster.Clientset(), replaced, nil
}

// listenHealth binds host:port for probes and metrics.
func listenHealth(ctx context.Context, address string) (net.Listener, error) {
	return serve.ListenHealth(ctx, address)
}
