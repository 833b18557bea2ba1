package kube

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

func TestApplyTakesOverEqualValuesOnly(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	service := func(port int) map[string]any {
		return map[string]any{
			"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "s", "namespace": namespace},
			"spec": map[string]any{
				"selector": map[string]any{"app": "db"},
				"ports":    []any{map[string]any{"port": 80, "targetPort": port, "protocol": "TCP"}},
			},
		}
	}
	at, err := c.target(t.Context(), service(1), "")
	if err != nil {
		t.Fatal(err)
	}
	ours := ApplyOptions{Manager: ManagerQuorate, TakeOver: true}
	applyAs(t, c, service(1), "kubectl", false)
	if _, err := c.Apply(t.Context(), service(1), ours); err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, service(2), "kubectl", true) // between the plan and the apply
	_, err = c.Apply(t.Context(), service(1), ours)
	conflict, conflicts := errors.AsType[*Conflict](err)
	if !conflicts || len(conflict.Fields) == 0 || conflict.Fields[0].Manager != "kubectl" {
		t.Errorf("%v, want a Conflict with kubectl", err)
	}
	live, err := c.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprint(live.Object["spec"]); !strings.Contains(text, "targetPort:2") {
		t.Errorf("kubectl's value was overwritten: %s", text)
	}
}

// An atomic field (fieldRef) that an importer wrote with its defaults conflicts without differing.
func TestApplyTakesOverOwnership(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	deployment := map[string]any{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": map[string]any{"name": "d", "namespace": namespace},
		"spec": map[string]any{
			"replicas": 0, "selector": map[string]any{"matchLabels": map[string]any{"app": "d"}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "d"}},
				"spec": map[string]any{"containers": []any{map[string]any{
					"name": "d", "image": "example.com/d:v1",
					"env": []any{map[string]any{
						"name":      "POD",
						"valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}},
					}},
				}}},
			},
		},
	}
	at, err := c.target(t.Context(), deployment, "")
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, deployment, "first", false)
	live, err := c.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, stripped(live).Object, "importer", true)
	if _, conflicts := errors.AsType[*Conflict](second(c.Apply(t.Context(), deployment, ApplyOptions{Manager: ManagerQuorate}))); !conflicts {
		t.Error("nothing conflicts: this test shows nothing")
	}
	if _, err := c.Apply(t.Context(), deployment, ApplyOptions{Manager: ManagerQuorate, TakeOver: true}); err != nil {
		t.Error(err)
	}
}

// What was looked at and what is written over is the same state: when the object moves on
// after the dry run, the forced apply is refused, and the object is looked at again.
func TestTakeOverIsBoundToWhatWasSeen(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	at, err := c.target(t.Context(), configMap(namespace, "cm", map[string]any{"a": "1"}), "")
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, at.object.Object, "kubectl", false)
	seen, err := c.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, configMap(namespace, "cm", map[string]any{"a": "2"}), "kubectl", false)
	if _, err := c.takeOver(t.Context(), at, seen, ApplyOptions{Manager: ManagerQuorate, TakeOver: true}); !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	if _, err := c.takeOver(t.Context(), at, nil, ApplyOptions{Manager: ManagerQuorate, TakeOver: true}); !errors.Is(err, ErrChanged) {
		t.Errorf("taken for absent: %v, want ErrChanged", err)
	}
}

func TestDeleteLooksFirst(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	ref := regions.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: "cm"}
	at, err := c.target(t.Context(), configMap(namespace, "cm", map[string]any{"a": "1"}), "")
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, at.object.Object, "kubectl", false)
	err = c.Delete(t.Context(), ref)
	foreign, ok := errors.AsType[*NotOurs](err)
	if !ok || !slices.Equal(foreign.ManagedBy(), []string{"kubectl"}) || !strings.Contains(err.Error(), "kubectl") {
		t.Errorf("%v, want NotOurs", err)
	}
	if live, err := c.get(t.Context(), at); err != nil || live == nil {
		t.Fatalf("what kubectl alone manages is gone, %v", err)
	}
	if _, err := c.Apply(t.Context(), at.object.Object, ApplyOptions{Manager: ManagerQuorate}); err != nil {
		t.Fatal(err)
	}
	seen, err := c.get(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, configMap(namespace, "cm", map[string]any{"a": "1", "b": "2"}), "kubectl", false)
	if err := c.deleteSeen(t.Context(), at, seen); !errors.Is(err, ErrChanged) {
		t.Errorf("an object that moved on: %v, want ErrChanged", err)
	}
	for range 2 { // the second time it is gone already
		if err := c.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	}
	if live, err := c.get(t.Context(), at); err != nil || live != nil {
		t.Errorf("still there: %v, %v", live, err)
	}
}

