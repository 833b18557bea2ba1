package kube

import (
	"context"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// The pace of an election: what client-go's controllers use.
const (
	electionLease = 15 * time.Second // after which a leader that went away without a word is replaced
	electionRenew = 10 * time.Second
	electionRetry = 2 * time.Second
)

// Elect calls lead whenever the holder leads by a Lease in this cluster, with a context that ends when it does not any
// more, and again when it leads again, until ctx is done. A call has returned before the next one begins, and
// before Elect returns; the Lease is given up at the end. An election does not fence: another holder may lead before
// this one knows that it lost (client-go, package leaderelection), so what is led must bear two leaders. Heard is told
// whenever another holder leads.
func (c *Cluster) Elect(ctx context.Context, namespace, name, holder string, lead func(context.Context), heard func(leader string)) error {
	trouble := trouble{say: func(err error) {
		c.log.Warn("the Lease by which one writer is chosen cannot be had; it is tried again", "cluster", c.name, "lease", namespace+"/"+name, "error", err)
	}}
	for ctx.Err() == nil {
		var term term
		elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
			Lock: &lease{
				LeaseLock: resourcelock.LeaseLock{
					LeaseMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Client: c.clientset.CoordinationV1(),
					LockConfig: resourcelock.ResourceLockConfig{Identity: holder}, Labels: map[string]string{managedByLabel: ManagerQuorate},
				},
				trouble: trouble.is,
			},
			LeaseDuration: electionLease, RenewDeadline: electionRenew, RetryPeriod: electionRetry,
			ReleaseOnCancel: true, Name: name,
			Callbacks: leaderelection.LeaderCallbacks{
				OnStartedLeading: func(ctx context.Context) { term.run(ctx, lead) },
				OnStoppedLeading: func() {},
				OnNewLeader: func(leader string) {
					if leader != holder {
						heard(leader)
					}
				},
			},
		})
		if err != nil {
			return fmt.Errorf("cluster %s: Lease %s/%s: %w", c.name, namespace, name, err)
		}
		elector.Run(c.logged(ctx)) // returns once the holder leads no more, or ctx is done
		term.end()
	}
	return nil
}

// lease tells what keeps an election from the Lease: client-go returns no such error, and goes on trying.
type lease struct {
	resourcelock.LeaseLock
	trouble func(error) // nil: none any more
}

// Get reads it.
func (l *lease) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.LeaseLock.Get(ctx)
	if !apierrors.IsNotFound(err) { // then it is made
		l.note(ctx, err)
	}
	return record, raw, err
}

// Create makes it.
func (l *lease) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Create(ctx, record)
	l.note(ctx, err)
	return err
}

// Update takes it or renews it.
func (l *lease) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	err := l.LeaseLock.Update(ctx, record)
	l.note(ctx, err)
	return err
}

// note passes on what is no ordinary part of an election: another holder was first, or this one is at its end.
func (l *lease) note(ctx context.Context, err error) {
	if ctx.Err() == nil && !apierrors.IsConflict(err) && !apierrors.IsAlreadyExists(err) {
		l.trouble(err)
	}
}

// trouble says an error once, until there is none or another one.
type trouble struct {
	mu   sync.Mutex
	said string
	say  func(error)
}

func (t *trouble) is(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != t.said {
		t.say(err)
	}
	t.said = text
}

// term is one time of leading. The elector begins it in a goroutine of its own, perhaps only after it has ended.
type term struct {
	mu      sync.Mutex
	over    bool
	running sync.WaitGroup
}

func (t *term) run(ctx context.Context, lead func(context.Context)) {
	t.mu.Lock()
	if t.over {
		t.mu.Unlock()
		return
	}
	t.running.Add(1)
	t.mu.Unlock()
	defer t.running.Done()
	lead(ctx)
}

func (t *term) end() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.running.Wait()
}
