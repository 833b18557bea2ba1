package kube

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"quorate.dev/quorate/regions"
)

// ApplyOptions say as whom to apply, and whether to take fields from their other managers.
type ApplyOptions struct {
	Manager string
	Force   bool
}

// Applied is the outcome of an apply.
type Applied struct {
	ResourceVersion string
	Changed         bool // false: the object was already so, and its fields' managers too
}

// Apply applies one object that is no StatefulSet (server-side apply). Fields that
// other managers own at another value are a Conflict unless forced. Repeating it is harmless.
func (c *Cluster) Apply(ctx context.Context, object map[string]any, opts ApplyOptions) (Applied, error) {
	t, err := c.target(ctx, object, "")
	if err != nil {
		return Applied{}, err
	}
	if isStatefulSet(t.object) {
		return Applied{}, fmt.Errorf("cluster %s: apply %s: a StatefulSet goes through InstallStatefulSet or ApplyStatefulSet", c.name, t.ref)
	}
	live, err := c.get(ctx, t)
	if err != nil {
		return Applied{}, err
	}
	return c.apply(ctx, t, t.object, live, opts)
}

// apply applies an object and compares with what was live before.
func (c *Cluster) apply(ctx context.Context, t target, object, live *unstructured.Unstructured, opts ApplyOptions) (Applied, error) {
	after, err := c.patch(ctx, t, object, metav1.ApplyOptions{FieldManager: opts.Manager, Force: opts.Force})
	if err != nil {
		return Applied{}, c.conflict(t.ref, err)
	}
	return Applied{ResourceVersion: after.GetResourceVersion(), Changed: changed(live, after)}, nil
}

// changed tells whether an apply did anything. A new resourceVersion alone does not mean that: an
// apply that changes nothing may still put managedFields, which are ordered by time, in another order.
func changed(before, after *unstructured.Unstructured) bool {
	if before == nil {
		return true
	}
	return !reflect.DeepEqual(stripped(before).Object, stripped(after).Object) ||
		!reflect.DeepEqual(ownership(before), ownership(after))
}

// conflict gives a 409 its type: fields of other managers, or a state that has moved on.
func (c *Cluster) conflict(ref regions.ObjectRef, err error) error {
	var lost *Unreachable
	switch {
	case err == nil || errors.As(err, &lost) || !apierrors.IsConflict(err):
		return err
	case len(fieldConflicts(err)) > 0:
		return &Conflict{Cluster: c.name, Object: ref, Fields: fieldConflicts(err), Err: err}
	default:
		return &Changed{Cluster: c.name, Object: ref, Err: err}
	}
}

// EnsureNamespace makes the namespace exist with the labels and annotations
// given. One that has them already is left alone, so that no right to write namespaces is
// needed. A namespace that is being deleted is an error.
func (c *Cluster) EnsureNamespace(ctx context.Context, object map[string]any) (Applied, error) {
	t, err := c.target(ctx, object, "")
	if err != nil {
		return Applied{}, err
	}
	if t.ref.Kind != "Namespace" {
		return Applied{}, fmt.Errorf("cluster %s: %s is no Namespace", c.name, t.ref)
	}
	live, err := c.get(ctx, t)
	switch {
	case err != nil:
		return Applied{}, err
	case live == nil:
	case live.GetDeletionTimestamp() != nil:
		return Applied{}, fmt.Errorf("cluster %s: %s is being deleted: wait until it is gone, then run again", c.name, t.ref)
	case within(t.object.GetLabels(), live.GetLabels()) && within(t.object.GetAnnotations(), live.GetAnnotations()):
		return Applied{ResourceVersion: live.GetResourceVersion()}, nil
	}
	return c.apply(ctx, t, t.object, live, ApplyOptions{Manager: ManagerQuorate})
}

// within tells whether every entry of part is in whole.
func within(part, whole map[string]string) bool {
	for key, want := range part {
		if have, ok := whole[key]; !ok || have != want {
			return false
		}
	}
	return true
}

// Delete removes one object that fell out of the overlay, its dependants in the
// background. An object that does not exist is no error. StatefulSets, PersistentVolumeClaims
// and Namespaces are never deleted this way: Kept.
func (c *Cluster) Delete(ctx context.Context, ref regions.ObjectRef) error {
	switch ref.Kind {
	case "StatefulSet", "PersistentVolumeClaim", "PersistentVolume", "Namespace":
		return &Kept{Cluster: c.name, Object: ref}
	}
	t, err := c.locate(ctx, ref)
	if err != nil {
		return err
	}
	background := metav1.DeletePropagationBackground
	err = c.request(ctx, "delete "+ref.String(), func(ctx context.Context) error {
		return t.client.Delete(ctx, ref.Name, metav1.DeleteOptions{PropagationPolicy: &background})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
