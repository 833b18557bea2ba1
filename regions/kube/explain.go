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
)

// explain wraps the error of one attempt in the type that fits it. ctx is the
// caller's context: where the caller gave up, the cluster is not to blame.
func (c *Cluster) explain(ctx context.Context, attempt string, err error) error {
	var explained interface{ explained() }
	switch {
	case err == nil || errors.As(err, &explained):
		return err
	case refusesCredentials(err):
		return &Forbidden{Cluster: c.name, Attempt: attempt, Err: err}
	case statusCode(err) == 0 && givenUp(ctx):
		return c.gaveUp(ctx, attempt, err)
	case givesNoAnswer(err):
		return &Unreachable{Cluster: c.name, Attempt: attempt, Err: err}
	default:
		return fmt.Errorf("cluster %s: %s: %w", c.name, attempt, err)
	}
}

// explainRead is explain for a read, to which a 500 is no answer: that is what an API server says
// whose etcd has no leader. (To a write it may be the answer of a webhook or of a schema.)
func (c *Cluster) explainRead(ctx context.Context, attempt string, err error) error {
	if statusCode(err) == http.StatusInternalServerError && !strings.Contains(err.Error(), "webhook") {
		return &Unreachable{Cluster: c.name, Attempt: attempt, Err: err}
	}
	return c.explain(ctx, attempt, err)
}

// givenUp tells whether the caller cancelled, or the caller's deadline has come. A dialler has a
// timer of its own for that deadline, which may fire a moment before the context's.
func givenUp(ctx context.Context) bool {
	deadline, limited := ctx.Deadline()
	return ctx.Err() != nil || limited && time.Until(deadline) <= 0
}

// gaveUp says of an attempt that the caller, and not the cluster, ended it, and by which deadline.
func (c *Cluster) gaveUp(ctx context.Context, attempt string, err error) error {
	<-ctx.Done() // it is done, or about to be: see givenUp
	deadline, limited := ctx.Deadline()
	if !limited || errors.Is(ctx.Err(), context.Canceled) {
		return fmt.Errorf("cluster %s: %s: %w", c.name, attempt, err)
	}
	for _, why := range []error{context.Cause(ctx), context.DeadlineExceeded} {
		if why != nil && !errors.Is(err, why) {
			err = fmt.Errorf("%w (%w)", err, why)
		}
	}
	return fmt.Errorf("cluster %s: %s: not done when the time allowed for it ran out, at %s: %w",
		c.name, attempt, deadline.UTC().Format(time.RFC3339), err)
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

// gather makes one error of those of a fan-out over one cluster. A dead cluster fails every
// request alike, so one Unreachable stands for all; and so does the first of several
// that differ in nothing but the attempt, such as a dozen 401s.
func gather(errs []error) error {
	all := multierror.Append(nil, errs...) // flattens, drops nil
	told := map[string]bool{}
	var distinct []error
	for _, err := range all.Errors {
		if _, lost := errors.AsType[*Unreachable](err); lost {
			return err
		}
		if text := cause(err); !told[text] {
			told[text] = true
			distinct = append(distinct, err)
		}
	}
	if len(distinct) == 1 {
		return distinct[0]
	}
	return multierror.Append(nil, distinct...).ErrorOrNil()
}

// cause is the text of a refusal without the attempt and its URL, of any other error all of it.
func cause(err error) string {
	if refused, ok := errors.AsType[*Forbidden](err); ok {
		err = refused.Err
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	return err.Error()
}
