package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// HolderAnnotation tells people who holds a Lease: host, command and start.
const HolderAnnotation = "quorate.dev/holder"

// leaseAttempts bounds how often a Lease is read again after losing a race for it.
const leaseAttempts = 5

// LeaseRequest says who wants a Lease, and for how long without renewal.
type LeaseRequest struct {
	Holder   string // unique to one run
	Info     string // for people; no secrets
	Duration time.Duration
}

// leaseClock remembers when this process first saw each Lease as it is now. The
// times in a Lease are the holder's, whose clock may be off: what counts is how
// long we saw it unchanged (as in client-go's leaderelection).
type leaseClock struct {
	mu   sync.Mutex
	seen map[string]sighting
}

type sighting struct {
	holder      string
	renewed     time.Time
	transitions int
	since       time.Time
}

// unchangedSince notes a look at a Lease and tells since when it has been as it is.
func (k *leaseClock) unchangedSince(lease string, state regions.LeaseState, now time.Time) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	last, known := k.seen[lease]
	if known && last.holder == state.Holder && last.transitions == state.Transitions && last.renewed.Equal(state.RenewTime) {
		return last.since
	}
	if k.seen == nil {
		k.seen = map[string]sighting{}
	}
	k.seen[lease] = sighting{holder: state.Holder, renewed: state.RenewTime, transitions: state.Transitions, since: now}
	return now
}

// AcquireLease takes a coordination.k8s.io/v1 Lease, making it where there is none, by
// compare and swap on its resourceVersion. It is one look: while somebody else holds
// the Lease it is Held, to be called again, at the latest when Held.Expires has come. A Lease expires when this
// process has seen it unchanged for its whole duration (the request's, where it names none); a released one is free at once. The epoch
// of the new holding is Transitions, one more than before; our own holding is renewed as it is.
func (c *Cluster) AcquireLease(ctx context.Context, namespace, name string, request LeaseRequest, now func() time.Time) (regions.LeaseState, error) {
	if err := request.check(); err != nil {
		return regions.LeaseState{}, fmt.Errorf("cluster %s: Lease %s/%s: %w", c.name, namespace, name, err)
	}
	key := namespace + "/" + name
	return c.swapLease(ctx, namespace, name, func(lease *coordinationv1.Lease) error {
		state := leaseState(lease)
		if lease.ResourceVersion != "" && state.Holder != "" && state.Holder != request.Holder {
			since := c.leases.unchangedSince(key, state, now())
			expires := since.Add(lifetime(state, request))
			if now().Before(expires) {
				return &Held{Cluster: c.name, Lease: key, Holder: state.Holder, Info: state.HolderInfo, Expires: expires}
			}
		}
		request.take(lease, now())
		return nil
	})
}

// lifetime is how long a Lease holds without renewal. Its duration is optional in
// coordination.k8s.io/v1; one that names none is not up for grabs.
func lifetime(state regions.LeaseState, request LeaseRequest) time.Duration {
	if state.DurationSeconds <= 0 {
		return request.Duration
	}
	return time.Duration(state.DurationSeconds) * time.Second
}

// SightLease notes that the Lease was seen in this state at this time. AcquireLease
// counts from the first sighting, so a caller that looks at all clusters first waits
// for dead holders in all of them at once and not one after another.
func (c *Cluster) SightLease(namespace, name string, state regions.LeaseState, now time.Time) {
	c.leases.unchangedSince(namespace+"/"+name, state, now)
}

func (r LeaseRequest) check() error {
	if r.Holder == "" || r.Duration < time.Second {
		return fmt.Errorf("a holder and a duration of at least a second are needed, not %q and %s", r.Holder, r.Duration)
	}
	return nil
}

// take writes the request into a Lease.
func (r LeaseRequest) take(lease *coordinationv1.Lease, now time.Time) {
	state := leaseState(lease)
	stamp := metav1.NewMicroTime(now)
	if state.Holder != r.Holder {
		transitions := int32(state.Transitions + 1)
		lease.Spec.LeaseTransitions = &transitions
		lease.Spec.AcquireTime = &stamp
	}
	seconds := int32((r.Duration + time.Second - 1) / time.Second)
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &r.Holder, &seconds, &stamp
	metav1.SetMetaDataAnnotation(&lease.ObjectMeta, HolderAnnotation, r.Info)
	metav1.SetMetaDataLabel(&lease.ObjectMeta, managedByLabel, ManagerQuorate)
}

