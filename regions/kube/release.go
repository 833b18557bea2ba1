package kube

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Release gives the partition up as ManagerRollout: no longer owned by anybody, it falls back
// to 0 (apps/v1 RollingUpdateStatefulSetStrategy), and the controller rolls a changed template
// out by itself. A partition that another manager owns too stays at its value. replicas stays
// with ManagerRollout, at the value given: unowned, it would fall back to 1.
// resourceVersion is a precondition, as of SetRollout; the new one is returned.
func (c *Cluster) Release(ctx context.Context, namespace, name string, replicas int, resourceVersion string) (string, error) {
	if replicas < 0 || resourceVersion == "" {
		return "", fmt.Errorf("cluster %s: StatefulSet/%s/%s: released at replicas %d and resourceVersion %q: both must have been seen",
			c.name, namespace, name, replicas, resourceVersion)
	}
	t, err := c.target(ctx, map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet",
		"metadata": map[string]any{"name": name, "namespace": namespace, "resourceVersion": resourceVersion},
		"spec":     map[string]any{"replicas": int64(replicas)},
	}, "")
	if err != nil {
		return "", err
	}
	after, err := c.patch(ctx, t, t.object, metav1.ApplyOptions{FieldManager: ManagerRollout, Force: true})
	if err != nil {
		return "", c.conflict(t.ref, err)
	}
	return after.GetResourceVersion(), nil
}
