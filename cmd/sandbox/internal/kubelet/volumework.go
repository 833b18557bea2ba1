package kubelet

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Annotations between the volume controller, the scheduler and a provisioner
// (sigs.k8s.io/sig-storage-lib-external-provisioner).
const (
	annProvisioner   = "volume.kubernetes.io/storage-provisioner"
	annSelectedNode  = "volume.kubernetes.io/selected-node"
	annProvisionedBy = "pv.kubernetes.io/provisioned-by"
)

// handleClaim provisions the volume of a claim that is the sandbox's and whose pod has a node: the
// volume is bound to that node's zone, as a cloud's disks are. The volume controller binds the two.
func (w *work) handleClaim(ctx context.Context, key string) error {
	namespace, name, err := cache.SplitMetaNamespaceKey(key)
	if err != nil {
		return fmt.Errorf("claim %q: %w", key, err)
	}
	claim, err := w.claimLister.PersistentVolumeClaims(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find claim %s: %w", key, err)
	}
	selected := claim.Annotations[annSelectedNode]
	if claim.Annotations[annProvisioner] != state.Provisioner || selected == "" || claim.Spec.VolumeName != "" || claim.DeletionTimestamp != nil {
		return nil // another's, not yet wanted, or done
	}
	node, err := w.nodeLister.Get(selected)
	if err != nil {
		return fmt.Errorf("find the node %s that claim %s is for: %w", selected, key, err)
	}
	volume := volumeFor(claim, node.Labels[corev1.LabelTopologyZone])
	_, err = w.client.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("provision a volume for claim %s: %w", key, err)
	}
	return nil
}

// volumeFor describes the volume of a claim. Nothing is ever stored at its path: no container runs.
func volumeFor(claim *corev1.PersistentVolumeClaim, zone string) *corev1.PersistentVolume {
	class := ""
	if claim.Spec.StorageClassName != nil {
		class = *claim.Spec.StorageClassName
	}
	name := "pvc-" + string(claim.UID)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name:        name,
			Annotations: map[string]string{annProvisionedBy: state.Provisioner},
			Labels:      map[string]string{corev1.LabelTopologyZone: zone},
		},
		Spec: corev1.PersistentVolumeSpec{
			Capacity:                      corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			StorageClassName:              class,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim",
				Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{
				HostPath: &corev1.HostPathVolumeSource{Path: "/var/lib/sandbox/" + name},
			},
			NodeAffinity: zoneAffinity(zone),
		},
	}
}

// zoneAffinity keeps pods with the volume in its zone.
func zoneAffinity(zone string) *corev1.VolumeNodeAffinity {
	return &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
		MatchExpressions: []corev1.NodeSelectorRequirement{{
			Key: corev1.LabelTopologyZone, Operator: corev1.NodeSelectorOpIn, Values: []string{zone},
		}},
	}}}}
}

// handleVolume deletes a volume of ours whose claim is gone.
func (w *work) handleVolume(ctx context.Context, name string) error {
	volume, err := w.factory.Core().V1().PersistentVolumes().Lister().Get(name)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("find volume %s: %w", name, err)
	}
	released := volume.Status.Phase == corev1.VolumeReleased && volume.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
	if volume.Annotations[annProvisionedBy] != state.Provisioner || !released || volume.DeletionTimestamp != nil {
		return nil
	}
	err = w.client.CoreV1().PersistentVolumes().Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &volume.UID}})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete volume %s: %w", name, err)
	}
	return nil
}
