package kube

import (
	"errors"
	"net/netip"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"
)

func fakeCluster(objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	c := newCluster(&rest.Config{}, "use1", Options{}.withDefaults())
	clientset := fake.NewClientset(objects...)
	c.clientset = clientset
	return c, clientset
}

// TestWriteConfigMap keeps what it was not asked to change, and gives up where somebody else was there.
func TestWriteConfigMap(t *testing.T) {
	t.Parallel()
	was := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "coredns", ResourceVersion: "7", Labels: map[string]string{"a": "b"}, Finalizers: []string{"x/y"}},
		Data:       map[string]string{"Corefile": "old", "other": "kept"}, BinaryData: map[string][]byte{"b": {1}},
	}
	c, clientset := fakeCluster(was.DeepCopy())
	read, err := c.ReadSystemConfigMap(t.Context(), "coredns")
	if err != nil || !read.Exists || read.Labels["a"] != "b" {
		t.Fatalf("%+v %v", read, err)
	}
	if err := c.WriteConfigMap(t.Context(), read, map[string]string{"Corefile": "new", "other": "kept"}, map[string]string{"note": "1"}); err != nil {
		t.Fatal(err)
	}
	got, err := clientset.CoreV1().ConfigMaps(systemNamespace).Get(t.Context(), "coredns", metav1.GetOptions{})
	if err != nil || got.Data["Corefile"] != "new" || got.Annotations["note"] != "1" || got.Labels["a"] != "b" || len(got.Finalizers) != 1 || len(got.BinaryData) != 1 {
		t.Errorf("%+v %v", got, err)
	}
	for _, action := range clientset.Actions() {
		if update, ok := action.(clienttesting.UpdateAction); ok && update.GetObject().(*corev1.ConfigMap).ResourceVersion != "7" {
			t.Error("written without the version that was read")
		}
	}
	group := schema.GroupResource{Resource: "configmaps"}
	clientset.PrependReactor("update", "configmaps", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewConflict(group, "coredns", errors.New("changed"))
	})
	if err := c.WriteConfigMap(t.Context(), read, nil, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("a conflict: %v", err)
	}
	none, err := c.ReadSystemConfigMap(t.Context(), "coredns-custom")
	if err != nil || none.Exists {
		t.Fatalf("%+v %v", none, err)
	}
	if err := c.WriteConfigMap(t.Context(), none, map[string]string{"a": "b"}, nil); err != nil {
		t.Error(err)
	}
	if err := c.WriteConfigMap(t.Context(), none, map[string]string{"a": "b"}, nil); !errors.Is(err, ErrChanged) {
		t.Errorf("made by somebody else meanwhile: %v", err)
	}
}

func TestDNSAddresses(t *testing.T) {
	t.Parallel()
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "kube-dns"},
		Spec:       corev1.ServiceSpec{ClusterIP: "10.96.0.10", ClusterIPs: []string{"10.96.0.10", "fd00::10"}},
		Status:     corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "10.1.0.53"}, {Hostname: "lb.example.com"}}}},
	}
	c, _ := fakeCluster(service)
	want := []netip.Addr{netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00::10"), netip.MustParseAddr("10.1.0.53")}
	if got, err := c.DNSAddresses(t.Context()); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v %v", got, err)
	}
	c, _ = fakeCluster()
	if got, err := c.DNSAddresses(t.Context()); err != nil || got != nil {
		t.Errorf("without a Service: %v %v", got, err)
	}
}
