package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/regions"
)

const (
	// renewalEvery is how often the tokens are looked at, with as much again at random, so that the replicas of
	// one authority seldom renew the same token.
	renewalEvery = 30 * time.Second
	// renewalTold is how often it is logged again that a token cannot be renewed.
	renewalTold = time.Hour
	// storeAttempts is how often a write is made anew on a Secret that has changed meanwhile.
	storeAttempts = 3
)

// RenewalScope is whose tokens are renewed.
type RenewalScope struct {
	Deployment string
	Namespace  string // of the Secret, in the own cluster
	// Namespaces are those of the ServiceAccounts, by cluster. A token for any other cluster is left alone.
	Namespaces map[string]string
	Now        func() time.Time
}

// Renewal keeps alive the tokens by which the authority of one cluster watches the others. With a token that holds it
// asks the other API server for the next one (TokenRequest) before half of its lifetime is over, uses that from then on, and
// writes it to its own cluster's Secret, where a restart, the other replicas and a run find it. Several replicas
// may do so at once: a write is made on the Secret that was read, and given up where that has changed and
// holds a token that is as young. The first token, and one after the last has expired, a run issues.
type Renewal struct {
	own   *Cluster
	ways  *Mounted
	scope RenewalScope
	log   *slog.Logger

	known   *credentials     // the Secret as last read
	pending map[string]Grant // renewed, and not in the Secret yet
	told    map[string]time.Time
}

// NewRenewal needs the own cluster, whose Secret it keeps, and the ways into the others.
func NewRenewal(own *Cluster, ways *Mounted, scope RenewalScope) *Renewal {
	return &Renewal{own: own, ways: ways, scope: scope, log: ways.opts.Logger, pending: map[string]Grant{}, told: map[string]time.Time{}}
}

// Run looks at the tokens until ctx is done. What fails is logged, and tried again.
func (r *Renewal) Run(ctx context.Context) {
	wait.JitterUntilWithContext(ctx, func(ctx context.Context) {
		if err := r.Look(ctx); err != nil && ctx.Err() == nil {
			r.tell("", "the tokens for other clusters cannot be kept alive; a run, or quorate dns credentials, renews them", err)
		}
	}, renewalEvery, 1, true)
}

// Look renews what is due now, and stores what was renewed. A cluster that refuses is logged.
func (r *Renewal) Look(ctx context.Context) error {
	held, err := r.own.readCredentials(ctx, r.secretScope())
	if err != nil && r.known == nil {
		return err
	}
	if err == nil {
		r.known = held
		r.forget(held)
	}
	for _, cluster := range slices.Sorted(maps.Keys(r.known.notes)) {
		r.renew(ctx, cluster)
	}
	if err != nil || len(r.pending) == 0 {
		return err
	}
	return r.store(ctx)
}

func (r *Renewal) secretScope() Scope {
	return Scope{Deployment: r.scope.Deployment, Namespace: r.scope.Namespace}
}

// forget drops what the Secret has got meanwhile, by this replica or by anybody else.
func (r *Renewal) forget(held *credentials) {
	maps.DeleteFunc(r.pending, func(cluster string, g Grant) bool {
		note, noted := held.notes[cluster]
		return !noted || !note.Issued.Before(g.Issued) || note.Account != g.Account
	})
}

// due tells a token of which less than three fifths of its lifetime is left: sooner than a plan renews it,
// which waits for half, so that a plan has something to say only where this failed.
func (r *Renewal) due(issued, expires time.Time) bool {
	return expires.Sub(r.scope.Now()) < expires.Sub(issued)*3/5
}

// renew asks one cluster for a new token where the present one is due.
func (r *Renewal) renew(ctx context.Context, cluster string) {
	note := r.known.notes[cluster]
	issued, expires := note.Issued, note.Expires
	if g, renewed := r.pending[cluster]; renewed {
		issued, expires = g.Issued, g.Expires
	}
	namespace, ours := r.scope.Namespaces[cluster]
	if !ours || r.known.entries[cluster] == nil || !r.due(issued, expires) {
		return
	}
	err := errors.New("the present token has expired")
	if expires.After(r.scope.Now()) {
		err = r.ask(ctx, cluster, namespace, note.Account)
	}
	if err != nil {
		r.tell(cluster, "the token for a cluster cannot be renewed; a run, or quorate dns credentials, does", err)
		return
	}
	delete(r.told, cluster)
	r.log.Info("the token for a cluster was renewed", "cluster", cluster, "expires", r.pending[cluster].Expires.UTC().Format(time.RFC3339))
}

func (r *Renewal) ask(ctx context.Context, cluster, namespace, account string) error {
	way, _, err := r.ways.Cluster(cluster)
	if err != nil {
		return err
	}
	g, err := way.requestToken(ctx, namespace, regions.AuthorityName(r.scope.Deployment))
	if err != nil {
		return err
	}
	g.Cluster, g.Account, g.endpoint = cluster, account, endpointIn(r.known.entries[cluster])
	r.pending[cluster] = g
	r.ways.use(cluster, g.sealed)
	return nil
}

// store writes what is pending, beside all that the Secret holds.
func (r *Renewal) store(ctx context.Context) error {
	for range storeAttempts {
		scope := r.secretScope()
		scope.Authority = &AuthorityScope{Watches: map[string]Endpoint{}, Now: r.scope.Now}
		for cluster, entry := range r.known.entries {
			scope.Authority.Watches[cluster] = endpointIn(entry)
		}
		err := r.own.putCredentials(ctx, scope, r.known, slices.Collect(maps.Values(r.pending)))
		if err == nil {
			clear(r.pending)
			return nil
		}
		if !errors.Is(err, ErrChanged) {
			return err
		}
		if r.known, err = r.own.readCredentials(ctx, scope); err != nil {
			return err
		}
		if r.forget(r.known); len(r.pending) == 0 {
			return nil
		}
	}
	return fmt.Errorf("cluster %s: Secret/%s/%s changes again and again", r.own.name, r.scope.Namespace, regions.CredentialsName(r.scope.Deployment))
}

// tell logs a failure of one cluster, or of the whole, once in a while.
func (r *Renewal) tell(cluster, text string, err error) {
	now := r.scope.Now()
	if last, before := r.told[cluster]; before && now.Sub(last) < renewalTold {
		return
	}
	r.told[cluster] = now
	r.log.Warn(text, "cluster", cluster, "error", err)
}
