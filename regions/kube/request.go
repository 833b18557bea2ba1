package kube

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// request makes one request under the request timeout and explains its failure.
func (c *Cluster) request(ctx context.Context, attempt string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(c.logged(ctx), c.timeout)
	defer cancel()
	return c.gate.through(bounded, do, func(err error) error { return c.explain(ctx, attempt, err) })
}

// read is request for what only reads.
func (c *Cluster) read(ctx context.Context, attempt string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(c.logged(ctx), c.timeout)
	defer cancel()
	return c.gate.through(bounded, do, func(err error) error { return c.explainRead(ctx, attempt, err) })
}

// repeated makes an idempotent request, again after a lost connection, 429 or 5xx.
// The request timeout bounds all attempts together.
func (c *Cluster) repeated(ctx context.Context, attempt string, do func(context.Context) error) error {
	bounded, cancel := context.WithTimeout(c.logged(ctx), c.timeout)
	defer cancel()
	backoff := wait.Backoff{Duration: 100 * time.Millisecond, Factor: 3, Jitter: 0.2, Steps: 4}
	var last error
	err := wait.ExponentialBackoffWithContext(bounded, backoff, func(context.Context) (bool, error) {
		last = c.gate.through(bounded, do, func(err error) error { return c.explain(ctx, attempt, err) })
		return !transient(last), nil
	})
	if last == nil && err != nil {
		return c.explain(ctx, attempt, err) // given up before the first attempt
	}
	return last
}

// together runs every task at once and lets all of them end.
func together(tasks ...func() error) error {
	errs := make([]error, len(tasks))
	var group sync.WaitGroup
	for i, task := range tasks {
		group.Go(func() { errs[i] = task() })
	}
	group.Wait()
	return gather(errs)
}
