package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/regions"
)

// fleet is the live picture of all clusters, fed by watches.
type fleet struct {
	mu      sync.Mutex
	states  map[string]regions.ClusterState
	errs    map[string]error
	changed chan struct{} // closed and replaced on every change
}

// view is one look at all clusters.
type view struct {
	states map[string]regions.ClusterState
	errs   map[string]error // clusters that did not answer, or lost their watch
}

func newFleet() *fleet {
	return &fleet{
		states: map[string]regions.ClusterState{}, errs: map[string]error{}, changed: make(chan struct{}),
	}
}

// follow starts a watch of every cluster; the returned function waits for their end.
func (f *fleet) follow(ctx context.Context, observer Observer, clusters []string) func() {
	var group sync.WaitGroup
	for _, cluster := range clusters {
		group.Go(func() {
			for snapshot := range observer.Watch(ctx, cluster) {
				f.update(cluster, snapshot)
			}
		})
	}
	return group.Wait
}

func (f *fleet) update(cluster string, s Snapshot) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s.Err != nil {
		f.errs[cluster] = s.Err
	} else {
		delete(f.errs, cluster)
		f.states[cluster] = s.State
	}
	close(f.changed)
	f.changed = make(chan struct{})
}

// look is the newest picture, and a channel that is closed when there is a newer one.
func (f *fleet) look() (view, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return view{maps.Clone(f.states), maps.Clone(f.errs)}, f.changed
}

// observeAll reads every cluster now, all at once and consistently. One cluster's
// failure does not end the others' reads.
func observeAll(ctx context.Context, observer Observer, clusters []string) view {
	states := make([]regions.ClusterState, len(clusters))
	errs := make([]error, len(clusters))
	var group errgroup.Group
	for i, cluster := range clusters {
		group.Go(func() error {
			states[i], errs[i] = observer.Observe(ctx, cluster)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	v := view{map[string]regions.ClusterState{}, map[string]error{}}
	for i, cluster := range clusters {
		if errs[i] != nil {
			v.errs[cluster] = errs[i]
			continue
		}
		v.states[cluster] = states[i]
	}
	return v
}

// all are the states in the order of the clusters' names.
func (v view) all() []regions.ClusterState {
	var out []regions.ClusterState
	for _, cluster := range slices.Sorted(maps.Keys(v.states)) {
		out = append(out, v.states[cluster])
	}
	return out
}

// versions are the resource versions up to which each cluster was seen.
func (v view) versions() map[string]map[string]string {
	out := map[string]map[string]string{}
	for cluster, state := range v.states {
		out[cluster] = state.Seen
	}
	return out
}

// silent says which clusters did not answer.
func (v view) silent(clusters []string) []string {
	var out []string
	for _, cluster := range clusters {
		if err := v.errs[cluster]; err != nil {
			out = append(out, fmt.Sprintf("%s to answer (%v)", cluster, err))
		} else if _, known := v.states[cluster]; !known {
			out = append(out, "a first look at "+cluster)
		}
	}
	return out
}

// firstError is the first silent cluster's error, nil where all answered.
func (v view) firstError() error {
	for _, cluster := range slices.Sorted(maps.Keys(v.errs)) {
		return v.errs[cluster]
	}
	return nil
}