// RenewLease extends a Lease that is ours; LeaseLost where it is not.
func (c *Cluster) RenewLease(ctx context.Context, namespace, name string, request LeaseRequest, now func() time.Time) (regions.LeaseState, error) {
	if err := request.check(); err != nil {
		return regions.LeaseState{}, fmt.Errorf("cluster %s: Lease %s/%s: %w", c.name, namespace, name, err)
	}
	return c.swapLease(ctx, namespace, name, func(lease *coordinationv1.Lease) error {
		if err := c.ours(lease, namespace, name, request.Holder); err != nil {
			return err
		}
		request.take(lease, now())
		return nil
	})
}

// ReleaseLease frees a Lease that is ours, keeping its count of holdings, so that the
// next epoch is higher; LeaseLost where it is not ours.
func (c *Cluster) ReleaseLease(ctx context.Context, namespace, name, holder string, now func() time.Time) error {
	_, err := c.swapLease(ctx, namespace, name, func(lease *coordinationv1.Lease) error {
		if err := c.ours(lease, namespace, name, holder); err != nil {
			return err
		}
		stamp := metav1.NewMicroTime(now())
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = nil, &stamp
		delete(lease.Annotations, HolderAnnotation)
		return nil
	})
	return err
}

func (c *Cluster) ours(lease *coordinationv1.Lease, namespace, name, holder string) error {
	if current := leaseState(lease).Holder; holder == "" || current != holder {
		return &LeaseLost{Cluster: c.name, Lease: namespace + "/" + name, Holder: current}
	}
	return nil
}

// swapLease reads a Lease, lets edit change it or refuse, and writes it back if nobody
// else wrote meanwhile; after a lost race it begins again. A Lease that does not exist is given to edit empty.
func (c *Cluster) swapLease(ctx context.Context, namespace, name string, edit func(*coordinationv1.Lease) error) (regions.LeaseState, error) {
	var last error
	for range leaseAttempts {
		lease, err := c.getLease(ctx, namespace, name)
		if err != nil {
			return regions.LeaseState{}, err
		}
		if lease == nil {
			lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		}
		if err := edit(lease); err != nil {
			return leaseState(lease), err
		}
		written, err := c.putLease(ctx, lease)
		if err == nil {
			return leaseState(written), nil
		}
		if !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
			return regions.LeaseState{}, err
		}
		last = err
	}
	return regions.LeaseState{}, fmt.Errorf("cluster %s: Lease %s/%s: lost %d races in a row: %w", c.name, namespace, name, leaseAttempts, last)
}

func (c *Cluster) putLease(ctx context.Context, lease *coordinationv1.Lease) (*coordinationv1.Lease, error) {
	leases := c.clientset.CoordinationV1().Leases(lease.Namespace)
	var written *coordinationv1.Lease
	err := c.request(ctx, fmt.Sprintf("write Lease/%s/%s", lease.Namespace, lease.Name), func(ctx context.Context) (err error) {
		if lease.ResourceVersion == "" {
			written, err = leases.Create(ctx, lease, metav1.CreateOptions{FieldManager: ManagerQuorate})
		} else {
			written, err = leases.Update(ctx, lease, metav1.UpdateOptions{FieldManager: ManagerQuorate})
		}
		return err
	})
	return written, err
}

// getLease reads a Lease; nil where it does not exist.
func (c *Cluster) getLease(ctx context.Context, namespace, name string) (*coordinationv1.Lease, error) {
	var lease *coordinationv1.Lease
	err := c.read(ctx, fmt.Sprintf("get Lease/%s/%s", namespace, name), func(ctx context.Context) (err error) {
		lease, err = c.clientset.CoordinationV1().Leases(namespace).Get(ctx, name, metav1.GetOptions{})
		return err
	})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return lease, nil
}

// readLease is the Lease's state; nil where nobody ever held it.
func (c *Cluster) readLease(ctx context.Context, namespace, name string) (*regions.LeaseState, error) {
	lease, err := c.getLease(ctx, namespace, name)
	if err != nil || lease == nil {
		return nil, err
	}
	state := leaseState(lease)
	return &state, nil
}

func leaseState(lease *coordinationv1.Lease) regions.LeaseState {
	state := regions.LeaseState{HolderInfo: lease.Annotations[HolderAnnotation], ResourceVersion: lease.ResourceVersion}
	if lease.Spec.HolderIdentity != nil {
		state.Holder = *lease.Spec.HolderIdentity
	}
	if lease.Spec.RenewTime != nil {
		state.RenewTime = lease.Spec.RenewTime.Time
	}
	if lease.Spec.LeaseDurationSeconds != nil {
		state.DurationSeconds = int(*lease.Spec.LeaseDurationSeconds)
	}
	if lease.Spec.LeaseTransitions != nil {
		state.Transitions = int(*lease.Spec.LeaseTransitions)
	}
	return state
}
