package kube

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// DeletePod deletes exactly the pod that was seen, with the pod's own grace
// period: UID and resourceVersion are preconditions, empty ones are not checked. A pod that changed
// or was replaced meanwhile is ErrChanged; one that is gone is no error.
func (c *Cluster) DeletePod(ctx context.Context, namespace, name, uid, resourceVersion string) error {
	ref := regions.ObjectRef{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: name}
	preconditions := &metav1.Preconditions{}
	if uid != "" {
		preconditions.UID = metav1.NewUIDPreconditions(uid).UID
	}
	if resourceVersion != "" {
		preconditions.ResourceVersion = &resourceVersion
	}
	err := c.request(ctx, "delete "+ref.String(), func(ctx context.Context) error {
		return c.clientset.CoreV1().Pods(namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: preconditions})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return c.conflict(ref, err)
}
