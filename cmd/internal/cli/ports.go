package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// clock tells the time.
type clock = func() time.Time

// changed translates a failed precondition into the engine's word for it.
func changed(err error) error {
	if errors.Is(err, kube.ErrChanged) {
		return fmt.Errorf("%w: %w", rollout.ErrChanged, err)
	}
	return err
}

var (
	_ rollout.Observer     = observerPort{}
	_ rollout.Objects      = objectsPort{}
	_ rollout.StatefulSets = setsPort{}
	_ rollout.Pods         = podsPort{}
	_ rollout.Records      = recordsPort{}
	_ rollout.Leases       = leasesPort{}
	_ rollout.Credentials  = credentialsPort{}
	_ podReacher           = podsPort{}
)

type observerPort struct{ w *wired }

func (p observerPort) Observe(ctx context.Context, cluster string) (regions.ClusterState, error) {
	return p.w.clusters[cluster].Observe(ctx, p.w.scopes[cluster])
}

func (p observerPort) Watch(ctx context.Context, cluster string) <-chan rollout.Snapshot {
	out := make(chan rollout.Snapshot)
	go func() {
		defer close(out)
		for s := range p.w.clusters[cluster].Watch(ctx, p.w.scopes[cluster]) {
			select {
			case out <- rollout.Snapshot{State: s.State, Err: s.Err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

type objectsPort struct{ w *wired }

func (p objectsPort) Apply(ctx context.Context, cluster string, object map[string]any, over rollout.Takeover) error {
	c := p.w.clusters[cluster]
	var err error
	switch planner.RefOf(object).Kind {
	case "Namespace":
		_, err = c.EnsureNamespace(ctx, object)
	case "StatefulSet":
		_, err = c.ApplyStatefulSet(ctx, object, over.Managers...)
	default:
		_, err = c.Apply(ctx, object, kube.ApplyOptions{Manager: kube.ManagerQuorate, TakeOver: over.Equal, Force: over.Managers})
	}
	if err == nil && over.Equal {
		err = c.Relieve(ctx, planner.RefOf(object), p.w.scopes[cluster].TakeFrom)
	}
	return changed(err)
}

func (p objectsPort) Delete(ctx context.Context, cluster string, ref regions.ObjectRef) error {
	return changed(p.w.clusters[cluster].Delete(ctx, ref))
}

type setsPort struct{ w *wired }

func (p setsPort) Install(ctx context.Context, cluster string, object map[string]any, partition int) error {
	return p.w.clusters[cluster].InstallStatefulSet(ctx, object, partition)
}

func (p setsPort) SetRollout(ctx context.Context, cluster, pool string, replicas, partition int, resourceVersion string) (string, error) {
	fields := kube.RolloutFields{Replicas: replicas, Partition: partition}
	version, err := p.w.clusters[cluster].SetRollout(ctx, p.w.scopes[cluster].Namespace, pool, fields, resourceVersion)
	return version, changed(err)
}

func (p setsPort) Release(ctx context.Context, cluster, pool string, replicas int, resourceVersion string) (string, error) {
	version, err := p.w.clusters[cluster].Release(ctx, p.w.scopes[cluster].Namespace, pool, replicas, resourceVersion)
	return version, changed(err)
}

type podsPort struct{ w *wired }

func (p podsPort) Delete(ctx context.Context, cluster string, pod regions.PodState) error {
	return changed(p.w.clusters[cluster].DeletePod(ctx, p.w.scopes[cluster].Namespace, pod.ID.Pod(), pod.UID, pod.ResourceVersion))
}

func (p podsPort) Exec(ctx context.Context, id regions.ReplicaID, argv []string) (rollout.ExecResult, error) {
	scope := p.w.scopes[id.Cluster]
	result, err := p.w.clusters[id.Cluster].Exec(ctx, kube.ExecRequest{
		Namespace: scope.Namespace, Pod: id.Pod(), Container: scope.Container, Argv: argv,
	})
	return rollout.ExecResult{Stdout: result.Stdout, Stderr: result.Stderr, ExitCode: result.ExitCode}, err
}

func (p podsPort) ReadyAuthorities(ctx context.Context, cluster string) ([]kube.AuthorityPod, error) {
	return p.w.clusters[cluster].ReadyAuthorities(ctx, p.w.scopes[cluster])
}

func (p podsPort) DialAuthority(ctx context.Context, cluster string, pod kube.AuthorityPod) (net.Conn, error) {
	return p.w.clusters[cluster].DialPod(ctx, p.w.scopes[cluster].Namespace, pod, regions.AuthorityPort)
}

type credentialsPort struct{ w *wired }

func (p credentialsPort) Issue(ctx context.Context, cluster string, peers []string) error {
	_, err := p.w.issue(ctx, cluster, peers)
	return err
}

type recordsPort struct{ w *wired }

func (p recordsPort) Update(ctx context.Context, cluster string, edit func(*regions.Record) error) error {
	return p.w.clusters[cluster].UpdateRecord(ctx, p.w.scopes[cluster].Namespace, p.w.topology.Metadata.Name, edit)
}

// leaseTerms are how a run holds its Leases.
type leaseTerms struct {
	info string // who, for people
	ttl  time.Duration
}

type leasesPort struct {
	w *wired
	leaseTerms
}

// leasePoll is how often a Lease that somebody else holds is looked at.
const leasePoll = time.Second

// Acquire takes a free Lease at once. One that is held is watched: a holder that
// renews it is alive and keeps us out; one that does not is waited out.
func (p leasesPort) Acquire(ctx context.Context, cluster, holder string, waiting func(string)) error {
	tick := time.NewTicker(leasePoll)
	defer tick.Stop()
	var first *kube.Held
	for {
		_, err := p.w.clusters[cluster].AcquireLease(ctx, p.w.scopes[cluster].Namespace, p.name(), p.request(holder), p.w.now)
		var held *kube.Held
		if !errors.As(err, &held) {
			return err
		}
		if first == nil {
			first = held
			waiting(fmt.Sprintf("%s is locked by %s; if that run is dead, its lock expires at %s", cluster, held.Info, held.Expires.Format(time.TimeOnly)))
		}
		if held.Holder != first.Holder || held.Expires.After(first.Expires) {
			return held // renewed or passed on: that run is alive
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p leasesPort) Renew(ctx context.Context, cluster, holder string) error {
	_, err := p.w.clusters[cluster].RenewLease(ctx, p.w.scopes[cluster].Namespace, p.name(), p.request(holder), p.w.now)
	if lost, ok := errors.AsType[*kube.LeaseLost](err); ok {
		return takenLease{err, lost.Holder}
	}
	return err
}

func (p leasesPort) Release(ctx context.Context, cluster, holder string) error {
	return p.w.clusters[cluster].ReleaseLease(ctx, p.w.scopes[cluster].Namespace, p.name(), holder, p.w.now)
}

func (p leasesPort) name() string { return regions.RecordName(p.w.topology.Metadata.Name) }

func (p leasesPort) request(holder string) kube.LeaseRequest {
	return kube.LeaseRequest{Holder: holder, Info: p.info, Duration: p.ttl}
}

// takenLease tells the engine that renewing is pointless.
type takenLease struct {
	error
	holder string
}

func (t takenLease) HeldBy() string { return t.holder }
func (t takenLease) Unwrap() error  { return t.error }
