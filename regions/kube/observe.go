package kube

import (
	"cmp"
	"context"
	"slices"
	"strings"

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
	// AskZoneCopy: find out whether the API server copies zones to pods (ClusterState.ZoneCopy). Where
	// no pod of the deployment shows it, that takes a dry run of a pod.
	AskZoneCopy bool
	// ReadOnly: nothing but GET may be sent.
	ReadOnly bool
	// TakeFrom are the field managers that shall own nothing any more of what is applied: those of the tools that
	// made the objects, when a deployment is adopted. See Relieve.
	TakeFrom []string
	// Authority is what to know of the authority inside the cluster; nil: there is none inside.
	Authority *AuthorityScope
}

// Observe reads the deployment's state in this cluster, every part fresh and
// consistent (lists at the latest resourceVersion) and all parts at once. Where nodes may
// not be listed, ConfigMaps not in other namespaces, or the Secret of the authority's credentials not be read, those are
// left out and named in NotLooked. Any other part
// that cannot be read is an error: Unreachable, Forbidden, or several.
func (c *Cluster) Observe(ctx context.Context, scope Scope) (regions.ClusterState, error) {
	var facts facts
	var listing listing
	var record regions.Record
	var lease *regions.LeaseState
	var others otherRecords
	var authority *regions.AuthorityState
	credentialsLooked := true
	err := together(
		func() (err error) { facts, err = c.facts(ctx, scope); return err },
		func() (err error) { listing, err = c.list(ctx, scope.Namespace); return err },
		func() (err error) { record, err = c.ReadRecord(ctx, scope.Namespace, scope.Deployment); return err },
		func() (err error) {
			lease, err = c.readLease(ctx, scope.Namespace, regions.RecordName(scope.Deployment))
			return err
		},
		func() (err error) { others, err = c.otherRecords(ctx, scope); return err },
		func() (err error) { authority, credentialsLooked, err = c.authority(ctx, scope); return err },
	)
	if err != nil {
		return regions.ClusterState{Cluster: c.name, Region: scope.Region}, err
	}
	state := c.assemble(scope, facts, listing)
	state.Record, state.Lease, state.Authority = record, lease, authority
	state.ElsewhereNamespaces, state.Neighbours = others.namespaces, others.neighbours
	if !others.looked {
		state.NotLooked = append(state.NotLooked, regions.NotLookedElsewhere)
	}
	if !credentialsLooked {
		state.NotLooked = append(state.NotLooked, regions.NotLookedCredentials)
	}
	slices.Sort(state.NotLooked)
	if scope.AskZoneCopy {
		state.ZoneCopy, state.ZoneCopyUnknown = c.zoneCopy(ctx, scope, facts, listing)
	}
	return state, nil
}

// otherRecords are the records of this cluster beside the scope's own.
type otherRecords struct {
	namespaces []string            // of the same deployment: its namespace was changed in the topology
	neighbours []regions.Neighbour // of other deployments
	looked     bool                // false where ConfigMaps may not be listed in all namespaces
}

// otherRecords finds the records of all deployments by their label.
func (c *Cluster) otherRecords(ctx context.Context, scope Scope) (otherRecords, error) {
	var list *corev1.ConfigMapList
	err := c.read(ctx, "list records in all namespaces", func(ctx context.Context) (err error) {
		list, err = c.clientset.CoreV1().ConfigMaps(metav1.NamespaceAll).List(ctx, metav1.ListOptions{
			LabelSelector: managedByLabel + "=" + ManagerQuorate,
		})
		return err
	})
	switch {
	case apierrors.IsForbidden(err):
		return otherRecords{}, nil
	case err != nil:
		return otherRecords{}, err
	}
	out := otherRecords{looked: true}
	for i := range list.Items {
		if err := out.add(c, scope, &list.Items[i]); err != nil {
			return otherRecords{}, err
		}
	}
	slices.Sort(out.namespaces)
	slices.SortFunc(out.neighbours, func(a, b regions.Neighbour) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Deployment, b.Deployment))
	})
	return out, nil
}

func (o *otherRecords) add(c *Cluster, scope Scope, stored *corev1.ConfigMap) error {
	deployment, isRecord := strings.CutPrefix(stored.Name, regions.RecordName(""))
	switch {
	case !isRecord || stored.Data[keyDatabase] == "":
		return nil // a ConfigMap of an overlay
	case deployment == scope.Deployment:
		if stored.Namespace != scope.Namespace {
			o.namespaces = append(o.namespaces, stored.Namespace)
		}
		return nil
	}
	record, err := c.decodeRecord(stored)
	if err != nil {
		return err
	}
	o.neighbours = append(o.neighbours, regions.Neighbour{
		Deployment: deployment, Namespace: stored.Namespace, Zone: record.Database.Zone,
	})
	return nil
}
