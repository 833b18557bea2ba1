package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// lock is what the run holds: one Lease a cluster, each until it expires. A Lease
// counts from before its renewal was sent, and ends a sixth of its lifetime early, so that
// a write that was allowed lands while nobody else can hold it.
type lock struct {
	now func() time.Time
	ttl time.Duration

	mu      sync.Mutex
	renewed map[string]time.Time // cluster → when the last renewal that succeeded was sent
	taken   error                // another run holds a Lease, or somebody removed it: for good
}

func newLock(now func() time.Time, ttl time.Duration) *lock {
	return &lock{now: now, ttl: ttl, renewed: map[string]time.Time{}}
}

func (l *lock) extend(cluster string, sent time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.renewed[cluster] = sent
}

func (l *lock) lose(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.taken = errors.Join(l.taken, err)
}

// gone says that the lock was lost for good.
func (l *lock) gone() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken == nil {
		return nil
	}
	return fmt.Errorf("nothing more is written: the lock was lost: %w", l.taken)
}

// check says why the run may not write now. A Lease that was not renewed in time
// is something to wait for, since its next renewal may succeed; a lost one is not.
func (l *lock) check() error {
	if err := l.gone(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, cluster := range slices.Sorted(maps.Keys(l.renewed)) {
		if age := l.now().Sub(l.renewed[cluster]); age >= l.ttl-l.ttl/6 {
			return notYet(fmt.Sprintf("the Lease of %s to be renewed (last %s ago)", cluster, age.Round(time.Second)))
		}
	}
	return nil
}

// lock takes the Lease of every cluster and renews each from the moment it is held
// until the returned function releases them all. The first in the order of names is
// taken alone, so that of two runs one gets it and with it the others; those are taken at
// once, so that the Leases of a dead run are waited out together.
func (x *execution) lock(ctx context.Context) (func(), error) {
	clusters := slices.Sorted(slices.Values(x.clusters()))
	renewing, cancel := context.WithCancel(ctx)
	h := &holding{}
	release := func() error {
		cancel()
		h.renewals.Wait()
		return x.unlock(ctx, h.clusters)
	}
	first := min(1, len(clusters))
	err := x.take(ctx, renewing, h, clusters[:first])
	if err == nil {
		err = x.take(ctx, renewing, h, clusters[first:])
	}
	if err != nil {
		return nil, errors.Join(err, release())
	}
	return func() {
		if err := release(); err != nil {
			x.emit(Event{Type: EventNote, Message: fmt.Sprintf("the lock was not released everywhere and expires by itself in %s: %v", x.LeaseTTL, err)})
		}
	}, nil
}

// holding is the Leases that are held, and their renewals.
type holding struct {
	mu       sync.Mutex
	clusters []string
	renewals sync.WaitGroup
}

func (h *holding) add(cluster string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clusters = append(h.clusters, cluster)
}

// take acquires Leases all at once. Where one is denied the others are not waited for.
func (x *execution) take(ctx, renewing context.Context, h *holding, clusters []string) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, cluster := range clusters {
		group.Go(func() error {
			sent := x.Now()
			err := x.Leases.Acquire(ctx, cluster, x.Run, func(text string) {
				x.emit(Event{Type: EventNote, Cluster: cluster, Message: text})
			})
			if err != nil {
				return fmt.Errorf("lock %s in %s: %w", x.plan.Deployment, cluster, err)
			}
			h.add(cluster)
			x.held.extend(cluster, sent) // Acquire may have waited long before it wrote: renew at once
			pause := x.renewLease(renewing, cluster)
			h.renewals.Go(func() { x.renew(renewing, cluster, pause) })
			return nil
		})
	}
	return group.Wait()
}

// renew renews one Lease three times in its lifetime, more often after a failure,
// until the run ends or the Lease is somebody else's.
func (x *execution) renew(ctx context.Context, cluster string, pause time.Duration) {
	for pause > 0 && sleep(ctx, pause) {
		pause = x.renewLease(ctx, cluster)
	}
}

// renewLease tells when to renew again, zero: never.
func (x *execution) renewLease(ctx context.Context, cluster string) time.Duration {
	sent := x.Now()
	err := x.renewOnce(ctx, cluster)
	switch {
	case err == nil:
		x.held.extend(cluster, sent)
		return x.LeaseTTL / 3
	case ctx.Err() != nil:
		return 0
	case isTaken(err):
		x.held.lose(fmt.Errorf("%s: %w", cluster, err))
		return 0
	}
	x.emit(Event{Type: EventNote, Cluster: cluster, Message: fmt.Sprintf("the Lease in %s was not renewed, trying again: %v", cluster, err)})
	return x.LeaseTTL / 10
}

// renewOnce gives up in time for another attempt within the Lease's lifetime.
func (x *execution) renewOnce(ctx context.Context, cluster string) error {
	ctx, cancel := context.WithTimeout(ctx, x.LeaseTTL/3)
	defer cancel()
	return x.Leases.Renew(ctx, cluster, x.Run)
}

// sleep pauses between renewals; it is false where ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// isTaken: another run holds the Lease, or nobody does any more.
func isTaken(err error) bool {
	var taken interface{ HeldBy() string }
	return errors.As(err, &taken)
}

// unlock releases Leases even when the run was aborted, all at once: a cluster that
// does not answer keeps no other Lease held.
func (x *execution) unlock(ctx context.Context, clusters []string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), x.LeaseTTL/3)
	defer cancel()
	errs := make([]error, len(clusters))
	var group sync.WaitGroup
	for i, cluster := range clusters {
		group.Go(func() { errs[i] = x.Leases.Release(ctx, cluster, x.Run) })
	}
	group.Wait()
	return errors.Join(errs...)
}
