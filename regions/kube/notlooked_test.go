package kube

import (
	"context"
	"slices"
	"testing"

	"quorate.dev/quorate/regions"
)

// A team that may do all in its own namespace, but not look beyond it, is told what was not looked at.
func TestObserveNamesWhatItMayNotSee(t *testing.T) {
	t.Parallel()
	admin, namespace := sandboxCluster(t)
	const rbac = "rbac.authorization.k8s.io"
	binding := func(kind, roleKind string, metadata map[string]any) map[string]any {
		return map[string]any{
			"apiVersion": rbac + "/v1", "kind": kind, "metadata": metadata,
			"roleRef":  map[string]any{"apiGroup": rbac, "kind": roleKind, "name": namespace},
			"subjects": []any{map[string]any{"kind": "User", "name": namespace, "apiGroup": rbac}},
		}
	}
	role := func(kind string, metadata map[string]any, groups, resources []any) map[string]any {
		return map[string]any{
			"apiVersion": rbac + "/v1", "kind": kind, "metadata": metadata,
			"rules": []any{map[string]any{"apiGroups": groups, "resources": resources, "verbs": []any{"get", "list"}}},
		}
	}
	wide, local := map[string]any{"name": namespace}, map[string]any{"name": namespace, "namespace": namespace}
	for _, object := range []map[string]any{
		role("ClusterRole", wide, []any{""}, []any{"namespaces"}),
		binding("ClusterRoleBinding", "ClusterRole", wide),
		role("Role", local, []any{"", "apps", "coordination.k8s.io"}, []any{"*"}),
		binding("RoleBinding", "Role", local),
	} {
		if _, err := admin.Apply(t.Context(), object, ApplyOptions{Manager: ManagerQuorate}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, kind := range []string{"ClusterRole", "ClusterRoleBinding"} {
			ref := regions.ObjectRef{APIVersion: rbac + "/v1", Kind: kind, Name: namespace}
			if err := admin.Delete(context.WithoutCancel(t.Context()), ref); err != nil {
				t.Error(err)
			}
		}
	})
	r := newRig(t)
	r.user().Impersonate = namespace
	weak := r.open(t, Options{})
	var state regions.ClusterState
	var err error
	eventually(t, "the roles are in force", func() bool {
		state, err = weak.Observe(t.Context(), dbScope(namespace))
		return err == nil
	})
	if want := []string{"nodes", regions.NotLookedElsewhere}; !slices.Equal(state.NotLooked, want) {
		t.Errorf("not looked at: %q, want %q", state.NotLooked, want)
	}
	if state, err = admin.Observe(t.Context(), dbScope(namespace)); err != nil || len(state.NotLooked) != 0 {
		t.Errorf("who may look everywhere did not look at %q, %v", state.NotLooked, err)
	}
}
