package kube

import (
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// A released set keeps its replicas and their owner; its partition is nobody's and 0.
func TestRelease(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 3); err != nil {
		t.Fatal(err)
	}
	seen, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: 3, Partition: 3}, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Release(t.Context(), namespace, "db", 3, "1"); !errors.Is(err, ErrChanged) {
		t.Errorf("on an old picture: %v, want ErrChanged", err)
	}
	if _, err := c.Release(t.Context(), namespace, "db", 3, ""); err == nil {
		t.Error("without a picture it is not refused")
	}
	// Its controller writes status all the time: take the newest picture, as the engine does.
	for range 20 {
		if _, err = c.Release(t.Context(), namespace, "db", 3, seen); !errors.Is(err, ErrChanged) {
			break
		}
		set, getErr := c.clientset.AppsV1().StatefulSets(namespace).Get(t.Context(), "db", metav1.GetOptions{})
		if getErr != nil {
			t.Fatal(getErr)
		}
		seen = set.ResourceVersion
	}
	if err != nil {
		t.Fatal(err)
	}
	state, err := c.Observe(t.Context(), dbScope(namespace))
	if err != nil {
		t.Fatal(err)
	}
	set := state.StatefulSets[0]
	if set.Replicas != 3 || set.Partition != 0 || len(set.PartitionManagers) != 0 || !slices.Equal(set.ReplicasManagers, []string{ManagerRollout}) || set.ReplicasTime.IsZero() {
		t.Errorf("%+v", set)
	}
	if _, err := c.ApplyStatefulSet(t.Context(), database(namespace, 3)); err == nil {
		t.Error("a released set is applied without the hold")
	}
}

// Only managers that were named are forced, at whatever value they hold a field.
func TestApplyForcesNamedManagersAlone(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	ours := configMap(namespace, "cm", map[string]any{"a": "ours", "b": "ours"})
	applyAs(t, c, configMap(namespace, "cm", map[string]any{"a": "theirs"}), "helm", false)
	applyAs(t, c, configMap(namespace, "cm", map[string]any{"b": "theirs"}), "kubectl", false)
	state := compareOne(t, c, namespace, ours)
	if len(state.Conflicts) != 2 || state.Conflicts[0].Time.IsZero() {
		t.Errorf("conflicts: %v", state.Conflicts)
	}
	for _, force := range [][]string{nil, {"helm"}, {"kubectl"}, {"argocd"}} {
		_, err := c.Apply(t.Context(), ours, ApplyOptions{Manager: ManagerQuorate, TakeOver: true, Force: force})
		conflict, conflicts := errors.AsType[*Conflict](err)
		if !conflicts || slices.ContainsFunc(conflict.Fields, func(f regions.FieldConflict) bool { return slices.Contains(force, f.Manager) }) {
			t.Errorf("forcing %v: %v", force, err)
		}
	}
	if _, err := c.Apply(t.Context(), ours, ApplyOptions{Manager: ManagerQuorate, Force: []string{"helm", "kubectl"}}); err != nil {
		t.Error(err)
	}
	if again := compareOne(t, c, namespace, ours); !equalObjects(again.Live, again.After) || len(again.Conflicts) > 0 {
		t.Errorf("after a forced apply: %+v", again)
	}
}

// methods is a transport that notes the method of each request.
type methods struct {
	next http.RoundTripper
	mu   sync.Mutex
	seen map[string]int
}

func (m *methods) RoundTrip(r *http.Request) (*http.Response, error) {
	m.mu.Lock()
	m.seen[r.Method]++
	m.mu.Unlock()
	return m.next.RoundTrip(r)
}

// Looking without dry runs sends nothing but GET, and sees the same where nothing is filled in.
func TestCompareReadOnly(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 3); err != nil {
		t.Fatal(err)
	}
	counter := &methods{next: c.http.Transport, seen: map[string]int{}}
	c.http.Transport = counter
	changed := configMap(namespace, "cm", map[string]any{"a": "b"})
	states, err := c.CompareReadOnly(t.Context(), dbScope(namespace), []map[string]any{database(namespace, 3), changed})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Observe(t.Context(), dbScope(namespace)); err != nil {
		t.Fatal(err)
	}
	if counter.seen[http.MethodGet] == 0 || len(counter.seen) != 1 {
		t.Errorf("it sent %v", counter.seen)
	}
	for _, s := range states {
		if s.ClientSide == "" || s.After == nil || (s.Live == nil) != (s.Ref.Kind == "ConfigMap") {
			t.Errorf("%+v", s)
		}
	}
}
