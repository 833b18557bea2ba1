package kube

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// admits answers the dry run of a pod as an API server does that copies these labels of its node.
func admits(t *testing.T, labels map[string]string) http.HandlerFunc {
	t.Helper()
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Query().Get("dryRun") != "All" {
			t.Errorf("%s %s would store something", r.Method, r.URL)
		}
		if !strings.HasPrefix(r.URL.Path, "/api/v1/namespaces/bank/pods") {
			t.Errorf("it is asked of %s", r.URL.Path)
		}
		pod := zonePod("n2")
		pod.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		pod.Labels = labels
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(pod)
	}
}

func zonedNode(name, zone string) corev1.Node {
	node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if zone != "" {
		node.Labels = map[string]string{corev1.LabelTopologyZone: zone}
	}
	return node
}

// replicaPod is a pod of a pool, with its zone's label where it has one.
func replicaPod(pool, zone string) *corev1.Pod {
	yes := true
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name: pool + "-0", Labels: map[string]string{},
		OwnerReferences: []metav1.OwnerReference{{Kind: "StatefulSet", Name: pool, Controller: &yes, APIVersion: appsv1.SchemeGroupVersion.String()}},
	}}
	if zone != "" {
		pod.Labels[corev1.LabelTopologyZone] = zone
	}
	return pod
}

func TestZoneCopy(t *testing.T) {
	t.Parallel()
	never := func(t *testing.T) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s is asked", r.URL) }
	}
	nodes := []corev1.Node{zonedNode("n1", ""), zonedNode("n2", "a")}
	for name, tc := range map[string]struct {
		handler func(*testing.T) http.HandlerFunc
		pods    []*corev1.Pod
		nodes   []corev1.Node
		seen    string
		want    regions.ZoneCopy
		unknown string
	}{
		"a replica shows it": {never, []*corev1.Pod{replicaPod("bank", "a")}, nodes, "7", regions.ZoneCopied, ""},
		"another's does not": {
			func(t *testing.T) http.HandlerFunc { return admits(t, nil) },
			[]*corev1.Pod{replicaPod("vault", "a")},
			nodes, "7", regions.ZoneNotCopied, "",
		},
		"an old replica does not": {
			func(t *testing.T) http.HandlerFunc {
				return admits(t, map[string]string{corev1.LabelTopologyZone: "a"})
			},
			[]*corev1.Pod{replicaPod("bank", "")},
			nodes, "7", regions.ZoneCopied, "",
		},
		"a dry run without it": {func(t *testing.T) http.HandlerFunc { return admits(t, map[string]string{"app": "x"}) }, nil, nodes, "7", regions.ZoneNotCopied, ""},
		"another zone's": {
			func(t *testing.T) http.HandlerFunc {
				return admits(t, map[string]string{corev1.LabelTopologyZone: "b"})
			}, nil, nodes, "7", regions.ZoneNotCopied, "",
		},
		"no right": {
			func(*testing.T) http.HandlerFunc {
				return status(403, metav1.StatusReasonForbidden, `pods is forbidden: User "x" cannot create resource "pods" in API group ""`)
			}, nil, nodes, "7", "", "cannot create resource",
		},
		"a webhook with side effects": {
			func(*testing.T) http.HandlerFunc {
				return status(400, metav1.StatusReasonBadRequest, `admission webhook "w" does not support dry run`)
			}, nil, nodes, "7", "", "does not support dry run",
		},
		"no labelled node": {never, nil, nodes[:1], "7", "", "no node has label"},
		"no nodes seen":    {never, nil, nil, "", "", "nodes may not be listed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := openAt(t, serve(t, tc.handler(t)), Options{})
			got, unknown := c.zoneCopy(t.Context(), Scope{Namespace: "bank", Pools: []string{"bank"}},
				facts{namespace: true, nodes: tc.nodes, nodesSeen: tc.seen}, listing{pods: tc.pods})
			if got != tc.want || (unknown == "") != (tc.unknown == "") || !strings.Contains(unknown, tc.unknown) {
				t.Errorf("it is %q, unknown for %q; want %q, %q", got, unknown, tc.want, tc.unknown)
			}
		})
	}
}

// A real API server answers the dry run in a namespace that admits restricted pods alone, and keeps nothing.
func TestZoneCopyOfAServer(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	restricted := map[string]any{
		"apiVersion": "v1", "kind": "Namespace",
		"metadata": map[string]any{"name": namespace, "labels": map[string]any{"pod-security.kubernetes.io/enforce": "restricted"}},
	}
	if _, err := c.Apply(t.Context(), restricted, ApplyOptions{Manager: ManagerQuorate}); err != nil {
		t.Fatal(err)
	}
	var state regions.ClusterState
	scope := dbScope(namespace)
	scope.AskZoneCopy = true
	eventually(t, "the namespace admits pods", func() bool { // its ServiceAccount comes a little later
		var err error
		state, err = c.Observe(t.Context(), scope)
		return err == nil && state.ZoneCopyUnknown == ""
	})
	if state.ZoneCopy != regions.ZoneCopied || len(state.Pods) != 0 {
		t.Errorf("zones are %q (%s), %d pods", state.ZoneCopy, state.ZoneCopyUnknown, len(state.Pods))
	}
	scope.Namespace = namespace + "-absent"
	if state, err := c.Observe(t.Context(), scope); err != nil || state.ZoneCopy != regions.ZoneCopied {
		t.Errorf("before the namespace exists zones are %q (%s), %v", state.ZoneCopy, state.ZoneCopyUnknown, err)
	}
}
