package rollout

import (
	"context"

	"quorate.dev/quorate/regions"
)

// locked lets writes through only while the run holds every Lease. All ports that
// write go through it from the moment the lock is taken: no step can forget to ask.
type locked struct {
	ports Ports
	lock  *lock
}

// Each write asks for the lock just before it is sent.
var (
	_ Objects      = lockedObjects{}
	_ StatefulSets = lockedSets{}
	_ Pods         = lockedPods{}
	_ Records      = lockedRecords{}
	_ Credentials  = lockedCredentials{}
)

// writers are the ports with their writes under the lock.
func (l locked) writers() Ports {
	p := l.ports
	p.Objects, p.StatefulSets, p.Pods, p.Records = lockedObjects{l}, lockedSets{l}, lockedPods{l}, lockedRecords{l}
	p.Credentials = lockedCredentials{l}
	return p
}

type lockedObjects struct{ locked }

func (l lockedObjects) Apply(ctx context.Context, cluster string, object map[string]any, over Takeover) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.Objects.Apply(ctx, cluster, object, over)
}

func (l lockedObjects) Delete(ctx context.Context, cluster string, ref regions.ObjectRef) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.Objects.Delete(ctx, cluster, ref)
}

type lockedSets struct{ locked }

func (l lockedSets) Install(ctx context.Context, cluster string, object map[string]any, partition int) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.StatefulSets.Install(ctx, cluster, object, partition)
}

func (l lockedSets) SetRollout(ctx context.Context, cluster, pool string, replicas, partition int, resourceVersion string) (string, error) {
	if err := l.lock.check(); err != nil {
		return "", err
	}
	return l.ports.StatefulSets.SetRollout(ctx, cluster, pool, replicas, partition, resourceVersion)
}

func (l lockedSets) Release(ctx context.Context, cluster, pool string, replicas int, resourceVersion string) (string, error) {
	if err := l.lock.check(); err != nil {
		return "", err
	}
	return l.ports.StatefulSets.Release(ctx, cluster, pool, replicas, resourceVersion)
}

type lockedPods struct{ locked }

func (l lockedPods) Delete(ctx context.Context, cluster string, pod regions.PodState) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.Pods.Delete(ctx, cluster, pod)
}

// Exec may change the database, as init does.
func (l lockedPods) Exec(ctx context.Context, id regions.ReplicaID, argv []string) (ExecResult, error) {
	if err := l.lock.check(); err != nil {
		return ExecResult{}, err
	}
	return l.ports.Pods.Exec(ctx, id, argv)
}

type lockedRecords struct{ locked }

func (l lockedRecords) Update(ctx context.Context, cluster string, change func(*regions.Record) error) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.Records.Update(ctx, cluster, change)
}

type lockedCredentials struct{ locked }

func (l lockedCredentials) Issue(ctx context.Context, cluster string, peers []string) error {
	if err := l.lock.check(); err != nil {
		return err
	}
	return l.ports.Credentials.Issue(ctx, cluster, peers)
}
