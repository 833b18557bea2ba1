package kube

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/regions"
)

func equalObjects(a, b map[string]any) bool { return reflect.DeepEqual(a, b) }

func compareOne(t *testing.T, c *Cluster, namespace string, object map[string]any) regions.ObjectState {
	t.Helper()
	states, err := c.Compare(t.Context(), dbScope(namespace), []map[string]any{object})
	if err != nil {
		t.Fatal(err)
	}
	return states[0]
}

// undated are conflicts without their times, which must be there.
func undated(t *testing.T, conflicts []regions.FieldConflict) []regions.FieldConflict {
	t.Helper()
	out := slices.Clone(conflicts)
	for i := range out {
		if out[i].Time.IsZero() {
			t.Errorf("%v has no time", out[i])
		}
		out[i].Time = time.Time{}
	}
	return out
}

func configMap(namespace, name string, data map[string]any) map[string]any {
	return map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{"name": name, "namespace": namespace}, "data": data,
	}
}

func TestCompareNewAndMissingNamespace(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	objects := []map[string]any{database(namespace, 3), configMap("", "cm", map[string]any{"a": "b"})}
	states, err := c.Compare(t.Context(), dbScope(namespace), objects)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range states {
		if s.Live != nil || s.ClientSide != "" || s.Rejected != "" || s.After == nil || s.Ref.Namespace != namespace {
			t.Errorf("%+v", s)
		}
	}
	spec := states[0].After["spec"].(map[string]any)
	if spec["replicas"] != int64(3) || spec["revisionHistoryLimit"] == nil {
		t.Errorf("a new set is shown as the API server would have it, not as %v", spec)
	}
	gone := randomName()
	s := compareOne(t, c, gone, configMap(gone, "cm", map[string]any{"a": "b"}))
	if !strings.Contains(s.ClientSide, gone) || s.Rejected != "" || s.After["data"].(map[string]any)["a"] != "b" {
		t.Errorf("%+v", s)
	}
}

func TestCompareBesideKubectl(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	applyAs(t, c, database(namespace, 2), "kubectl", false)
	same := compareOne(t, c, namespace, database(namespace, 3))
	if len(same.Conflicts) != 0 || same.Rejected != "" {
		t.Errorf("the same object conflicts: %+v", same)
	}
	if !equalObjects(same.Live, same.After) {
		t.Errorf("live and after differ:\n%v\n%v", same.Live, same.After)
	}
	changed := compareOne(t, c, namespace, setImage(database(namespace, 3), "example.com/db:v2"))
	want := []regions.FieldConflict{{Manager: "kubectl", Field: `.spec.template.spec.containers[name="db"].image`}}
	if !slices.Equal(undated(t, changed.Conflicts), want) {
		t.Errorf("conflicts %v, want %v", changed.Conflicts, want)
	}
	if got := changed.After["spec"].(map[string]any)["replicas"]; got != int64(2) {
		t.Errorf("after: replicas %v, want the live 2", got)
	}
	if text := fmt.Sprint(changed.After); !strings.Contains(text, "db:v2") {
		t.Error("after does not show the forced result")
	}
}

// An atomic field written without its defaults (fieldRef, volumeClaimTemplates) conflicts
// with whoever wrote it with them, though the result is the same.
func TestCompareTellsOwnershipFromConflict(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	at, err := c.statefulSet(t.Context(), database(namespace, 0))
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, database(namespace, 0), "first", false)
	live, err := c.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, stripped(live).Object, "importer", true) // with every default spelt out
	s := compareOne(t, c, namespace, database(namespace, 0))
	if !slices.Contains(s.Shared, "importer") || len(s.Conflicts) != 0 {
		t.Errorf("shared %v, conflicts %v; want importer to share, and no conflict", s.Shared, s.Conflicts)
	}
	if !equalObjects(s.Live, s.After) {
		t.Error("an ownership question changes nothing, yet live and after differ")
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ApplyStatefulSet(t.Context(), database(namespace, 0)); err != nil {
		t.Fatal(err)
	}
	if s := compareOne(t, c, namespace, database(namespace, 0)); len(s.Shared)+len(s.Conflicts) != 0 {
		t.Errorf("after the take-over: shared %v, conflicts %v", s.Shared, s.Conflicts)
	}
}

func TestCompareRejections(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 3); err != nil {
		t.Fatal(err)
	}
	immutable := database(namespace, 3)
	immutable["spec"].(map[string]any)["serviceName"] = "other"
	undeclared := configMap(namespace, "cm", nil)
	undeclared["dataa"] = map[string]any{}
	invalid := configMap(namespace, "cm", map[string]any{"not a key!": "x"})
	unknown := map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "w"},
	}
	states, err := c.Compare(t.Context(), dbScope(namespace), []map[string]any{immutable, undeclared, invalid, unknown})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"is invalid", "dataa", "not a key!", "Widget"} {
		if s := states[i]; !strings.Contains(s.Rejected, want) || s.ClientSide != "" || s.After == nil {
			t.Errorf("%s: rejected %q, client side %q", s.Ref, s.Rejected, s.ClientSide)
		}
	}
}

