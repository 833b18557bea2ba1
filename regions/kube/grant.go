package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/regions"
)

// tokenLifetime is asked for; an API server may give less
// (kube-apiserver --service-account-max-token-expiration), and what it gives counts.
const tokenLifetime = 90 * 24 * time.Hour

// Grant lets whoever has it watch one cluster as the ServiceAccount of its authority. The
// token never shows in a log, an error or an encoding of the Grant.
type Grant struct {
	Cluster string // the cluster that it opens
	Account string // UID of the ServiceAccount
	// Issued and Expires are by the clock of that cluster's API server.
	Issued, Expires time.Time
	endpoint        Endpoint
	sealed          *sealed
}

// sealed keeps a token where fmt, which follows no pointer within a value, does not print it.
type sealed struct{ token []byte }

// Grant asks for a token of the authority's ServiceAccount in this cluster (TokenRequest, KEP-1205), bound to
// that ServiceAccount, so that deleting it ends the token; endpoint is how its bearer reaches this cluster.
func (c *Cluster) Grant(ctx context.Context, scope Scope, endpoint Endpoint) (Grant, error) {
	name := regions.AuthorityName(scope.Deployment)
	attempt := fmt.Sprintf("request a token of ServiceAccount/%s/%s", scope.Namespace, name)
	if endpoint.Server == "" {
		return Grant{}, fmt.Errorf("cluster %s: %s: no way to its API server is known", c.name, attempt)
	}
	// The account is read first: of one that is made anew in between, the UID noted
	// is the former one, and the token is due again.
	account, err := c.account(ctx, scope)
	if err != nil {
		return Grant{}, err
	}
	g, err := c.requestToken(ctx, scope.Namespace, name)
	switch {
	case apierrors.IsNotFound(err):
		return Grant{}, fmt.Errorf("%w (apply the overlay of %s first: it brings the ServiceAccount)", err, c.name)
	case err != nil:
		return Grant{}, err
	}
	g.Cluster, g.Account, g.endpoint = c.name, account, endpoint
	return g, nil
}

// requestToken asks this cluster for a token of a ServiceAccount.
func (c *Cluster) requestToken(ctx context.Context, namespace, name string) (Grant, error) {
	seconds := int64(tokenLifetime / time.Second)
	var answer *authenticationv1.TokenRequest
	err := c.request(ctx, fmt.Sprintf("request a token of ServiceAccount/%s/%s", namespace, name), func(ctx context.Context) (err error) {
		answer, err = c.clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name,
			&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})
		return err
	})
	if err != nil {
		return Grant{}, err
	}
	expires := answer.Status.ExpirationTimestamp.Time
	if answer.Spec.ExpirationSeconds != nil {
		seconds = *answer.Spec.ExpirationSeconds
	}
	return Grant{
		Issued: expires.Add(-time.Duration(seconds) * time.Second), Expires: expires, sealed: &sealed{[]byte(answer.Status.Token)},
	}, nil
}

// StoreGrants puts grants into the Secret of this cluster's authority, beside those that it
// holds for other clusters of the scope; those for clusters outside the scope are dropped.
// It may run beside another one: each write is made on the Secret that was read for it, and made anew
// where that has changed, so that neither loses the other's grants. Only where both create the Secret may those of
// one be lost, and are due again. A Secret of that name in other hands is a Conflict, and is left alone.
func (c *Cluster) StoreGrants(ctx context.Context, scope Scope, grants []Grant) error {
	if scope.Authority == nil {
		return fmt.Errorf("cluster %s: the topology has no authority inside its clusters", c.name)
	}
	backoff := wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.5, Steps: 10}
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		last = c.storeGrants(ctx, scope, grants)
		return !errors.Is(last, ErrChanged), nil
	})
	if last == nil && err != nil {
		return c.explain(ctx, "store the credentials of the authority", err)
	}
	return last
}

func (c *Cluster) storeGrants(ctx context.Context, scope Scope, grants []Grant) error {
	held, err := c.readCredentials(ctx, scope)
	if err != nil {
		return err
	}
	return c.putCredentials(ctx, scope, held, grants)
}

// putCredentials writes grants beside what was read, unless that has changed since (ErrChanged).
func (c *Cluster) putCredentials(ctx context.Context, scope Scope, held *credentials, grants []Grant) error {
	held.take(*scope.Authority, grants)
	object, err := held.object(scope)
	if err != nil {
		return fmt.Errorf("cluster %s: %w", c.name, err)
	}
	t, err := c.target(ctx, object, "")
	if err != nil {
		return err
	}
	_, err = c.patch(ctx, t, t.object, metav1.ApplyOptions{FieldManager: ManagerQuorate})
	return c.conflict(t.ref, err)
}
