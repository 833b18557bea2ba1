package kube

import (
	"context"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/tools/cache"

	"quorate.dev/quorate/regions"
)

// heartbeat is how often a watch asks whether the API server still answers:
// a watch on a connection that died silently looks exactly like one on which nothing happens.
const heartbeat = 5 * time.Second

// Snapshot is the latest state of a cluster, or why there is none.
type Snapshot struct {
	// State has neither record nor Lease, and other namespaces were not looked at; its nodes, version and UID are those at the
	// (re)connection. It is zero but for its names where Err is set.
	State regions.ClusterState
	// Err says that the state is unknown at present, such as Unreachable. The watch keeps trying.
	Err error
}

// Watch reports the scope's complete state at first, and again after each change of its
// StatefulSets, revisions, pods and claims. The latest state wins: one that nobody took in time
// is replaced, so a slow reader never holds the watch up. A lost connection is reported
// within about 20 s also when it died silently, and begun anew with fresh lists. The channel is closed when ctx ends.
func (c *Cluster) Watch(ctx context.Context, scope Scope) <-chan Snapshot {
	out := make(chan Snapshot, 1)
	go func() {
		defer close(out)
		backoff := reconnectBackoff()
		for ctx.Err() == nil {
			spoke, err := c.session(ctx, scope, out)
			if ctx.Err() != nil {
				return
			}
			if spoke {
				backoff = reconnectBackoff()
			}
			offer(out, Snapshot{State: regions.ClusterState{Cluster: c.name, Region: scope.Region, Namespace: scope.Namespace}, Err: err})
			utilnet.CloseIdleConnectionsFor(c.http.Transport)
			pause(ctx, backoff.Step())
		}
	}()
	return out
}

func reconnectBackoff() wait.Backoff {
	return wait.Backoff{Duration: 250 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 10, Cap: 5 * time.Second}
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// offer replaces what lies in the channel. Only one goroutine may offer.
func offer(out chan Snapshot, snapshot Snapshot) {
	select {
	case <-out:
	default:
	}
	out <- snapshot
}

// session watches until the first failure. It tells whether it ever reported a state.
func (c *Cluster) session(ctx context.Context, scope Scope, out chan Snapshot) (spoke bool, err error) {
	facts, err := c.facts(ctx, scope)
	if err != nil {
		return false, err
	}
	ctx, fail := context.WithCancelCause(c.logged(ctx))
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer fail(nil)

	change := make(chan struct{}, 1)
	mirrors := map[string]*mirror{}
	for _, r := range c.resources(scope.Namespace) {
		m := &mirror{changed: func() { signal(change) }}
		mirrors[r.name] = m
		reflector := c.reflector(r, m, fail)
		tasks.Go(func() { reflector.RunWithContext(ctx) })
	}
	tasks.Go(func() { c.beat(ctx, fail) })
	for {
		select {
		case <-ctx.Done():
			return spoke, context.Cause(ctx)
		case <-change:
		}
		if state, complete := c.mirrored(scope, facts, mirrors); complete && ctx.Err() == nil {
			offer(out, Snapshot{State: state})
			spoke = true
		}
	}
}

func signal(change chan<- struct{}) {
	select {
	case change <- struct{}{}:
	default:
	}
}

// mirrored is the state in the mirrors; false until every one is complete.
func (c *Cluster) mirrored(scope Scope, f facts, mirrors map[string]*mirror) (regions.ClusterState, bool) {
	l := listing{seen: map[string]string{}}
	complete := true
	for name, m := range mirrors {
		complete = m.read(name, &l) && complete
	}
	if !complete {
		return regions.ClusterState{}, false
	}
	f.namespace = f.namespace || len(l.sets)+len(l.pods)+len(l.claims) > 0
	return c.assemble(scope, f, l), true
}

// reflector keeps a mirror up to date. It would retry for ever and in silence, so that failures
// are caught where they come up.
func (c *Cluster) reflector(r resource, m *mirror, fail context.CancelCauseFunc) *cache.Reflector {
	logger := c.logger()
	source := &cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, opts metav1.ListOptions) (runtime.Object, error) {
			list, err := r.list(ctx, opts)
			c.report(ctx, "list "+r.name, err, fail)
			return list, err
		},
		WatchFuncWithContext: func(ctx context.Context, opts metav1.ListOptions) (watch.Interface, error) {
			events, err := r.watch(ctx, opts)
			c.report(ctx, "watch "+r.name, err, fail)
			return events, err
		},
	}
	return cache.NewReflectorWithOptions(source, r.sample, m, cache.ReflectorOptions{Name: r.name, Logger: &logger})
}

// report ends the session on a failure. An expired resourceVersion is the reflector's to
// mend by listing again, and so is a server that cannot stream lists (KEP-3157).
func (c *Cluster) report(ctx context.Context, attempt string, err error, fail context.CancelCauseFunc) {
	if err == nil || ctx.Err() != nil || apierrors.IsResourceExpired(err) || apierrors.IsGone(err) || apierrors.IsInvalid(err) {
		return
	}
	fail(c.explainRead(ctx, attempt, err))
}

// beat asks for the version at every heartbeat and ends the session when no answer comes.
func (c *Cluster) beat(ctx context.Context, fail context.CancelCauseFunc) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if _, err := c.version(ctx); err != nil && ctx.Err() == nil {
			fail(err)
		}
	}, heartbeat)
}
