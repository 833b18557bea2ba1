package kube

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/json"

	"quorate.dev/quorate/regions"
)

// Relieve ends the ownership of the managers in an object: their entries are taken out of its managed fields, as
// client-go's csaupgrade does when an object changes hands (KEP-555). Fields keep their values; those that nobody else
// owns are owned by nobody from then on. What a manager wrote through a subresource (status, scale) is left alone.
// Repeating it is harmless. ErrChanged: somebody wrote the object meanwhile, again and again.
func (c *Cluster) Relieve(ctx context.Context, ref regions.ObjectRef, managers []string) error {
	if len(managers) == 0 {
		return nil
	}
	t, err := c.locate(ctx, ref)
	if err != nil {
		return err
	}
	return c.onLatest(ctx, t, func(live *unstructured.Unstructured) error {
		if live == nil {
			return c.absent(t.ref)
		}
		return c.relieve(ctx, t, live, managers)
	})
}

func (c *Cluster) relieve(ctx context.Context, t target, live *unstructured.Unstructured, managers []string) error {
	kept := slices.DeleteFunc(live.GetManagedFields(), func(e metav1.ManagedFieldsEntry) bool { return formerly(e, managers) })
	if len(kept) == len(live.GetManagedFields()) {
		return nil
	}
	patch, err := json.Marshal([]map[string]any{
		{"op": "replace", "path": "/metadata/managedFields", "value": kept},
		{"op": "replace", "path": "/metadata/resourceVersion", "value": live.GetResourceVersion()},
	})
	if err != nil {
		return err
	}
	err = c.request(ctx, "take over the fields of "+t.ref.String(), func(ctx context.Context) error {
		_, err := t.client.Patch(ctx, t.ref.Name, types.JSONPatchType, patch, metav1.PatchOptions{FieldManager: ManagerQuorate})
		return err
	})
	return c.conflict(t.ref, err)
}

// formerly tells whether an entry is of one of the managers, and not of a subresource.
func formerly(e metav1.ManagedFieldsEntry, managers []string) bool {
	return e.Subresource == "" && slices.Contains(managers, e.Manager)
}

// withFormer adds those of the managers that own fields of a live object to the ones that share fields with us.
func withFormer(shared []string, live *unstructured.Unstructured, managers []string) []string {
	if live == nil || len(managers) == 0 {
		return shared
	}
	out := slices.Clone(shared)
	for _, e := range live.GetManagedFields() {
		if formerly(e, managers) {
			out = append(out, e.Manager)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
