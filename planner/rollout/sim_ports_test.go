package rollout_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// fault is what happens to one write.
type fault int

const (
	fine        fault = iota
	changed           // refused: the object has changed
	lostBefore        // an error, and not applied
	lostAfter         // an error, and applied
	crashBefore       // the process dies before the write is sent
	crashAfter        // the process dies when it was applied
)

var (
	errCrash = errors.New("the process died")
	errLost  = errors.New("connection reset")
)

// run is one process running the engine: its ports, its journal, its faults.
type run struct {
	*fleet
	id      string
	cancel  context.CancelFunc
	dead    bool
	writes  int
	fault   func(op string, number int) fault
	entries []journal.Entry          // what is on its disk
	open    map[string]journal.Entry // steps intended and not ended
	floor   map[string]int           // no picture older than this may decide anything
	events  []rollout.Event
	on      func(rollout.Event)
	steps   map[string]planner.Step
	founds  bool // it installs: a static cluster may come to serve while it still starts members
}

func (r *run) ports() rollout.Ports {
	return rollout.Ports{
		Observer: r, Objects: objectsPort{r}, StatefulSets: setsPort{r}, Pods: podsPort{r}, Records: recordsPort{r},
		Leases: leasesPort{r}, Authority: r, Credentials: credentialsPort{r}, Journal: r, Now: time.Now, Emit: r.emit,
	}
}

func (r *run) emit(e rollout.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return
	}
	r.events = append(r.events, e)
	r.logf("  [%s] %s %s %s", r.id, e.Type, e.Step, e.Message)
	if r.on != nil {
		r.on(e)
	}
}

// pause takes virtual time, outside the lock.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// latencyMost is how long a request, or its answer, is on its way at most.
const latencyMost = 20 * time.Millisecond

func (r *run) latency() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.some(latencyMost)
}

// write is the way of every write: it takes time on both ends, may fail, and may be
// the process's last.
func (r *run) write(ctx context.Context, c *cluster, op string, apply func() error) error {
	if err := pause(ctx, r.latency()); err != nil {
		return err
	}
	err := r.applied(c, op, apply)
	if errors.As(err, &darkError{}) {
		return errors.Join(err, pause(ctx, time.Second))
	}
	return errors.Join(err, pause(ctx, r.latency()))
}

func (r *run) applied(c *cluster, op string, apply func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return errCrash
	}
	r.writes++
	f := fine
	if r.fault != nil {
		f = r.fault(op, r.writes)
	}
	if f != fine {
		r.faulty = true
		r.logf("  [%s] write %d %s: fault %d", r.id, r.writes, op, f)
	}
	switch {
	case f == crashBefore:
		return r.crash()
	case c.dark:
		return c.unreachable()
	case f == changed:
		return rollout.ErrChanged
	case f == lostBefore:
		return errLost
	}
	err := apply()
	switch f {
	case crashAfter:
		return r.crash()
	case lostAfter:
		return errLost
	}
	return err
}

// crash is kill -9: nothing of this process happens any more.
func (r *run) crash() error {
	r.logf("  [%s] dies", r.id)
	r.faulty = true
	r.dead = true
	r.cancel()
	return errCrash
}

// Append is durable when it returns.
func (r *run) Append(e journal.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dead {
		return errCrash
	}
	r.writes++
	f := fine
	if r.fault != nil {
		f = r.fault("journal", r.writes)
	}
	if f == crashBefore {
		return r.crash()
	}
	e.Seen = maps.Clone(e.Seen)
	r.entries = append(r.entries, e)
	switch e.Event {
	case journal.StepIntended:
		r.open[e.Step] = e
	case journal.StepDone, journal.StepFailed, journal.StepSkipped:
		r.ended(e)
		delete(r.open, e.Step)
		for name, c := range r.clusters {
			r.floor[name] = c.version
		}
	}
	if f == crashAfter {
		return r.crash()
	}
	return nil
}

type setsPort struct{ *run }

// Install makes a set without replicas, its partition held, in the hands of the engine.
func (p setsPort) Install(ctx context.Context, cluster string, object map[string]any, partition int) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "install", func() error {
		p.permitted(cluster, "install")
		name := planner.RefOf(object).Name
		if c.sets[name] == nil {
			s := &set{cluster: c, setName: name, object: object}
			c.sets[name] = s
			s.rolloutOwned = true
			s.write(func(n *spec) { n.partition, n.template = partition, templateOf(object) })
		}
		c.objects[planner.RefOf(object)] = object
		return nil
	})
}

// SetRollout writes under a resourceVersion.
func (p setsPort) SetRollout(ctx context.Context, cluster, pool string, replicas, partition int, version string) (string, error) {
	c := p.clusters[cluster]
	after := ""
	err := p.write(ctx, c, "set-rollout", func() error {
		s := c.sets[pool]
		op := fmt.Sprintf("replicas %d partition %d of %s/%s", replicas, partition, cluster, pool)
		p.permitted(cluster, op)
		if version == "" {
			p.violation("%s without a resourceVersion", op)
		}
		if version != strconv.Itoa(s.version) {
			return fmt.Errorf("%w: %s is at %d", rollout.ErrChanged, pool, s.version)
		}
		if p.database.initialised && !p.founds && replicas > s.spec.replicas+1 {
			p.violation("%s adds several replicas", op)
		}
		p.decided(cluster, op, p.freed(s, partition))
		if replicas > s.spec.replicas {
			p.named(op)
			p.grown(cluster, op)
		}
		s.lastWriter, s.lastWritten = p.id, time.Now()
		s.rolloutOwned, s.released = true, false
		p.logf("  [%s] %s", p.id, op)
		s.write(func(n *spec) { n.replicas, n.partition = replicas, partition })
		after = strconv.Itoa(s.version)
		return nil
	})
	return after, err
}

// freed are the replicas that a lower partition lets the controller replace.
func (r *run) freed(s *set, partition int) []regions.ReplicaID {
	var out []regions.ReplicaID
	update := s.revisionFor(s.spec.template)
	for i := partition; i < min(s.spec.partition, s.spec.replicas); i++ {
		if q := s.pods[s.podName(i)]; q != nil && q.revision != update {
			out = append(out, s.id(i))
		}
	}
	slices.SortFunc(out, func(a, b regions.ReplicaID) int { return b.Ordinal - a.Ordinal })
	return out
}
