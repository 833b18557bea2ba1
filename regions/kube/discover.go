package kube

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"quorate.dev/quorate/regions/discover"
)

// defaultClass marks a cluster's default StorageClass
// (https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass).
const defaultClass = "storageclass.kubernetes.io/is-default-class"

// Contexts lists the contexts of a kubeconfig, sorted. An empty path means the usual rules, as for
// Open. Nothing is connected to.
func Contexts(kubeconfig string) ([]string, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = kubeconfig
	rules.MigrationRules = nil // they would write files
	rules.WarnIfAllMissing = false
	raw, err := rules.Load()
	source := strings.Join(rules.GetLoadingPrecedence(), ", ")
	switch {
	case err != nil:
		return nil, fmt.Errorf("read kubeconfig %s: %w", source, err)
	case len(raw.Contexts) == 0:
		return nil, fmt.Errorf("kubeconfig %s has no context", source)
	}
	return slices.Sorted(maps.Keys(raw.Contexts)), nil
}

// Discover looks at what a first topology needs to know of a cluster: its version, identity, nodes and
// StorageClasses. It only reads. What these credentials may not look at is part of the facts.
func (c *Cluster) Discover(ctx context.Context) (discover.Facts, error) {
	out := discover.Facts{Context: c.name}
	var seen facts
	var classes []storagev1.StorageClass
	err := together(
		func() (err error) { out.Version, err = c.version(ctx); return err },
		func() (err error) { out.UID, err = c.identity(ctx); return err },
		func() (err error) { out.Sandbox, err = c.sandbox(ctx); return err },
		func() error { return c.nodes(ctx, &seen) },
		func() (err error) { classes, err = c.classes(ctx, &out); return err },
	)
	if err != nil {
		return discover.Facts{}, err
	}
	if seen.nodesSeen == "" {
		out.NotLooked = append(out.NotLooked, discover.Nodes)
	}
	slices.Sort(out.NotLooked)
	out.Nodes, out.Classes = nodeFacts(seen.nodes), classFacts(classes)
	return out, nil
}

func (c *Cluster) classes(ctx context.Context, out *discover.Facts) ([]storagev1.StorageClass, error) {
	var items []storagev1.StorageClass
	err := c.read(ctx, "list storageclasses", func(ctx context.Context) error {
		list, err := c.clientset.StorageV1().StorageClasses().List(ctx, metav1.ListOptions{})
		if err == nil {
			items = list.Items
		}
		return err
	})
	if apierrors.IsForbidden(err) {
		out.NotLooked = append(out.NotLooked, discover.StorageClasses)
		return nil, nil
	}
	return items, err
}

// nodeFacts are the nodes that take ordinary pods, by name: neither cordoned nor kept for the control plane.
func nodeFacts(nodes []corev1.Node) []discover.Node {
	var out []discover.Node
	for _, n := range nodes {
		if n.Spec.Unschedulable || slices.ContainsFunc(n.Spec.Taints, keepsForControlPlane) {
			continue
		}
		cidrs := n.Spec.PodCIDRs
		if len(cidrs) == 0 && n.Spec.PodCIDR != "" {
			cidrs = []string{n.Spec.PodCIDR}
		}
		out = append(out, discover.Node{
			Name: n.Name, Region: n.Labels[corev1.LabelTopologyRegion], Zone: n.Labels[corev1.LabelTopologyZone], PodCIDRs: cidrs,
			MilliCPU: n.Status.Allocatable.Cpu().MilliValue(), Memory: n.Status.Allocatable.Memory().Value(),
		})
	}
	slices.SortFunc(out, func(a, b discover.Node) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// keepsForControlPlane knows the taint of control plane nodes
// (https://kubernetes.io/docs/reference/labels-annotations-taints/#node-role-kubernetes-io-control-plane-taint).
func keepsForControlPlane(t corev1.Taint) bool {
	return t.Key == "node-role.kubernetes.io/control-plane" && t.Effect != corev1.TaintEffectPreferNoSchedule
}

func classFacts(classes []storagev1.StorageClass) []discover.Class {
	var out []discover.Class
	for _, class := range classes {
		out = append(out, discover.Class{
			Name: class.Name, Default: class.Annotations[defaultClass] == "true",
			Immediate: class.VolumeBindingMode == nil || *class.VolumeBindingMode == storagev1.VolumeBindingImmediate,
		})
	}
	slices.SortFunc(out, func(a, b discover.Class) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// Brief is why a cluster could not be looked at, in words that are the same at every try: addresses and
// times of one attempt are left to the error itself.
func Brief(err error) string {
	var refused *Forbidden
	var silent *Unreachable
	switch {
	case errors.As(err, &refused):
		return "it refused these credentials"
	case errors.As(err, &silent):
		return "it cannot be reached"
	}
	return "it gave no usable answer"
}
