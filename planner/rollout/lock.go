package rollout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// lostLease remembers that the lock was lost while the run went on.
type lostLease struct {
	mu    sync.Mutex
	cause error
}

func (l *lostLease) set(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cause = err
}

// err stops disruption once a Lease was lost.
func (l *lostLease) err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cause == nil {
		return nil
	}
	return fmt.Errorf("nothing more is taken down: the lock was lost: %w", l.cause)
}

// lock takes the Lease of every cluster, in the order of their names so that two
// runs cannot each hold half, and renews them until the returned function
// releases them.
func (x *execution) lock(ctx context.Context) (func(), error) {
	clusters := slices.Sorted(slices.Values(x.clusters()))
	var held []string
	for _, cluster := range clusters {
		err := x.Leases.Acquire(ctx, cluster, x.Run, func(text string) {
			x.emit(Event{Type: EventNote, Cluster: cluster, Message: text})
		})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("lock %s in %s: %w", x.plan.Deployment, cluster, err), x.unlock(ctx, held))
		}
		held = append(held, cluster)
	}
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, cluster := range held {
		group.Go(func() { x.renew(ctx, cluster) })
	}
	return func() {
		cancel()
		group.Wait()
		if err := x.unlock(ctx, held); err != nil {
			x.emit(Event{Type: EventNote, Message: fmt.Sprintf("the lock was not released everywhere and expires by itself in %s: %v", x.LeaseTTL, err)})
		}
	}, nil
}

// renew renews one Lease three times in its lifetime. A renewal that fails is
// tried again until the lifetime has passed: then the lock is lost.
func (x *execution) renew(ctx context.Context, cluster string) {
	tick := time.NewTicker(x.LeaseTTL / 3)
	defer tick.Stop()
	renewed := x.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := x.Leases.Renew(ctx, cluster, x.Run)
		switch {
		case err == nil:
			renewed = x.Now()
		case ctx.Err() != nil:
			return
		case x.Now().Sub(renewed) >= x.LeaseTTL || isTaken(err):
			x.lost.set(fmt.Errorf("%s: %w", cluster, err))
			return
		default:
			x.emit(Event{Type: EventNote, Cluster: cluster, Message: fmt.Sprintf("the Lease in %s was not renewed, trying again: %v", cluster, err)})
		}
	}
}

// isTaken: another run holds the Lease.
func isTaken(err error) bool {
	var taken interface{ HeldBy() string }
	return errors.As(err, &taken)
}

// unlock releases Leases even when the run was aborted.
func (x *execution) unlock(ctx context.Context, clusters []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.LeaseTTL/3)
	defer cancel()
	var errs error
	for _, cluster := range clusters {
		errs = errors.Join(errs, x.Leases.Release(ctx, cluster, x.Run))
	}
	return errs
}
