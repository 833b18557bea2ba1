package cli

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"maps"
	"sync"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// wired are a deployment's clusters, ready to be asked. This file is the only
// place that builds adapters.
type wired struct {
	*deployment
	clusters map[string]*kube.Cluster
	scopes   map[string]kube.Scope
	now      clock
	log      *slog.Logger
	// unfit says which API servers pods of other clusters cannot be shown the way to, where
	// an authority inside the clusters needs it.
	unfit error
	// readOnly: nothing but GET is sent while looking.
	readOnly bool
	// forceManagers are the field managers whose values may be overwritten.
	forceManagers []string
	// surveys: the servers are asked for what a plan does not need to know every time.
	surveys bool
	// narration is where waits say what they wait for.
	narration io.Writer
	// built waits for the overlays and tells whether they are there; nil: they are.
	built func() bool
}

// connect makes a client for every cluster, without speaking to any.
func (a *app) connect(d *deployment) (*wired, error) {
	contexts := map[string]string{}
	scopes := map[string]kube.Scope{}
	for _, c := range d.topology.OrderedClusters() {
		contexts[c.Name] = c.Context
		scope := kube.Scope{
			Deployment: d.topology.Metadata.Name, Namespace: c.Namespace,
			Region: d.topology.RegionOf(c.Name), Container: d.container(),
		}
		for _, p := range d.topology.Pools(c) {
			scope.Pools = append(scope.Pools, p.Name)
		}
		// A set that was made under another locality.zone is seen too, and the plan refuses to leave it behind.
		scope.Pools = append(scope.Pools, d.topology.FormerPools(c)...)
		scopes[c.Name] = scope
	}
	clusters, err := kube.Open(a.settings.GetString("kubeconfig"), contexts, kube.Options{Version: Version, Logger: a.log})
	if err != nil {
		return nil, advised{invalidInput{err}, "name contexts that `kubectl config get-contexts` lists, or the right file with --kubeconfig"}
	}
	w := &wired{deployment: d, clusters: clusters, scopes: scopes, now: a.now, log: a.log, narration: a.err}
	w.scopeAuthority()
	return w, nil
}

// scopeAuthority tells every cluster's scope which others the authority inside it watches.
func (w *wired) scopeAuthority() {
	if w.topology.AuthorityInCluster() == nil {
		return
	}
	var problems *multierror.Error
	endpoints := map[string]kube.Endpoint{}
	for _, c := range w.topology.OrderedClusters() {
		endpoint, err := w.clusters[c.Name].Endpoint(c.APIServer)
		problems = multierror.Append(problems, err)
		endpoints[c.Name] = endpoint
	}
	for name, scope := range w.scopes {
		watches := maps.Clone(endpoints)
		delete(watches, name)
		scope.Authority = &kube.AuthorityScope{Watches: watches, Now: w.now}
		w.scopes[name] = scope
	}
	w.unfit = problems.ErrorOrNil()
}

// inside are the authorities inside the clusters, asked through the API servers.
func (w *wired) inside() *inside {
	return newInside(w.topology, w.names(), podsPort{w}, w.now)
}

// closeTunnels ends the connections into pods.
func (w *wired) closeTunnels() {
	for _, c := range w.clusters {
		c.CloseTunnels()
	}
}

// ready loads the deployment and makes its clients, without speaking to any cluster.
func (a *app) ready(ctx context.Context) (*wired, error) {
	d, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	return a.connect(d)
}

// container is the database's container.
func (d *deployment) container() string {
	if d.topology.Spec.Container != "" {
		return d.topology.Spec.Container
	}
	return d.profile.Container
}

// names are the clusters in rollout order.
func (w *wired) names() []string {
	var out []string
	for _, c := range w.topology.OrderedClusters() {
		out = append(out, c.Name)
	}
	return out
}

// observe asks every cluster at once what it holds and, where compare is set, what
// applying the overlay would change. A cluster that gives no usable answer is part
// of the result, with the reason; the others are shown beside it. Only an
// interrupt is an error.
func (w *wired) observe(ctx context.Context, compare bool) ([]planner.Observation, error) {
	names := w.names()
	out := make([]planner.Observation, len(names))
	var group sync.WaitGroup
	for i, name := range names {
		group.Go(func() { out[i] = w.observeOne(ctx, name, compare) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return out, nil
}

func (w *wired) observeOne(ctx context.Context, name string, compare bool) planner.Observation {
	o := planner.Observation{Cluster: name}
	var observeErr, compareErr error
	var group sync.WaitGroup
	scope := w.scopes[name]
	scope.AskZoneCopy = (compare || w.surveys) && !w.readOnly && w.topology.Spec.Locality.Zone == "podLabel"
	group.Go(func() { o.State, observeErr = w.clusters[name].Observe(ctx, scope) })
	if compare {
		compare := w.clusters[name].Compare
		if w.readOnly {
			compare = w.clusters[name].CompareReadOnly
		}
		group.Go(func() {
			if w.built == nil || w.built() {
				o.Objects, compareErr = compare(ctx, w.scopes[name], w.desired[name])
			}
		})
	}
	group.Wait()
	if err := cmp.Or(observeErr, compareErr); err != nil {
		return planner.Observation{
			Cluster: name, Unreachable: err.Error(),
			State: regions.ClusterState{Cluster: name, Region: w.scopes[name].Region, Namespace: w.scopes[name].Namespace},
		}
	}
	if o.State.Lease != nil {
		w.clusters[name].SightLease(w.scopes[name].Namespace, regions.RecordName(w.topology.Metadata.Name), *o.State.Lease, w.now())
	}
	return o
}

// input is what a plan follows from.
func (w *wired) input(observed []planner.Observation) planner.Input {
	return planner.Input{
		Topology: w.topology, Profile: w.profile, Desired: w.desired, Observed: observed,
		ReadOnly: w.readOnly, ForceManagers: w.forceManagers, ReplicasAt: w.replicasAt,
	}
}

// ports binds the engine to the clusters.
func (w *wired) ports(authority rollout.Authority, lease leaseTerms) rollout.Ports {
	return rollout.Ports{
		Observer: observerPort{w}, Objects: objectsPort{w}, StatefulSets: setsPort{w}, Pods: podsPort{w},
		Records: recordsPort{w}, Leases: leasesPort{w, lease}, Authority: authority, Credentials: credentialsPort{w}, Now: w.now,
	}
}

// server is an authority for the zone in this process, over watches of the clusters.
func (w *wired) server(ctx context.Context, slots []regions.ReplicaID, clusters []string, more ...serveOption) (*serve.Server, error) {
	config := serve.Config{Topology: w.topology, Slots: slots, Ports: w.servicePorts(), Now: w.now, Log: w.log}
	for _, name := range clusters {
		config.Sources = append(config.Sources, serve.Source{
			Cluster: name, Namespace: w.scopes[name].Namespace,
			Client: w.clusters[name].Clientset(), Services: w.services(name),
		})
	}
	for _, option := range more {
		option(&config)
	}
	return serve.New(ctx, config)
}

// asking is the authority behind these name servers.
func (w *wired) asking(servers ...string) authority {
	return authority{client: query.Client{}, servers: servers}
}
