package rollout

import (
	"context"
	"errors"
	"time"

	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/regions"
)

// ErrChanged is returned by writes under a resourceVersion precondition when the
// object has changed since: the engine looks again and decides anew.
var ErrChanged = errors.New("the object has changed since it was read")

// Observer sees clusters.
type Observer interface {
	// Observe reads the cluster's state now, consistently.
	Observe(ctx context.Context, cluster string) (regions.ClusterState, error)
	// Watch delivers the newest state after every change, until ctx ends. A slow
	// reader misses states between, never the last one.
	Watch(ctx context.Context, cluster string) <-chan Snapshot
}

// Snapshot is a cluster's newest state, or why there is none.
type Snapshot struct {
	State regions.ClusterState
	Err   error
}

// Objects writes the overlay's objects as field manager quorate.
type Objects interface {
	// Apply is a server-side apply.
	Apply(ctx context.Context, cluster string, object map[string]any, over Takeover) error
	Delete(ctx context.Context, cluster string, ref regions.ObjectRef) error
}

// Takeover says which fields of other managers an apply may take.
type Takeover struct {
	Equal    bool     // those at the very value that is applied
	Managers []string // those of these managers, at whatever value
}

// StatefulSets writes the pools.
type StatefulSets interface {
	// Install creates a StatefulSet with no replicas and its partition held.
	Install(ctx context.Context, cluster string, object map[string]any, partition int) error
	// SetRollout sets replicas and partition as field manager quorate-rollout, under
	// a resourceVersion precondition, and returns the new resourceVersion.
	SetRollout(ctx context.Context, cluster, pool string, replicas, partition int, resourceVersion string) (string, error)
	// Release gives the partition up and keeps replicas as they are, under a
	// resourceVersion precondition, and returns the new resourceVersion.
	Release(ctx context.Context, cluster, pool string, replicas int, resourceVersion string) (string, error)
}

// Pods acts on the pods of replicas.
type Pods interface {
	// Delete deletes exactly this pod (UID precondition), with its own grace period.
	Delete(ctx context.Context, cluster string, pod regions.PodState) error
	Exec(ctx context.Context, id regions.ReplicaID, argv []string) (ExecResult, error)
}

// ExecResult is what a command in a container printed and how it ended.
type ExecResult struct {
	Stdout, Stderr string
	ExitCode       int // -1 where the server does not tell
}

// Records keeps what quorate writes down in each cluster.
type Records interface {
	Update(ctx context.Context, cluster string, change func(*regions.Record) error) error
}

// Leases keeps a second run out of each cluster.
type Leases interface {
	// Acquire takes the Lease; waiting tells in words what it waits for. Another
	// run that is alive makes it fail.
	Acquire(ctx context.Context, cluster, holder string, waiting func(string)) error
	Renew(ctx context.Context, cluster, holder string) error
	Release(ctx context.Context, cluster, holder string) error
}

// Authority answers for the zone, over the wire.
type Authority interface {
	// Lookup returns the addresses that every authority gives for a name; it fails
	// where one does not answer authoritatively, or where they disagree.
	Lookup(ctx context.Context, name string) ([]string, error)
	// Answers tells whether every ready replica of the authority inside the cluster answers
	// for the zone and has read every cluster; the error says what does not.
	Answers(ctx context.Context, cluster string) error
}

// Credentials lets the authorities inside the clusters watch one another.
type Credentials interface {
	// Issue gives the authority of a cluster new tokens for the peers, and keeps what it
	// holds for other clusters of the topology. What was issued before an error is kept.
	Issue(ctx context.Context, cluster string, peers []string) error
}

// Journal makes entries durable before it returns.
type Journal interface {
	Append(journal.Entry) error
}

// Ports are everything through which the engine touches the world.
type Ports struct {
	Observer     Observer
	Objects      Objects
	StatefulSets StatefulSets
	Pods         Pods
	Records      Records
	Leases       Leases
	Authority    Authority
	Credentials  Credentials
	Journal      Journal
	Now          func() time.Time
	// Emit receives every event of the run, in order; it must not block for long.
	Emit func(Event)
}
