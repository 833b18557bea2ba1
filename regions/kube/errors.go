package kube

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	multierror "github.com/hashicorp/go-multierror"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"

	"quorate.dev/quorate/regions"
)

// Unreachable says that a cluster's API server gave no usable answer: refused
// or lost connections, timeouts, DNS, TLS, or a proxy's 502, 503 or 504.
type Unreachable struct {
	Cluster string
	Attempt string // what was attempted, such as "list pods"
	Err     error
}

func (e *Unreachable) Error() string {
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

// explain wraps the error of one attempt in the type that fits it. ctx is the
// caller's context: where the caller gave up, the cluster is not to blame.
func (c *Cluster) explain(ctx context.Context, attempt string, err error) error {
	var explained interface{ explained() }
	switch {
	case err == nil || errors.As(err, &explained):
		return err
	case errors.Is(ctx.Err(), context.Canceled):
		return fmt.Errorf("cluster %s: %s: %w", c.name, attempt, err)
	case refusesCredentials(err):
		return &Forbidden{Cluster: c.name, Attempt: attempt, Err: err}
	case givesNoAnswer(err):
		return &Unreachable{Cluster: c.name, Attempt: attempt, Err: err}
	default:
		return fmt.Errorf("cluster %s: %s: %w", c.name, attempt, err)
	}
}

func (e *Unreachable) explained() {}
func (e *Forbidden) explained()   {}

// refusesCredentials knows 401, a missing permission, and client-go's credential
// helpers, whose errors have no type (plugin/pkg/client/auth/exec).
func refusesCredentials(err error) bool {
	return apierrors.IsUnauthorized(err) || lacksRight(err) ||
		strings.Contains(err.Error(), "getting credentials:")
}

// lacksRight tells a missing permission from an admission plugin's 403 by the
// authorizer's sentence: User "x" cannot patch resource "y", or cannot get path "/z"
// (apiserver, endpoints/handlers/responsewriters/errors.go).
func lacksRight(err error) bool {
	text := err.Error()
	return apierrors.IsForbidden(err) && strings.Contains(text, " cannot ") &&
		(strings.Contains(text, " resource ") || strings.Contains(text, " path "))
}

// givesNoAnswer tells failures of the way to the API server, or of a server that
// cannot serve, from answers.
func givesNoAnswer(err error) bool {
	if code := statusCode(err); code != 0 {
		return code == http.StatusBadGateway || code == http.StatusServiceUnavailable ||
			code == http.StatusGatewayTimeout || code == http.StatusTooManyRequests ||
			apierrors.IsServerTimeout(err)
	}
	var network net.Error
	var request *url.Error
	var certificate *tls.CertificateVerificationError
	var handshake tls.RecordHeaderError
	return errors.As(err, &network) || errors.As(err, &request) ||
		errors.As(err, &certificate) || errors.As(err, &handshake) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) ||
		utilnet.IsConnectionReset(err) || utilnet.IsConnectionRefused(err) || utilnet.IsHTTP2ConnectionLost(err)
}

// transient tells whether an idempotent request may succeed when simply repeated.
func transient(err error) bool {
	if err == nil {
		return false
	}
	var lost *Unreachable
	return errors.As(err, &lost) || statusCode(err) >= http.StatusInternalServerError && !refused(err)
}

// statusCode is the HTTP status that the API server answered with, 0 where it did not answer.
func statusCode(err error) int {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return 0
	}
	return int(status.Status().Code)
}

// gather makes one error of those of a fan-out. A dead cluster fails every
// request alike, so one Unreachable stands for all.
func gather(errs []error) error {
	var all *multierror.Error
	for _, err := range errs {
		if _, lost := errors.AsType[*Unreachable](err); lost {
			return err
		}
		if err != nil {
			all = multierror.Append(all, err)
		}
	}
	return all.ErrorOrNil()
}
