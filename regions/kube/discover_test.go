package kube

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/regions/discover"
)

// answerer is an API server that knows some paths and refuses the rest; it keeps what was asked of it.
type answerer struct {
	answers map[string]any
	mu      sync.Mutex
	asked   []string
}

func (s *answerer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	answer, known := s.answers[r.URL.Path]
	if !known {
		w.WriteHeader(http.StatusForbidden)
		answer = metav1.Status{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"}, Status: "Failure", Reason: metav1.StatusReasonForbidden, Code: 403,
			Message: `User "x" cannot list resource "y"`,
		}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// discovered asks such a server.
func discovered(t *testing.T, s *answerer) (discover.Facts, error) {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: server.URL}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{}
	config.Contexts["prod"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.Contexts["another"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, path); err != nil {
		t.Fatal(err)
	}
	contexts, err := Contexts(path)
	if err != nil || !slices.Equal(contexts, []string{"another", "prod"}) {
		t.Fatalf("contexts %v, %v", contexts, err)
	}
	clusters, err := Open(path, map[string]string{"prod": "prod"}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	return clusters["prod"].Discover(t.Context())
}

func TestDiscoverOnlyReads(t *testing.T) {
	node := func(name string, change func(*corev1.Node)) corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: "z-" + name, corev1.LabelTopologyRegion: "r"}}}
		n.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: quantity.MustParse("2"), corev1.ResourceMemory: quantity.MustParse("4Gi")}
		change(&n)
		return n
	}
	waits := storagev1.VolumeBindingWaitForFirstConsumer
	s := &answerer{answers: map[string]any{
		"/version":                       map[string]string{"gitVersion": "v1.36.0"},
		"/api/v1/namespaces/kube-system": corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{UID: "uid"}},
		"/api/v1/nodes": corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}, ListMeta: metav1.ListMeta{ResourceVersion: "7"}, Items: []corev1.Node{
			node("b", func(n *corev1.Node) { n.Spec.PodCIDR = "10.0.1.0/24" }),
			node("a", func(n *corev1.Node) { n.Spec.PodCIDRs = []string{"10.0.0.0/24", "fd00::/64"} }),
			node("cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }),
			node("control", func(n *corev1.Node) {
				n.Spec.Taints = []corev1.Taint{{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}}
			}),
		}},
		"/apis/storage.k8s.io/v1/storageclasses": storagev1.StorageClassList{TypeMeta: metav1.TypeMeta{APIVersion: "storage.k8s.io/v1", Kind: "StorageClassList"}, Items: []storagev1.StorageClass{
			{ObjectMeta: metav1.ObjectMeta{Name: "slow"}},
			{ObjectMeta: metav1.ObjectMeta{Name: "fast", Annotations: map[string]string{defaultClass: "true"}}, VolumeBindingMode: &waits},
		}},
	}}
	got, err := discovered(t, s)
	if err != nil {
		t.Fatal(err)
	}
	if got.Context != "prod" || got.Version != "v1.36.0" || got.UID != "uid" || got.Sandbox || len(got.NotLooked) != 0 {
		t.Errorf("got %+v", got)
	}
	if len(got.Nodes) != 2 || got.Nodes[0].Name != "a" || !slices.Equal(got.Nodes[1].PodCIDRs, []string{"10.0.1.0/24"}) ||
		got.Nodes[0].Zone != "z-a" || got.Nodes[0].Region != "r" || got.Nodes[0].MilliCPU != 2000 || got.Nodes[0].Memory != 4<<30 {
		t.Errorf("nodes %+v", got.Nodes)
	}
	if want := []discover.Class{{Name: "fast", Default: true}, {Name: "slow", Immediate: true}}; !slices.Equal(got.Classes, want) {
		t.Errorf("classes %+v, want %+v", got.Classes, want)
	}
	for _, request := range s.asked {
		if request[:4] != "GET " {
			t.Errorf("%s is no GET", request)
		}
	}
}

func TestDiscoverSaysWhatItMayNotSee(t *testing.T) {
	s := &answerer{answers: map[string]any{
		"/version":                       map[string]string{"gitVersion": "v1.36.0"},
		"/api/v1/namespaces/kube-system": corev1.Namespace{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"}, ObjectMeta: metav1.ObjectMeta{UID: "uid"}},
	}}
	got, err := discovered(t, s)
	if err != nil || !slices.Equal(got.NotLooked, []string{discover.Nodes, discover.StorageClasses}) {
		t.Errorf("got %+v, %v", got, err)
	}
	s.answers = nil // not even who it is
	if _, err := discovered(t, s); err == nil || Brief(err) != "it refused these credentials" {
		t.Errorf("%v", err)
	}
}
