package kube

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"quorate.dev/quorate/regions"
)

func TestConflictManager(t *testing.T) {
	for message, want := range map[string]string{
		`conflict with "kubectl"`:                                            "kubectl",
		`conflict with "a \"b\"" using v1`:                                   `a "b"`,
		`conflict with "kubectl" with subresource "scale" using apps/v1`:     "kubectl",
		`conflict with "kubectl-edit" using apps/v1 at 2026-01-01T00:00:00Z`: "kubectl-edit",
		`something else`:       "something else",
		`conflict with nobody`: "conflict with nobody",
	} {
		if got := conflictManager(message); got != want {
			t.Errorf("%s: %q, want %q", message, got, want)
		}
	}
}

func managedBy(manager, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationApply,
		FieldsV1: metav1.NewFieldsV1(fields),
	}
}

func TestOwners(t *testing.T) {
	managed := []metav1.ManagedFieldsEntry{
		managedBy("z", `{"f:spec":{"f:replicas":{}}}`),
		managedBy("kubectl", `{"f:spec":{"f:replicas":{},"f:updateStrategy":{"f:rollingUpdate":{"f:partition":{}}}}}`),
		managedBy("z", `{"f:spec":{"f:replicas":{}}}`),
		managedBy("torn", `{"f:spec":`),
		managedBy("parent", `{"f:spec":{"f:updateStrategy":{"f:type":{}}}}`),
		{Manager: "empty"},
	}
	if got := owners(managed, replicasPath()); !slices.Equal(got, []string{"kubectl", "z"}) {
		t.Errorf("replicas: %v", got)
	}
	if got := owners(managed, partitionPath()); !slices.Equal(got, []string{"kubectl"}) {
		t.Errorf("partition: %v", got)
	}
}

func TestConflictsBySort(t *testing.T) {
	object := func(image, protocol string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"containers": []any{
				map[string]any{"name": "side", "image": "other"},
				map[string]any{"name": "db", "image": image, "ports": []any{
					map[string]any{"containerPort": int64(80), "protocol": protocol, "name": "x"},
				}},
			},
			"finalizers": []any{"a", "b"},
		}}}
	}
	live := object("v1", "TCP")
	live.SetManagedFields([]metav1.ManagedFieldsEntry{managedBy("m", `{"f:spec":{
		"f:containers":{"k:{\"name\":\"db\"}":{".":{},"f:image":{},"f:ports":{"k:{\"containerPort\":80,\"protocol\":\"TCP\"}":{"f:name":{}}}}},
		"f:finalizers":{"v:\"b\"":{}}}}`)})
	conflicts := []regions.FieldConflict{
		{Manager: "m", Field: `.spec.containers[name="db"].image`},
		{Manager: "m", Field: `.spec.containers[name="db"].ports[containerPort=80,protocol="TCP"].name`},
		{Manager: "m", Field: `.spec.finalizers[="b"]`},
		{Manager: "stranger", Field: ".spec.never"},
	}
	valued, shared := sortConflicts(conflicts, live, object("v2", "TCP"))
	if want := []regions.FieldConflict{conflicts[0], conflicts[3]}; !slices.Equal(valued, want) || !slices.Equal(shared, []string{"m"}) {
		t.Errorf("valued %v, shared %v", valued, shared)
	}
}

func TestValueAtTakesAnyPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		index := rapid.IntRange(-2, 4).Draw(t, "index")
		field := rapid.SampledFrom([]string{"a", "b", ""}).Draw(t, "field")
		path := fieldpath.Path{{FieldName: &field}, {Index: &index}, {FieldName: &field}}
		in := map[string]any{"a": []any{"x", map[string]any{"a": "deep"}}}
		v, ok := valueAt(path, in)
		if want := field == "a" && index == 1; ok != want || (ok && v != "deep") {
			t.Fatalf("%v: %v, %v", path, v, ok)
		}
	})
}

