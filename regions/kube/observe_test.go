package kube

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

func TestObserveAndDeletePod(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 2), 2); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: 2, Partition: 2}, ""); err != nil {
		t.Fatal(err)
	}
	var state regions.ClusterState
	eventually(t, "two pods", func() bool {
		var err error
		if state, err = c.Observe(t.Context(), dbScope(namespace)); err != nil {
			t.Fatal(err)
		}
		return len(state.Pods) == 2 && len(state.Claims) == 2
	})
	wantObserved(t, state)
	pod := state.Pods[1]
	err := c.DeletePod(t.Context(), namespace, "db-1", "00000000-0000-0000-0000-000000000000", "")
	if !errors.Is(err, ErrChanged) {
		t.Errorf("a pod of another UID: %v, want ErrChanged", err)
	}
	if err := c.DeletePod(t.Context(), namespace, "db-1", pod.UID, "1"); !errors.Is(err, ErrChanged) {
		t.Errorf("a pod at another resourceVersion: %v, want ErrChanged", err)
	}
	if err := c.DeletePod(t.Context(), namespace, "db-1", pod.UID, ""); err != nil {
		t.Error(err)
	}
	if err := c.DeletePod(t.Context(), namespace, "db-9", pod.UID, ""); err != nil {
		t.Errorf("a pod that is gone: %v", err)
	}
	eventually(t, "a new pod in its place", func() bool {
		state, err := c.Observe(t.Context(), dbScope(namespace))
		return err == nil && len(state.Pods) == 2 && state.Pods[1].UID != pod.UID
	})
}

func wantObserved(t *testing.T, state regions.ClusterState) {
	t.Helper()
	set := state.StatefulSets[0]
	if state.ServerVersion == "" || state.UID == "" || !state.Sandbox || !state.NamespaceExists || state.Region != "r1" {
		t.Errorf("%+v", state)
	}
	if !set.Parallel || set.OnDelete || len(set.Revisions) != 1 || set.Revisions[0].Template["spec"] == nil {
		t.Errorf("%+v", set)
	}
	for i, pod := range state.Pods {
		if pod.ID.String() != []string{"c1/db-0", "c1/db-1"}[i] || pod.Image != "example.com/db:v1" || pod.Revision != set.Revisions[0].Name {
			t.Errorf("%+v", pod)
		}
	}
	for _, resource := range []string{"pods", "statefulsets", "controllerrevisions", "persistentvolumeclaims", "nodes"} {
		if state.Seen[resource] == "" {
			t.Errorf("no resourceVersion of %s", resource)
		}
	}
}

func TestExec(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	state, err := c.Observe(t.Context(), dbScope(namespace))
	if err != nil || len(state.Nodes) == 0 {
		t.Fatalf("nodes %v, %v", state.Nodes, err)
	}
	pods := c.clientset.CoreV1().Pods(namespace)
	no := false
	_, err = pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p"},
		Spec: corev1.PodSpec{
			NodeName: state.Nodes[0].Name, AutomountServiceAccountToken: &no,
			Containers: []corev1.Container{{Name: "c", Image: "example.com/tool:v1"}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the pod runs", func() bool {
		pod, err := pods.Get(t.Context(), "p", metav1.GetOptions{})
		return err == nil && pod.Status.Phase == corev1.PodRunning
	})
	request := ExecRequest{Namespace: namespace, Pod: "p", Container: "c", Argv: []string{"echo", "a b", "$HOME"}}
	result, err := c.Exec(t.Context(), request)
	if err != nil || result.Stdout != "a b $HOME\n" || result.ExitCode != 0 || result.Truncated {
		t.Errorf("%+v, %v; argv is to reach the command as it is", result, err)
	}
	request.Argv = []string{"false"}
	result, err = c.Exec(t.Context(), request)
	if err != nil || result.ExitCode != 1 {
		t.Errorf("%+v, %v; a command that fails is a result", result, err)
	}
	request.Pod = "absent"
	if _, err := c.Exec(t.Context(), request); kindOf(err) != "other" || !strings.Contains(err.Error(), "absent") {
		t.Errorf("%v; the pod does not exist", err)
	}
}
