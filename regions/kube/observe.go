package kube

import (
	"context"

	"quorate.dev/quorate/regions"
)

// SandboxMark is the ConfigMap in kube-system by which a sandbox cluster says that nothing
// in it is real.
const SandboxMark = "quorate-sandbox"

// Scope is the part of a deployment that one cluster holds.
type Scope struct {
	Deployment string
	Namespace  string
	Region     string
	Pools      []string // the StatefulSets' names
	// Container is the database's container; empty: the pod's first.
	Container string
}

// ObjectName is the name of the deployment's Lease and of its record's ConfigMap.
func ObjectName(deployment string) string { return "quorate-" + deployment }

// Observe reads the deployment's state in this cluster, every part fresh and
// consistent (lists at the latest resourceVersion) and all parts at once. Where nodes may
// not be listed they are left out, and so is "nodes" from Seen. Any other part
// that cannot be read is an error: Unreachable, Forbidden, or several.
func (c *Cluster) Observe(ctx context.Context, scope Scope) (regions.ClusterState, error) {
	var facts facts
	var listing listing
	var record regions.Record
	var lease *regions.LeaseState
	err := together(
		func() (err error) { facts, err = c.facts(ctx, scope); return err },
		func() (err error) { listing, err = c.list(ctx, scope.Namespace); return err },
		func() (err error) { record, err = c.ReadRecord(ctx, scope.Namespace, scope.Deployment); return err },
		func() (err error) {
			lease, err = c.readLease(ctx, scope.Namespace, ObjectName(scope.Deployment))
			return err
		},
	)
	if err != nil {
		return regions.ClusterState{Cluster: c.name, Region: scope.Region}, err
	}
	state := c.assemble(scope, facts, listing)
	state.Record, state.Lease = record, lease
	return state, nil
}
