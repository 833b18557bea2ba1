package clusters

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// MarkName is the ConfigMap in kube-system by which quorate knows that a cluster is a sandbox; its
// data names the sandbox and the cluster.
const MarkName = "quorate-sandbox"

const fieldManager = "quorate-sandbox"

// readyPoll is how often a starting cluster is looked at.
const readyPoll = 50 * time.Millisecond

// provision makes the cluster's nodes, storage classes and mark, and waits until pods can run. It
// changes nothing that is already right.
func provision(ctx context.Context, client kubernetes.Interface, sandbox string, cluster state.Cluster) error {
	objects, err := objectsOf(sandbox, cluster)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := apply(ctx, client, object); err != nil {
			return err
		}
	}
	return waitUsable(ctx, client, cluster)
}

// objectsOf lists what every cluster of a sandbox holds from the start.
func objectsOf(sandbox string, cluster state.Cluster) ([]runtime.Object, error) {
	objects := []runtime.Object{
		storageClass("standard", true),
		storageClass("fast-ssd", false),
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Name: MarkName, Namespace: metav1.NamespaceSystem},
			Data:       map[string]string{"sandbox": sandbox, "cluster": cluster.Name},
		},
	}
	prefix, err := netip.ParsePrefix(cluster.NodeCIDR)
	if err != nil {
		return nil, fmt.Errorf("read the node network of cluster %s: %w", cluster.Name, err)
	}
	address := prefix.Addr()
	for _, zone := range cluster.Zones {
		for n := range cluster.NodesPerZone {
			address = address.Next()
			objects = append(objects, node(cluster, zone, n, address))
		}
	}
	return objects, nil
}

// node describes one played node; KWOK fills in its status (stages.yaml).
func node(cluster state.Cluster, zone string, n int, address netip.Addr) *corev1.Node {
	name := fmt.Sprintf("%s-%s-%d", cluster.Name, zone, n)
	return &corev1.Node{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Node"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name,
			Labels: map[string]string{
				corev1.LabelTopologyRegion:     cluster.Region,
				corev1.LabelTopologyZone:       zone,
				corev1.LabelHostname:           name,
				corev1.LabelOSStable:           "linux",
				corev1.LabelArchStable:         "amd64",
				corev1.LabelInstanceTypeStable: "sandbox",
			},
			Annotations: map[string]string{
				"kwok.x-k8s.io/node":              "fake",
				kubeletPortAnnotation:             fmt.Sprint(cluster.Ports.Kubelet),
				"sandbox.quorate.dev/internal-ip": address.String(),
			},
		},
	}
}

// storageClass describes a class whose claims the player provisions, in the zone of the pod's node.
func storageClass(name string, isDefault bool) *storagev1.StorageClass {
	class := &storagev1.StorageClass{
		TypeMeta:          metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClass"},
		ObjectMeta:        metav1.ObjectMeta{Name: name},
		Provisioner:       state.Provisioner,
		ReclaimPolicy:     new(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode: new(storagev1.VolumeBindingWaitForFirstConsumer),
	}
	if isDefault {
		class.Annotations = map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}
	}
	return class
}

// apply writes one object by server-side apply.
func apply(ctx context.Context, client kubernetes.Interface, object runtime.Object) error {
	body, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode an object of the sandbox: %w", err)
	}
	force := true
	options := metav1.PatchOptions{FieldManager: fieldManager, Force: &force}
	switch o := object.(type) {
	case *corev1.Node:
		_, err = client.CoreV1().Nodes().Patch(ctx, o.Name, types.ApplyPatchType, body, options)
	case *corev1.ConfigMap:
		_, err = client.CoreV1().ConfigMaps(o.Namespace).Patch(ctx, o.Name, types.ApplyPatchType, body, options)
	case *storagev1.StorageClass:
		_, err = client.StorageV1().StorageClasses().Patch(ctx, o.Name, types.ApplyPatchType, body, options)
	default:
		err = fmt.Errorf("the sandbox cannot apply a %T", object)
	}
	if err != nil {
		return fmt.Errorf("apply %s: %w", object.GetObjectKind().GroupVersionKind().Kind, err)
	}
	return nil
}

// waitUsable waits until every node is Ready and untainted and pods in `default` can be admitted.
func waitUsable(ctx context.Context, client kubernetes.Interface, cluster state.Cluster) error {
	missing := "an answer of the API server"
	err := wait.PollUntilContextCancel(ctx, readyPoll, true, func(ctx context.Context) (bool, error) {
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, nil //nolint:nilerr // asked again until the deadline, which names what is missing
		}
		ready := 0
		for i := range nodes.Items {
			if Usable(&nodes.Items[i]) {
				ready++
			}
		}
		if want := len(cluster.Zones) * cluster.NodesPerZone; ready < want {
			missing = fmt.Sprintf("%d of %d nodes Ready", ready, want)
			return false, nil
		}
		missing = "the default service account"
		_, err = client.CoreV1().ServiceAccounts(metav1.NamespaceDefault).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, nil
	})
	if err != nil {
		return fmt.Errorf("wait for cluster %s: waited for %s: %w", cluster.Name, missing, err)
	}
	return nil
}

// Usable tells whether pods can be put on the node.
func Usable(node *corev1.Node) bool {
	for _, taint := range node.Spec.Taints {
		if taint.Key == corev1.TaintNodeNotReady || taint.Key == corev1.TaintNodeUnreachable {
			return false
		}
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
