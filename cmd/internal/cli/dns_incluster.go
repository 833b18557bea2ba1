package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// inClusterOptions are the flags of `dns serve --in-cluster`.
type inClusterOptions struct {
	cluster     string // the one that this process runs in
	listen      string
	health      string // host:port of the probes; empty: none
	credentials string // the directory of the credentials for the other clusters
	services    map[string]string
	standing    standingOptions
}

const (
	// recordEvery is how often a cluster's record is read again.
	recordEvery = 10 * time.Second
	// recordRetry is how soon a cluster's record is asked for again that could not be read.
	recordRetry = 2 * time.Second
	// othersGrace is how long readiness waits for the other clusters after this one was read, so that
	// a new pod does not take over from one that knows more. They may be unreachable, so no longer.
	othersGrace = 5 * time.Second
	// recordTold is how often it is logged again that a cluster's record cannot be read: the cause may be
	// another one by now.
	recordTold = time.Minute
)

// clusterWay is the present way into a cluster, or why there is none; the channel is closed when
// another way took its place.
type clusterWay func() (*kube.Cluster, <-chan struct{}, error)

// insider is the authority inside one cluster: a server over watches of all clusters that
// needs no more than EndpointSlices and the record.
type insider struct {
	topology *regions.Topology
	own      string
	ways     map[string]clusterWay
	server   *serve.Server
	app      *app

	mu      sync.Mutex
	records map[string]regions.Record // as last read
	ownRead time.Time                 // when its own cluster was first seen to be read; zero: not yet
	settled bool                      // it was ready once
}

// dnsServeInCluster serves until it is interrupted.
func (a *app) dnsServeInCluster(ctx context.Context, o inClusterOptions) error {
	t, err := a.declareInside(ctx)
	if err != nil {
		return err
	}
	if err := o.check(t); err != nil {
		return advised{invalidInput{err}, "correct the flags, as `quorate dns serve --manifests` prints them"}
	}
	if o.listen == "" {
		o.listen = fmt.Sprintf("127.0.0.1:%d", regions.AuthorityPort)
	}
	in, listeners, err := a.insider(ctx, t, o)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.err, "serving %s at %s (UDP and TCP), inside cluster %s\n", dns.Canonical(t.Spec.DNS.Zone), listeners.address, o.cluster)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return in.server.Run(ctx) })
	group.Go(func() error { listeners.mounted.Run(ctx); return nil })
	group.Go(func() error { listeners.renewal.Run(ctx); return nil })
	if listeners.health != nil {
		group.Go(func() error { return serve.ServeHealth(ctx, listeners.health, in.ready, in.server.Metrics()) })
	}
	for _, c := range t.OrderedClusters() {
		group.Go(func() error { in.followRecord(ctx, c); return nil })
	}
	return group.Wait()
}

// declareInside reads the topology as a later version may have rendered it: a field that is not known here says nothing
// about names that this version could serve, and an authority that does not start serves none at all.
func (a *app) declareInside(ctx context.Context) (*regions.Topology, error) {
	read, err := a.declare(ctx)
	if err == nil {
		return read.topology, nil
	}
	if read.topology == nil || !read.problems.OnlyUnknownFields() {
		return nil, err
	}
	for _, p := range read.problems.Errors() {
		a.log.Warn("a field of the topology is not known to this version of quorate, and passed over; the image is older than what rendered it", "problem", p.String())
	}
	return read.topology, nil
}

func (o inClusterOptions) check(t *regions.Topology) error {
	if _, ok := t.ClusterByName(o.cluster); !ok {
		return fmt.Errorf("--in-cluster %s: the topology has no cluster of that name", o.cluster)
	}
	var errs []error
	for _, c := range t.OrderedClusters() {
		for _, pool := range t.Pools(c) {
			if o.services[pool.Name] == "" {
				errs = append(errs, fmt.Errorf("cluster %s: pool %s: name its governing Service with --service %s=…", c.Name, pool.Name, pool.Name))
			}
		}
	}
	return errors.Join(errs...)
}

// ready tells why the authority should not be asked yet. Once it is ready it stays so: what it knows
// of a cluster that went silent is better than nothing.
func (in *insider) ready() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.settled {
		return nil
	}
	err := in.unready()
	in.settled = err == nil
	return err
}

// unready is why the authority is not ready now; the caller holds mu.
func (in *insider) unready() error {
	if _, read := in.records[in.own]; !read {
		return fmt.Errorf("the record of cluster %s was not read yet", in.own)
	}
	if !in.server.Synced(in.own) {
		return fmt.Errorf("the EndpointSlices of cluster %s were not read yet", in.own)
	}
	if in.ownRead.IsZero() {
		in.ownRead = in.app.now()
	}
	if in.app.now().Sub(in.ownRead) >= othersGrace {
		return nil
	}
	for _, c := range in.topology.OrderedClusters() {
		_, _, err := in.ways[c.Name]()
		if err == nil && !in.server.Synced(c.Name) {
			return fmt.Errorf("cluster %s is being read", c.Name)
		}
	}
	return nil
}

// followRecord reads the cluster's record again and again, for the replicas behind the seed names. A
// failed reading leaves what is known.
func (in *insider) followRecord(ctx context.Context, c regions.Cluster) {
	var told time.Time // zero: of nothing that goes on
	for ctx.Err() == nil {
		cluster, replaced, err := in.ways[c.Name]()
		if err == nil {
			err = in.readRecord(ctx, cluster, c)
		}
		next := recordEvery
		switch now := in.app.now(); {
		case err == nil:
			told = time.Time{}
			if !in.knowsSeeds() {
				next = recordRetry
			}
		case told.IsZero() || now.Sub(told) >= recordTold:
			told, next = now, recordRetry
			if ctx.Err() == nil {
				in.app.log.Warn("the record of a cluster cannot be read, the last known one stays", "cluster", c.Name, "error", err)
			}
		default:
			next = recordRetry
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-replaced:
			told = time.Time{} // another way fails for reasons of its own
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (in *insider) readRecord(ctx context.Context, cluster *kube.Cluster, c regions.Cluster) error {
	record, err := cluster.ReadRecord(ctx, c.Namespace, in.topology.Metadata.Name)
	if err != nil {
		return err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.records[c.Name] = record
	if !in.seedsOnRecord() {
		return nil
	}
	return in.server.SetSlots(in.slots())
}

func (in *insider) knowsSeeds() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.seedsOnRecord()
}

// seedsOnRecord tells whether the replicas behind the seed names are known: a record that was read has them, or every record was
// read and none has, since nothing is installed yet. The caller holds mu.
func (in *insider) seedsOnRecord() bool {
	for _, record := range in.records {
		if len(record.Database.Slots) > 0 {
			return true
		}
	}
	return len(in.records) == len(in.topology.OrderedClusters())
}

// slots are those of the longest record, as a run would find them; the caller holds mu.
func (in *insider) slots() []regions.ReplicaID {
	var observed []planner.Observation
	for _, c := range in.topology.OrderedClusters() {
		if record, read := in.records[c.Name]; read {
			observed = append(observed, planner.Observation{Cluster: c.Name, State: regions.ClusterState{Cluster: c.Name, Record: record}})
		}
	}
	return planner.Slots(planner.Input{Topology: in.topology, Observed: observed})
}