func TestSecretsNeverShow(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	secret := func(password any) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Secret",
			"metadata":   map[string]any{"name": "s", "namespace": namespace},
			"stringData": map[string]any{"password": password, "user": "root-of-all"},
		}
	}
	if _, err := c.Apply(t.Context(), secret("hunter2-long"), ApplyOptions{Manager: ManagerQuorate}); err != nil {
		t.Fatal(err)
	}
	s := compareOne(t, c, namespace, secret("correct-horse"))
	text := fmt.Sprint(s)
	for _, plain := range []string{"hunter2-long", "correct-horse", "aHVudGVyMi1sb25n", "Y29ycmVjdC1ob3JzZQ", "root-of-all"} {
		if strings.Contains(text, plain) {
			t.Errorf("%q shows in %s", plain, text)
		}
	}
	live, after := s.Live["data"].(map[string]any), s.After["data"].(map[string]any)
	if live["user"] != after["user"] || live["password"] == after["password"] {
		t.Errorf("equal values differ or different ones are equal: %v, %v", live, after)
	}
	gone := randomName()
	unmade := secret("correct-horse")
	unmade["metadata"].(map[string]any)["namespace"] = gone
	if offline := compareOne(t, c, gone, unmade); offline.After["data"].(map[string]any)["password"] != after["password"] {
		t.Errorf("without a dry run %v, with one %v", offline.After, after)
	}
	rejected := compareOne(t, c, namespace, secret(map[string]any{"deep": "s3cr3t-value"}))
	_, err := c.Apply(t.Context(), secret(map[string]any{"deep": "s3cr3t-value"}), ApplyOptions{Manager: ManagerQuorate})
	if rejected.Rejected == "" || err == nil || strings.Contains(fmt.Sprint(rejected, err), "s3cr3t-value") {
		t.Errorf("rejected: %s\nerror: %v", rejected.Rejected, err)
	}
}

func TestCompareWithoutRights(t *testing.T) {
	t.Parallel()
	admin, namespace := sandboxCluster(t)
	reader := randomName()
	for _, object := range []map[string]any{
		{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
			"metadata": map[string]any{"name": "read", "namespace": namespace},
			"rules": []any{map[string]any{
				"apiGroups": []any{""}, "resources": []any{"configmaps"}, "verbs": []any{"get"},
			}},
		},
		{
			"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
			"metadata": map[string]any{"name": "read", "namespace": namespace},
			"roleRef":  map[string]any{"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "read"},
			"subjects": []any{map[string]any{"kind": "User", "name": reader, "apiGroup": "rbac.authorization.k8s.io"}},
		},
	} {
		if _, err := admin.Apply(t.Context(), object, ApplyOptions{Manager: ManagerQuorate}); err != nil {
			t.Fatal(err)
		}
	}
	r := newRig(t)
	r.user().Impersonate = reader
	weak := r.open(t, Options{})
	var s regions.ObjectState
	eventually(t, "the role is in force", func() bool {
		states, err := weak.Compare(t.Context(), dbScope(namespace), []map[string]any{configMap(namespace, "cm", nil)})
		if err != nil {
			return false
		}
		s = states[0]
		return true
	})
	if !strings.Contains(s.ClientSide, "cannot patch resource") || s.Rejected != "" {
		t.Errorf("client side %q, rejected %q", s.ClientSide, s.Rejected)
	}
	_, err := weak.Observe(t.Context(), dbScope(namespace))
	var forbidden *Forbidden
	var unreachable *Unreachable
	if !errors.As(err, &forbidden) || errors.As(err, &unreachable) {
		t.Errorf("%v is not Forbidden alone", err)
	}
}

// A base may bring a CustomResourceDefinition and objects of it.
func TestKindsAppliedSinceDiscovery(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	group := namespace + ".example.com"
	crd := map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": "widgets." + group},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced",
			"names": map[string]any{"plural": "widgets", "kind": "Widget"},
			"versions": []any{map[string]any{
				"name": "v1", "served": true, "storage": true,
				"schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object"}},
			}},
		},
	}
	widget := map[string]any{"apiVersion": group + "/v1", "kind": "Widget", "metadata": map[string]any{"name": "w", "namespace": namespace}}
	if s := compareOne(t, c, namespace, widget); !strings.Contains(s.Rejected, "Widget") {
		t.Errorf("before its definition: %+v", s)
	}
	if _, err := c.Apply(t.Context(), crd, ApplyOptions{Manager: ManagerQuorate}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ref := regions.ObjectRef{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition", Name: "widgets." + group}
		if err := c.Delete(context.WithoutCancel(t.Context()), ref); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "the new kind is known", func() bool {
		s := compareOne(t, c, namespace, widget)
		return s.Rejected == "" && s.After != nil
	})
}
