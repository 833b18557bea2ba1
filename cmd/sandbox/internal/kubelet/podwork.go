package kubelet

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
)

// handlePod brings one pod's status to what it is now, or removes the pod when its end has come.
func (w *work) handlePod(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return fmt.Errorf("pod %q: %w", key, err)
	}
	pod, err := w.podLister.Pods(namespace).Get(name)
	if apierrors.IsNotFound(err) || (err == nil && pod.Spec.NodeName == "") {
		return nil // gone, or not yet on a node: the watch tells
	}
	if err != nil {
		return fmt.Errorf("find pod %s: %w", key, err)
	}
	node, err := w.nodeLister.Get(pod.Spec.NodeName)
	if err != nil {
		return fmt.Errorf("find the node of pod %s: %w", key, err)
	}
	decision, err := w.session.player.decide(podView{
		cluster: w.session.cluster.Name, pod: pod, hostIP: internalIP(node), claim: w.claimUID(namespace),
	})
	if err != nil {
		return err
	}
	if decision.Remove {
		return w.removePod(ctx, pod)
	}
	if decision.Wake > 0 {
		w.podQueue.AddAfter(key, decision.Wake)
	}
	if decision.Status == nil || equality.Semantic.DeepEqual(*decision.Status, pod.Status) {
		return nil
	}
	return w.writeStatus(ctx, pod, decision.Status)
}

// writeStatus writes a pod's status. A conflict means that a newer pod is on its way here.
func (w *work) writeStatus(ctx context.Context, pod *corev1.Pod, status *corev1.PodStatus) error {
	changed := pod.DeepCopy()
	changed.Status = *status
	_, err := w.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, changed, metav1.UpdateOptions{FieldManager: "kubelet"})
	if err == nil || apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("write the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
}

// removePod ends a deleted pod for good, as a kubelet does when its containers are gone.
func (w *work) removePod(ctx context.Context, pod *corev1.Pod) error {
	var now int64
	err := w.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &pod.UID},
	})
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("remove pod %s/%s: %w", pod.Namespace, pod.Name, err)
}

// internalIP is the node's address in the played network.
func internalIP(node *corev1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}