func TestWaiting(t *testing.T) {
	status := func(name, reason string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{
			Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: "because"},
		}}
	}
	running := corev1.ContainerStatus{Name: "db", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	unscheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes"}
	cases := []struct {
		name         string
		status       corev1.PodStatus
		reason, text string
	}{
		{"running", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{running}}, "", ""},
		{"starting", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status("db", "ContainerCreating")}}, "", ""},
		{"behind init", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status("db", "PodInitializing")}}, "", ""},
		{"no image", corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{running, status("db", "ErrImagePull")}}, "ErrImagePull", "container db: because"},
		{"init crashes", corev1.PodStatus{
			InitContainerStatuses: []corev1.ContainerStatus{status("init", "CrashLoopBackOff")},
			ContainerStatuses:     []corev1.ContainerStatus{status("db", "PodInitializing")},
		}, "CrashLoopBackOff", "container init: because"},
		{"unscheduled", corev1.PodStatus{Conditions: []corev1.PodCondition{unscheduled}}, "Unschedulable", "0/3 nodes"},
	}
	for _, tc := range cases {
		if reason, text := waiting(&corev1.Pod{Status: tc.status}); reason != tc.reason || text != tc.text {
			t.Errorf("%s: %q, %q", tc.name, reason, text)
		}
	}
}

func TestPodState(t *testing.T) {
	controller := true
	now := metav1.NewTime(time.Unix(1000, 0))
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "db-7", UID: "u", ResourceVersion: "8", DeletionTimestamp: &now,
			Labels:          map[string]string{appsv1.ControllerRevisionHashLabelKey: "db-1"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "StatefulSet", Name: "db", Controller: &controller}},
		},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: "side", Image: "s"}, {Name: "db", Image: "d"}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}},
			Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: now}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "side", RestartCount: 9}, {Name: "db", RestartCount: 2}},
		},
	}
	id, ok := replicaOf(pod, []string{"db"})
	if !ok || id.Ordinal != 7 {
		t.Fatalf("%v, %v", id, ok)
	}
	got := podState(pod, id, "db", map[string]string{"n1": "z1"})
	want := regions.PodState{
		ID: id, UID: "u", ResourceVersion: "8", Revision: "db-1", Phase: "Running", Ready: true, ReadySince: now.Time, Terminating: true,
		IPs: []string{"10.0.0.1", "fd00::1"}, Node: "n1", Zone: "z1", Image: "d", Restarts: 2,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v\nwant %+v", got, want)
	}
	pod.Labels[corev1.LabelTopologyZone], pod.Labels[appsv1.PodIndexLabel] = "z2", "3"
	id, _ = replicaOf(pod, []string{"db"})
	if other := podState(pod, id, "absent", nil); other.Zone != "z2" || other.ID.Ordinal != 3 || other.Image != "s" {
		t.Errorf("%+v", other)
	}
	if _, ok := replicaOf(pod, []string{"other"}); ok {
		t.Error("a pod of another set was taken")
	}
}

func TestClaimOfPools(t *testing.T) {
	set := func(name string) *appsv1.StatefulSet {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: name}}
		set.Spec.VolumeClaimTemplates = []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data"}}}
		return set
	}
	sets := []*appsv1.StatefulSet{set("db"), set("not-gone")}
	for claim, want := range map[string]bool{
		"data-db-0": true, "data-db-12": true, "logs-db-0": false, "data-my-db-0": false, "db-0": false,
		"data-db": false, "data-db-x": false, "any-gone-3": true, "-gone-3": false, "": false,
		"data-not-gone-0": false, // of a set that is none of ours
	} {
		if got := claimOfPools(claim, []string{"db", "gone"}, sets); got != want {
			t.Errorf("%q: %v", claim, got)
		}
	}
}

func TestRevisionTemplate(t *testing.T) {
	got := revisionTemplate([]byte(`{"spec":{"template":{"$patch":"replace","spec":{"n":3}}}}`))
	if want := (map[string]any{"spec": map[string]any{"n": int64(3)}}); !reflect.DeepEqual(got, want) {
		t.Errorf("%#v", got)
	}
	if revisionTemplate([]byte(`torn`)) != nil {
		t.Error("a torn revision has a template")
	}
}

func FuzzServersWords(f *testing.F) {
	f.Add(`conflict with "kubectl" using v1`)
	f.Add(`{"spec":{"template":{"spec":{}}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		if manager := conflictManager(text); manager == "" && text != "" && !strings.HasPrefix(text, `conflict with ""`) && !strings.HasPrefix(text, "conflict with ``") {
			t.Errorf("%q names no manager", text)
		}
		if template := revisionTemplate([]byte(text)); template != nil && !json.Valid([]byte(text)) {
			t.Errorf("%q has a template", text)
		}
		owners([]metav1.ManagedFieldsEntry{managedBy("m", text)}, replicasPath())
	})
}
