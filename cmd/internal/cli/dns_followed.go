package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	gosync "sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// followed is what the clusters call for, by the watches of a server that listens nowhere.
type followed struct {
	w      *wired
	server *serve.Server
	// slotsKnown tells, by an error, that the replicas behind the seed names are not known yet; the channel is
	// closed once they are.
	slotsKnown func() (<-chan struct{}, error)
}

var _ sync.Source = (*followed)(nil)

// Wanted is what is known now. A cluster that cannot be watched at this moment counts as one that was not read.
func (f *followed) Wanted() (dns.Wanted, <-chan struct{}, error) {
	if known, err := f.slotsKnown(); err != nil {
		return dns.Wanted{}, known, err
	}
	view, changed := f.server.View()
	unread := slices.Clone(view.Unread)
	for _, s := range f.server.Status() {
		if s.Err != nil {
			unread = append(unread, s.Cluster)
		}
	}
	unread = slices.Compact(slices.Sorted(slices.Values(unread)))
	if len(unread) == len(f.w.names()) {
		return dns.Wanted{}, changed, errors.New("no cluster could be read yet")
	}
	return dns.WantedOf(view.Topology, view.Slots, view.Endpoints, unread, f.w.servicePorts()...), changed, nil
}

// silentTimeout is how long a cluster's API server may take to answer before its records are left alone.
const silentTimeout = 3 * time.Second

// Silent asks every cluster that is thought to be watched.
func (f *followed) Silent(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, silentTimeout)
	defer cancel()
	statuses := f.server.Status()
	errs := make([]error, len(statuses))
	var group gosync.WaitGroup
	for i, s := range statuses {
		if s.Err != nil {
			continue // it is among the unread ones already
		}
		group.Go(func() {
			slices := f.w.clusters[s.Cluster].Clientset().DiscoveryV1().EndpointSlices(f.w.scopes[s.Cluster].Namespace)
			_, errs[i] = slices.List(ctx, metav1.ListOptions{Limit: 1})
		})
	}
	group.Wait()
	var out []string
	for i, err := range errs {
		if err != nil {
			f.w.log.Debug("a cluster does not answer, its records stay as they are", "cluster", statuses[i].Cluster, "error", err)
			out = append(out, statuses[i].Cluster)
		}
	}
	return out
}

// servicePorts are the ports that clients discover by SRV records: those of the profile's Services.
func (d *deployment) servicePorts() []dns.Port {
	var out []dns.Port
	for name, number := range d.profile.Ports {
		out = append(out, dns.Port{Name: name, Number: number})
	}
	slices.SortFunc(out, func(a, b dns.Port) int { return a.Number - b.Number })
	return out
}

// wantedNow is what the clusters that answer call for at this moment; the others are unread. It
// reads, and then watches nothing any more.
func (w *wired) wantedNow(ctx context.Context, observed []planner.Observation) (dns.Wanted, error) {
	if err := wrongClusters(w, observed); err != nil {
		return dns.Wanted{}, err
	}
	if len(answering(observed)) == 0 {
		return dns.Wanted{}, silence(observed)
	}
	if err := seedsKnown(observed, silence(observed)); err != nil {
		return dns.Wanted{}, err
	}
	server, err := w.server(ctx, planner.Slots(w.input(observed)), answering(observed))
	if err != nil {
		return dns.Wanted{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	err = w.waitSynced(ctx, server)
	view, _ := server.View()
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		return dns.Wanted{}, err
	}
	return dns.WantedOf(view.Topology, view.Slots, view.Endpoints, view.Unread, w.servicePorts()...), nil
}

// recordedSlots follows the replicas behind the seed names, as the clusters' records have them.
type recordedSlots struct {
	w      *wired
	server *serve.Server
	known  chan struct{} // closed once a record of any cluster was read
	once   gosync.Once
}

func (r *recordedSlots) waitFor() (<-chan struct{}, error) {
	select {
	case <-r.known:
		return r.known, nil
	default:
		return r.known, errors.New("no cluster's record could be read yet, so that the replicas behind the seed names are not known")
	}
}

// follow reads the records again and again. A cluster that cannot be read changes nothing; that no record is known is logged
// once, and again after a minute.
func (r *recordedSlots) follow(ctx context.Context) {
	var told time.Time // zero: of nothing that goes on
	for ctx.Err() == nil {
		next := slotsEvery
		err := r.read(ctx)
		if err == nil {
			told = time.Time{}
		} else {
			next = recordRetry
		}
		if now := r.w.now(); err != nil && ctx.Err() == nil && (told.IsZero() || now.Sub(told) >= recordTold) {
			told = now
			r.w.log.Warn("it cannot be read which replicas stand behind the seed names; these stay as they are", "error", err)
		}
		timer := time.NewTimer(next)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// seedsKnown tells why it is not known which replicas stand behind the seed names: clusters are missing, and none of those observed has
// them on record. A cluster that is new has no record, and what is chosen without one may be other replicas than the database was told.
func seedsKnown(observed []planner.Observation, missing error) error {
	if missing == nil {
		return nil
	}
	for _, o := range observed {
		if len(o.State.Record.Database.Slots) > 0 {
			return nil
		}
	}
	return fmt.Errorf("no cluster that answers has the replicas behind the seed names on record: %w", missing)
}

func (r *recordedSlots) read(ctx context.Context) error {
	names := r.w.names()
	records, errs := make([]regions.Record, len(names)), make([]error, len(names))
	var group gosync.WaitGroup
	for i, name := range names { // all at once: one that hangs must not hold up the others
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, silentTimeout)
			defer cancel()
			records[i], errs[i] = r.w.clusters[name].ReadRecord(ctx, r.w.scopes[name].Namespace, r.w.topology.Metadata.Name)
		})
	}
	group.Wait()
	var observed []planner.Observation
	for i, name := range names {
		if errs[i] != nil {
			errs[i] = fmt.Errorf("%s: %w", name, errs[i])
			continue
		}
		observed = append(observed, planner.Observation{Cluster: name, State: regions.ClusterState{Cluster: name, Record: records[i]}})
	}
	if err := seedsKnown(observed, errors.Join(errs...)); err != nil {
		return err
	}
	if err := r.server.SetSlots(planner.Slots(r.w.input(observed))); err != nil {
		return err
	}
	r.once.Do(func() { close(r.known) })
	return nil
}
