package kube

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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
// not be listed, or ConfigMaps not in other namespaces, those are left out and named in NotLooked. Any other part
// that cannot be read is an error: Unreachable, Forbidden, or several.
func (c *Cluster) Observe(ctx context.Context, scope Scope) (regions.ClusterState, error) {
	var facts facts
	var listing listing
	var record regions.Record
	var lease *regions.LeaseState
	var elsewhere []string
	var looked bool
	err := together(
		func() (err error) { facts, err = c.facts(ctx, scope); return err },
		func() (err error) { listing, err = c.list(ctx, scope.Namespace); return err },
		func() (err error) { record, err = c.ReadRecord(ctx, scope.Namespace, scope.Deployment); return err },
		func() (err error) {
			lease, err = c.readLease(ctx, scope.Namespace, ObjectName(scope.Deployment))
			return err
		},
		func() (err error) { elsewhere, looked, err = c.recordsElsewhere(ctx, scope); return err },
	)
	if err != nil {
		return regions.ClusterState{Cluster: c.name, Region: scope.Region}, err
	}
	state := c.assemble(scope, facts, listing)
	state.Record, state.Lease, state.ElsewhereNamespaces = record, lease, elsewhere
	if !looked {
		state.NotLooked = append(state.NotLooked, regions.NotLookedElsewhere)
	}
	return state, nil
}

// recordsElsewhere are the other namespaces that hold a record of the deployment: its
// namespace was changed in the topology. Where ConfigMaps may not be listed in all namespaces
// nothing is known of it, and looked is false.
func (c *Cluster) recordsElsewhere(ctx context.Context, scope Scope) (namespaces []string, looked bool, err error) {
	var list *corev1.ConfigMapList
	err = c.read(ctx, "list records in all namespaces", func(ctx context.Context) (err error) {
		list, err = c.clientset.CoreV1().ConfigMaps(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
			LabelSelector: managedByLabel + "=" + ManagerQuorate,
			FieldSelector: "metadata.name=" + ObjectName(scope.Deployment),
		})
		return err
	})
	switch {
	case apierrors.IsForbidden(err):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	}
	for _, record := range list.Items {
		if record.Namespace != scope.Namespace {
			namespaces = append(namespaces, record.Namespace)
		}
	}
	slices.Sort(namespaces)
	return namespaces, true, nil
}
