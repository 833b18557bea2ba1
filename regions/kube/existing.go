package kube

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Existing is what a namespace holds that may belong to a database, whoever made it.
type Existing struct {
	// Objects are StatefulSets, Services, budgets, ConfigMaps, ServiceAccounts, Roles, RoleBindings and
	// autoscalers as the API server has them, without managed fields. Secrets are never read.
	Objects []map[string]any
	// Pods are the namespace's pods, in the same form.
	Pods []map[string]any
	// Zones are the zones of the nodes by the node's name; empty where nodes may not be listed.
	Zones map[string]string
}

// existingKinds are the resources that Existing reads.
func existingKinds() []schema.GroupVersionResource {
	rbac := schema.GroupVersion{Group: "rbac.authorization.k8s.io", Version: "v1"}
	core := schema.GroupVersion{Version: "v1"}
	return []schema.GroupVersionResource{
		{Group: "apps", Version: "v1", Resource: "statefulsets"},
		core.WithResource("services"), core.WithResource("configmaps"), core.WithResource("serviceaccounts"),
		{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
		rbac.WithResource("roles"), rbac.WithResource("rolebindings"),
		{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
	}
}

// Existing reads a namespace, all kinds at once. Nothing is changed. The errors are Unreachable, Forbidden, or several.
func (c *Cluster) Existing(ctx context.Context, namespace string) (Existing, error) {
	kinds := existingKinds()
	parts := make([][]map[string]any, len(kinds))
	out := Existing{Zones: map[string]string{}}
	tasks := []func() error{
		func() (err error) {
			out.Pods, err = c.listAll(ctx, schema.GroupVersionResource{Version: "v1", Resource: "pods"}, namespace)
			return err
		},
		func() error { return c.readZones(ctx, out.Zones) },
	}
	for i, kind := range kinds {
		tasks = append(tasks, func() (err error) {
			parts[i], err = c.listAll(ctx, kind, namespace)
			return err
		})
	}
	err := together(tasks...)
	out.Objects = slices.Concat(parts...)
	return out, err
}

// listAll lists one kind in a namespace.
func (c *Cluster) listAll(ctx context.Context, kind schema.GroupVersionResource, namespace string) ([]map[string]any, error) {
	var list *unstructured.UnstructuredList
	err := c.read(ctx, "list "+kind.Resource+" in namespace "+namespace, func(ctx context.Context) (err error) {
		list, err = c.dynamic.Resource(kind).Namespace(namespace).List(ctx, metav1.ListOptions{})
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []map[string]any
	for i := range list.Items {
		list.Items[i].SetManagedFields(nil)
		out = append(out, list.Items[i].Object)
	}
	return out, nil
}

// readZones notes the zone of each node. Who may not list nodes has no zones.
func (c *Cluster) readZones(ctx context.Context, zones map[string]string) error {
	return c.read(ctx, "list nodes", func(ctx context.Context) error {
		nodes, err := c.clientset.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		switch {
		case err == nil:
		case lacksRight(err):
			return nil
		default:
			return err
		}
		for i := range nodes.Items {
			zones[nodes.Items[i].Name] = nodes.Items[i].Labels["topology.kubernetes.io/zone"]
		}
		return nil
	})
}
