package kubelet

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// testWork watches an API that holds these objects.
func testWork(t *testing.T, objects ...runtime.Object) *work {
	t.Helper()
	player, _ := testPlayer(t, t.TempDir())
	client := fake.NewClientset(objects...)
	factory := informers.NewSharedInformerFactory(client, 0)
	w := newWork(newSession(player, state.Cluster{Name: "use1"}), client, factory)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(func() { cancel(); factory.Shutdown(); w.shutDown() })
	factory.StartWithContext(ctx)
	if err := w.sync(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

func testClaim(annotations map[string]string) *corev1.PersistentVolumeClaim {
	class := "fast-ssd"
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "data-bank-0", Namespace: "bank", UID: "c1", Annotations: annotations},
		Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: &class, AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}},
		},
	}
}

func testNode() *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node", Labels: map[string]string{corev1.LabelTopologyZone: "us-east1-b"}}}
}

func TestAClaimGetsAVolumeInItsNodesZone(t *testing.T) {
	w := testWork(t, testNode(), testClaim(map[string]string{annProvisioner: state.Provisioner, annSelectedNode: "node"}))
	ctx := context.Background()
	for range 2 { // the second time it is there already
		if err := w.handleClaim(ctx, "bank/data-bank-0"); err != nil {
			t.Fatal(err)
		}
	}
	volume, err := w.client.CoreV1().PersistentVolumes().Get(ctx, "pvc-c1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	zone := volume.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0]
	size := volume.Spec.Capacity[corev1.ResourceStorage]
	if zone.Values[0] != "us-east1-b" || volume.Spec.ClaimRef.UID != "c1" || volume.Spec.StorageClassName != "fast-ssd" || size.String() != "100Gi" {
		t.Errorf("volume: %+v", volume.Spec)
	}
}

func TestClaimsThatAreNotOursOrNotWantedYetGetNothing(t *testing.T) {
	for name, annotations := range map[string]map[string]string{
		"another provisioner's": {annProvisioner: "other", annSelectedNode: "node"},
		"no pod wants it yet":   {annProvisioner: state.Provisioner},
	} {
		w := testWork(t, testNode(), testClaim(annotations))
		if err := w.handleClaim(context.Background(), "bank/data-bank-0"); err != nil {
			t.Fatal(err)
		}
		if list, err := w.client.CoreV1().PersistentVolumes().List(context.Background(), metav1.ListOptions{}); err != nil || len(list.Items) != 0 {
			t.Errorf("%s: %d volumes, %v", name, len(list.Items), err)
		}
	}
}

func TestOnlyReleasedVolumesOfOursAreDeleted(t *testing.T) {
	volume := func(name, by string, phase corev1.PersistentVolumePhase, policy corev1.PersistentVolumeReclaimPolicy) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{
			ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{annProvisionedBy: by}},
			Spec:       corev1.PersistentVolumeSpec{PersistentVolumeReclaimPolicy: policy}, Status: corev1.PersistentVolumeStatus{Phase: phase},
		}
	}
	const reclaim, retain = corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain
	w := testWork(t,
		volume("released", state.Provisioner, corev1.VolumeReleased, reclaim),
		volume("bound", state.Provisioner, corev1.VolumeBound, reclaim),
		volume("kept", state.Provisioner, corev1.VolumeReleased, retain),
		volume("other", "other", corev1.VolumeReleased, reclaim))
	ctx := context.Background()
	for name, stays := range map[string]bool{"released": false, "bound": true, "kept": true, "other": true, "never-was": false} {
		if err := w.handleVolume(ctx, name); err != nil {
			t.Fatal(err)
		}
		_, err := w.client.CoreV1().PersistentVolumes().Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) == stays {
			t.Errorf("volume %s: %v, should stay: %t", name, err, stays)
		}
	}
}

func TestHandlePodWritesTheStatusAndRemovesThePod(t *testing.T) {
	node := testNode()
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: "x"}, {Type: corev1.NodeInternalIP, Address: "10.192.0.7"}}
	running := databaseView("use1", "web", "w0").pod
	running.Spec.Containers[0].Command = nil
	now, grace := metav1.Now(), int64(0)
	ending := databaseView("use1", "ending", "e0").pod
	ending.Finalizers = []string{"test/keeps-it-readable"}
	ending.DeletionTimestamp, ending.DeletionGracePeriodSeconds = &now, &grace
	w := testWork(t, node, running, ending)
	ctx := context.Background()
	for _, name := range []string{"web", "ending", "never-was"} {
		if err := w.handlePod(ctx, "bank/"+name); err != nil {
			t.Fatal(err)
		}
	}
	pod, err := w.client.CoreV1().Pods("bank").Get(ctx, "web", metav1.GetOptions{})
	if err != nil || pod.Status.Phase != corev1.PodRunning || pod.Status.HostIP != "10.192.0.7" || pod.Status.PodIP == "" {
		t.Errorf("status written: %+v, %v", pod.Status, err)
	}
	deleted := false
	for _, action := range w.client.(*fake.Clientset).Actions() {
		deleted = deleted || action.Matches("delete", "pods")
	}
	if !deleted {
		t.Error("a pod whose end had come was not deleted")
	}
}
