package rollout_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

type objectsPort struct{ *run }

// Apply is a server-side apply. Of a StatefulSet it refuses what would move pods, or
// would leave replicas to nobody, as regions/kube does.
func (p objectsPort) Apply(ctx context.Context, cluster string, object map[string]any, _ rollout.Takeover) error {
	c, ref := p.clusters[cluster], planner.RefOf(object)
	return p.write(ctx, c, "apply "+ref.Kind, func() error {
		if ref.Kind == "Namespace" {
			c.namespace = true
			c.objects[ref] = object
			c.touch()
			return nil
		}
		p.permitted(cluster, "apply "+ref.String())
		if s := c.sets[ref.Name]; ref.Kind == "StatefulSet" {
			switch {
			case s == nil:
				p.violation("%s in %s was created by an apply, with replicas of nobody", ref, cluster)
				return nil
			case !s.rolloutOwned:
				return fmt.Errorf("apply %s: nobody owns its replicas and partition", ref)
			case s.spec.partition < s.spec.replicas:
				return fmt.Errorf("apply %s: its partition is below its replicas", ref)
			}
			s.object = object
			s.write(func(n *spec) { n.template = templateOf(object) })
		}
		c.objects[ref] = object
		c.installAuthority(ref)
		c.touch()
		return nil
	})
}

func (p objectsPort) Delete(ctx context.Context, cluster string, ref regions.ObjectRef) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "delete "+ref.Kind, func() error {
		p.permitted(cluster, "delete "+ref.String())
		delete(c.objects, ref)
		c.touch()
		return nil
	})
}

type podsPort struct{ *run }

// Delete deletes exactly the pod that was seen.
func (p podsPort) Delete(ctx context.Context, cluster string, seen regions.PodState) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "delete-pod", func() error {
		q := c.pods[seen.ID.Pod()]
		if q == nil {
			return nil
		}
		if q.uid != seen.UID {
			return fmt.Errorf("%w: pod %s is another one now", rollout.ErrChanged, seen.ID)
		}
		p.permitted(cluster, "delete pod")
		p.decided(cluster, "delete "+seen.ID.String(), []regions.ReplicaID{seen.ID})
		q.lastWriter, q.lastWritten = p.id, time.Now()
		q.remove(q, "run")
		return nil
	})
}

// Exec runs a command where the pod runs.
func (p podsPort) Exec(ctx context.Context, id regions.ReplicaID, argv []string) (rollout.ExecResult, error) {
	c := p.clusters[id.Cluster]
	var result rollout.ExecResult
	run := func() error {
		q := c.pods[id.Pod()]
		if q == nil || q.phase != "Running" {
			return fmt.Errorf("exec in %s: container not running", id)
		}
		result = p.database.exec(id, argv)
		return nil
	}
	if argv[1] != "init" && !slices.Contains(argv, "move-leader") {
		if err := pause(ctx, p.latency()); err != nil {
			return result, err
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.dead || c.dark {
			return result, c.unreachable()
		}
		return result, run()
	}
	err := p.write(ctx, c, "exec", func() error {
		p.permitted(id.Cluster, strings.Join(argv, " "))
		return run()
	})
	return result, err
}

type recordsPort struct{ *run }

func (p recordsPort) Update(ctx context.Context, cluster string, change func(*regions.Record) error) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "record", func() error {
		p.permitted(cluster, "record")
		record := cloneRecord(c.record)
		if err := change(&record); err != nil {
			return err
		}
		record.Exists = true
		c.record = record
		c.touch()
		return nil
	})
}

type leasesPort struct{ *run }

const leaseTTL = 30 * time.Second

// takenLease: another run holds it.
type takenLease struct{ holder string }

func (t takenLease) Error() string  { return "held by run " + t.holder }
func (t takenLease) HeldBy() string { return t.holder }

// Acquire takes a free Lease, waits out a dead holder, and gives up on a live one.
func (p leasesPort) Acquire(ctx context.Context, cluster, holder string, waiting func(string)) error {
	c := p.clusters[cluster]
	var since time.Time
	var first lease
	for {
		free, held := false, lease{}
		err := p.write(ctx, c, "acquire", func() error {
			held = c.lease
			waitedOut := !since.IsZero() && held == first && time.Since(since) >= held.ttl
			if free = held.holder == "" || held.holder == holder || waitedOut; free {
				c.lease = lease{holder, time.Now(), leaseTTL}
			}
			return nil
		})
		switch {
		case err != nil || free:
			return err
		case since.IsZero():
			since, first = time.Now(), held
			waiting(fmt.Sprintf("%s is locked by %s; if that run is dead, its lock expires in %s", cluster, held.holder, held.ttl))
		case held != first:
			return takenLease{held.holder}
		}
		if err := pause(ctx, time.Second); err != nil {
			return err
		}
	}
}

func (p leasesPort) Renew(ctx context.Context, cluster, holder string) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "renew", func() error {
		if c.lease.holder != holder {
			return takenLease{c.lease.holder}
		}
		c.lease.renewed = time.Now()
		return nil
	})
}

func (p leasesPort) Release(ctx context.Context, cluster, holder string) error {
	c := p.clusters[cluster]
	return p.write(ctx, c, "release", func() error {
		if c.lease.holder != holder {
			return takenLease{c.lease.holder}
		}
		c.lease = lease{}
		return nil
	})
}