func TestDeleteOfAnOldKind(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	for _, version := range []string{"gone.example.com/v1", "v1"} {
		ref := regions.ObjectRef{APIVersion: version, Kind: "Widget", Namespace: namespace, Name: "w"}
		if err := c.Delete(t.Context(), ref); err != nil {
			t.Errorf("%s: a kind that is not known has no objects: %v", version, err)
		}
	}
	budget := map[string]any{
		"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": map[string]any{"name": "p", "namespace": namespace},
		"spec": map[string]any{"maxUnavailable": 1, "selector": map[string]any{"matchLabels": map[string]any{"app": "db"}}},
	}
	if _, err := c.Apply(t.Context(), budget, ApplyOptions{Manager: ManagerQuorate}); err != nil {
		t.Fatal(err)
	}
	// Kubernetes 1.25 stopped serving the version in which it was once recorded.
	ref := regions.ObjectRef{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudget", Namespace: namespace, Name: "p"}
	if err := c.Delete(t.Context(), ref); err != nil {
		t.Fatal(err)
	}
	at, err := c.target(t.Context(), budget, "")
	if err != nil {
		t.Fatal(err)
	}
	if live, err := c.get(t.Context(), at); err != nil || live != nil {
		t.Errorf("still there: %v, %v", live, err)
	}
}

// Discovery passes over a group whose own API server is down: its objects may still be there.
func TestDeleteBehindADeadAggregatedServer(t *testing.T) {
	t.Parallel()
	mux := servingConfigMaps()
	mux.HandleFunc("/apis/metrics.example.com/v1", status(503, metav1.StatusReasonServiceUnavailable, "the server is currently unable to handle the request"))
	c := openAt(t, serve(t, mux), Options{})
	err := c.Delete(t.Context(), regions.ObjectRef{APIVersion: "metrics.example.com/v1", Kind: "Widget", Namespace: "n", Name: "w"})
	if kindOf(err) != "unreachable" || !strings.Contains(err.Error(), "gives no usable answer") {
		t.Errorf("%v", err)
	}
}

// A write's 500 is not taken for a dead cluster: here it is the schema's answer.
func TestRejectedByTheSchemaIsAnAnswer(t *testing.T) {
	t.Parallel()
	var patches atomic.Int32
	mux := servingConfigMaps()
	mux.HandleFunc("/api/v1/namespaces/n/configmaps/cm", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			status(404, metav1.StatusReasonNotFound, "not found")(w, r)
			return
		}
		patches.Add(1)
		status(500, metav1.StatusReasonInternalError, "failed to create typed patch object (n/cm; /v1, Kind=ConfigMap): .dataa: field not declared in schema")(w, r)
	})
	c := openAt(t, serve(t, mux), Options{})
	if s := compareOne(t, c, "n", configMap("n", "cm", nil)); !strings.Contains(s.Rejected, "not declared") || patches.Load() != 1 {
		t.Errorf("%d patches: %+v", patches.Load(), s)
	}
}

func TestALeaseWithoutADurationIsHeld(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /apis/coordination.k8s.io/v1/namespaces/n/leases/l", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"l","namespace":"n","resourceVersion":"3"},"spec":{"holderIdentity":"other"}}`)
	})
	c := openAt(t, serve(t, mux), Options{})
	now := time.Unix(5000, 0)
	request := LeaseRequest{Holder: "h", Duration: 30 * time.Second}
	_, err := c.AcquireLease(t.Context(), "n", "l", request, func() time.Time { return now })
	held, ok := errors.AsType[*Held](err)
	if !ok || !held.Expires.Equal(now.Add(request.Duration)) {
		t.Errorf("%v, want Held for the request's own duration", err)
	}
}

func TestALeaseWithoutADurationRunsOut(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	other := "other"
	_, err := c.clientset.CoordinationV1().Leases(namespace).Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "l"}, Spec: coordinationv1.LeaseSpec{HolderIdentity: &other},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	now := func() time.Time { return clock }
	request := LeaseRequest{Holder: "h", Duration: 30 * time.Second}
	if _, held := errors.AsType[*Held](second(c.AcquireLease(t.Context(), namespace, "l", request, now))); !held {
		t.Error("it was taken at once")
	}
	clock = clock.Add(request.Duration)
	if state, err := c.AcquireLease(t.Context(), namespace, "l", request, now); err != nil || state.Holder != "h" {
		t.Errorf("%+v, %v", state, err)
	}
}
