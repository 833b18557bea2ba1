package kube

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"quorate.dev/quorate/regions"
)

// Delete removes one object that fell out of the overlay, its dependants in the
// background. It looks at the object first and deletes exactly what it saw: UID and
// resourceVersion are preconditions, and an object that moves on is looked at again, a few
// times, before it is Changed. An object that does not exist, is being deleted already, or whose
// kind the cluster no longer knows, is no error. One of which ManagerQuorate manages
// no field any more is NotOurs. StatefulSets, PersistentVolumeClaims
// and Namespaces are never deleted this way: Kept.
func (c *Cluster) Delete(ctx context.Context, ref regions.ObjectRef) error {
	switch ref.Kind {
	case "StatefulSet", "PersistentVolumeClaim", "PersistentVolume", "Namespace":
		return &Kept{Cluster: c.name, Object: ref}
	}
	t, known, err := c.locateOld(ctx, ref)
	if err != nil || !known {
		return err
	}
	return c.onLatest(ctx, t, func(live *unstructured.Unstructured) error {
		if live == nil || live.GetDeletionTimestamp() != nil {
			return nil
		}
		if managers := managersOf(live); !slices.Contains(managers, ManagerQuorate) {
			return &NotOurs{Cluster: c.name, Object: t.ref, Managers: managers}
		}
		return c.deleteSeen(ctx, t, live)
	})
}

// deleteSeen deletes an object as it was seen.
func (c *Cluster) deleteSeen(ctx context.Context, t target, live *unstructured.Unstructured) error {
	background, uid, version := metav1.DeletePropagationBackground, live.GetUID(), live.GetResourceVersion()
	err := c.request(ctx, "delete "+t.ref.String(), func(ctx context.Context) error {
		return t.client.Delete(ctx, t.ref.Name, metav1.DeleteOptions{
			PropagationPolicy: &background, Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version},
		})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.conflict(t.ref, err)
}

// locateOld is locate for an object that was applied long ago: its kind may be served
// in another version by now, or not be known any more, and then no object of it is left.
func (c *Cluster) locateOld(ctx context.Context, ref regions.ObjectRef) (t target, known bool, err error) {
	t, err = c.locate(ctx, ref)
	if !meta.IsNoMatchError(err) {
		return t, true, err
	}
	kind := schema.FromAPIVersionAndKind(ref.APIVersion, ref.Kind)
	var mapping *meta.RESTMapping
	err = c.read(ctx, "discover "+kind.GroupKind().String(), func(ctx context.Context) (err error) {
		mapping, err = c.mapper.RESTMappingWithContext(ctx, kind.GroupKind())
		return err
	})
	switch {
	case meta.IsNoMatchError(err):
		return t, false, c.servesOrLacks(ctx, ref.APIVersion)
	case err != nil:
		return t, false, err
	}
	ref.APIVersion = mapping.GroupVersionKind.GroupVersion().String()
	t, err = c.locate(ctx, ref)
	return t, true, err
}

// servesOrLacks is an error where it cannot be said whether an API group's version has a
// kind: discovery passes over groups whose own API server does not answer.
func (c *Cluster) servesOrLacks(ctx context.Context, apiVersion string) error {
	err := c.read(ctx, "discover "+apiVersion, func(ctx context.Context) error {
		_, err := c.clientset.Discovery().ServerResourcesForGroupVersionWithContext(ctx, apiVersion)
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}
