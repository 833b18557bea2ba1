package kube

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"quorate.dev/quorate/regions"
)

// Unreachable says that a cluster's API server gave no usable answer: refused
// or lost connections, our own request timeout, DNS, TLS, 429, 502, 503 or 504, and for a read 500 too.
type Unreachable struct {
	Cluster string
	Attempt string // what was attempted, such as "list pods"
	Err     error
}

func (e *Unreachable) Error() string {
	if statusCode(e.Err) != 0 {
		return fmt.Sprintf("cluster %s gives no usable answer: %s: %v", e.Cluster, e.Attempt, e.Err)
	}
	return fmt.Sprintf("cluster %s cannot be reached: %s: %v", e.Cluster, e.Attempt, e.Err)
}

func (e *Unreachable) Unwrap() error { return e.Err }

// UnreachableCluster names the cluster, for callers that know this error by its behaviour alone.
func (e *Unreachable) UnreachableCluster() string { return e.Cluster }

// Forbidden says that the cluster answered and refused these credentials (401, a
// permission missing, or a credential helper that failed).
type Forbidden struct {
	Cluster string
	Attempt string
	Err     error
}

func (e *Forbidden) Error() string {
	return fmt.Sprintf("cluster %s refused to %s: %v (check the credentials and the RBAC rules of this kubeconfig context)",
		e.Cluster, e.Attempt, e.Err)
}

func (e *Forbidden) Unwrap() error { return e.Err }

// Conflict says that other field managers own fields which were to be applied
// at another value, and nothing was changed.
type Conflict struct {
	Cluster string
	Object  regions.ObjectRef
	Fields  []regions.FieldConflict // sorted by manager, then field
	Err     error
}

func (e *Conflict) Error() string {
	fields := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		fields[i] = fmt.Sprintf("%s owns %s", f.Manager, f.Field)
	}
	return fmt.Sprintf("cluster %s: apply %s: %s", e.Cluster, e.Object, strings.Join(fields, ", "))
}

func (e *Conflict) Unwrap() error { return e.Err }

// ErrChanged is what errors.Is finds in a Changed.
var ErrChanged = errors.New("the object has changed since it was seen")

// Changed says that a write was decided on a state that is no longer the
// latest one (a failed resourceVersion or UID precondition): observe again, then decide again.
type Changed struct {
	Cluster string
	Object  regions.ObjectRef
	Err     error
}

func (e *Changed) Error() string {
	return fmt.Sprintf("cluster %s: %s: %v: %v", e.Cluster, e.Object, ErrChanged, e.Err)
}

func (e *Changed) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrChanged) true.
func (e *Changed) Is(target error) bool { return target == ErrChanged }

// Held says that somebody else holds the Lease.
type Held struct {
	Cluster string
	Lease   string // namespace/name
	Holder  string
	Info    string // host, command and start of the holder, for people
	// Expires is when the Lease runs out by this process's clock, should the holder not renew it.
	Expires time.Time
}

func (e *Held) Error() string {
	info := ""
	if e.Info != "" {
		info = " (" + e.Info + ")"
	}
	return fmt.Sprintf("cluster %s: Lease %s is held by %s%s; unless renewed it runs out at %s",
		e.Cluster, e.Lease, e.Holder, info, e.Expires.UTC().Format(time.RFC3339))
}

// LeaseLost says that a Lease believed ours is not: another run took it, or somebody removed it.
type LeaseLost struct {
	Cluster string
	Lease   string
	Holder  string // who holds it now; empty: nobody
}

func (e *LeaseLost) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("cluster %s: Lease %s is no longer ours: it was released or removed", e.Cluster, e.Lease)
	}
	return fmt.Sprintf("cluster %s: Lease %s is no longer ours: %s took it", e.Cluster, e.Lease, e.Holder)
}

// Kept says that an object is of a kind that is never deleted this way, since data hangs on it.
type Kept struct {
	Cluster string
	Object  regions.ObjectRef
}

func (e *Kept) Error() string {
	return fmt.Sprintf("cluster %s: %s is not deleted: data hangs on its kind", e.Cluster, e.Object)
}

// NotOurs says that an object is not deleted since ManagerQuorate no longer manages any field
// of it: others have taken it over.
type NotOurs struct {
	Cluster  string
	Object   regions.ObjectRef
	Managers []string // who manages it now, sorted; empty: nobody
}

func (e *NotOurs) Error() string {
	return fmt.Sprintf("cluster %s: %s is not deleted: %s no longer manages it, but %s; if nobody needs it, delete it by hand and run again",
		e.Cluster, e.Object, ManagerQuorate, cmp.Or(strings.Join(e.Managers, ", "), "nobody"))
}

// ManagedBy names the managers, for callers that know this error by its behaviour alone.
func (e *NotOurs) ManagedBy() []string { return e.Managers }
