package rollout_test

import (
	"context"
	"errors"
	"time"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// Observe is a consistent read of now.
func (r *run) Observe(ctx context.Context, cluster string) (regions.ClusterState, error) {
	if err := pause(ctx, r.latency()); err != nil {
		return regions.ClusterState{}, err
	}
	state, err := r.read(cluster)
	if err != nil {
		return state, errors.Join(err, pause(ctx, time.Second))
	}
	return state, pause(ctx, r.latency())
}

func (r *run) read(cluster string) (regions.ClusterState, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.clusters[cluster]
	switch {
	case r.dead:
		return regions.ClusterState{}, errCrash
	case c.dark:
		return regions.ClusterState{}, c.unreachable()
	}
	return c.state(), nil
}

// Watch delivers late, and skips what changed again meanwhile.
func (r *run) Watch(ctx context.Context, cluster string) <-chan rollout.Snapshot {
	out, wake := make(chan rollout.Snapshot), make(chan struct{}, 1)
	wake <- struct{}{}
	r.do(func() {
		c := r.clusters[cluster]
		c.watchers = append(c.watchers, wake)
	})
	go func() {
		defer close(out)
		for {
			select {
			case <-wake:
			case <-ctx.Done():
				return
			}
			state, err := r.read(cluster)
			state.Record, state.Lease, state.Authority = regions.Record{}, nil, nil // a watch has none of them
			lag := time.Duration(0)
			r.do(func() { lag = r.some(r.opts.watchLag) })
			if pause(ctx, lag) != nil {
				return
			}
			select {
			case out <- rollout.Snapshot{State: state, Err: err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// Lookup asks the authority.
func (r *run) Lookup(ctx context.Context, name string) ([]string, error) {
	if err := pause(ctx, time.Millisecond); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if ip := r.database.published[name]; ip != "" {
		return []string{ip}, nil
	}
	return nil, nil
}
