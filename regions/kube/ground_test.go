package kube

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func container(cpu, memory string, always bool) corev1.Container {
	c := corev1.Container{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
		corev1.ResourceCPU: quantity.MustParse(cpu), corev1.ResourceMemory: quantity.MustParse(memory),
	}}}
	if always {
		policy := corev1.ContainerRestartPolicyAlways
		c.RestartPolicy = &policy
	}
	return c
}

// What the scheduler counts: containers and sidecars together, or the largest moment before.
func TestRequested(t *testing.T) {
	t.Parallel()
	pod := func(initial []corev1.Container, containers ...corev1.Container) *corev1.Pod {
		return &corev1.Pod{Spec: corev1.PodSpec{InitContainers: initial, Containers: containers}}
	}
	for name, test := range map[string]struct {
		pod         *corev1.Pod
		cpu, memory int64
	}{
		"sum":           {pod(nil, container("1", "1Gi", false), container("500m", "1Gi", false)), 1500, 2 << 30},
		"larger before": {pod([]corev1.Container{container("2", "1Mi", false)}, container("1", "1Gi", false)), 2000, 1 << 30},
		"sidecar":       {pod([]corev1.Container{container("1", "1Gi", true), container("2", "1Mi", false)}, container("1", "1Gi", false)), 3000, 2 << 30},
	} {
		if cpu, memory := requested(test.pod); cpu != test.cpu || memory != test.memory {
			t.Errorf("%s: %dm and %d bytes, want %dm and %d", name, cpu, memory, test.cpu, test.memory)
		}
	}
}

func TestRooms(t *testing.T) {
	t.Parallel()
	node := func(name string, change func(*corev1.Node)) corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: "z"}}}
		n.Status.Allocatable = corev1.ResourceList{"cpu": quantity.MustParse("4"), "memory": quantity.MustParse("4Gi"), "pods": quantity.MustParse("10")}
		n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
		change(&n)
		return n
	}
	nodes := []corev1.Node{
		node("cordoned", func(n *corev1.Node) { n.Spec.Unschedulable = true }),
		node("tainted", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectNoSchedule}} }),
		node("down", func(n *corev1.Node) { n.Status.Conditions = nil }),
		node("good", func(n *corev1.Node) {
			n.Spec.Taints = []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectPreferNoSchedule}}
		}),
	}
	running := corev1.Pod{Spec: corev1.PodSpec{NodeName: "good", Containers: []corev1.Container{container("1", "1Gi", false)}}}
	ended := *running.DeepCopy()
	ended.Status.Phase = corev1.PodSucceeded
	got := rooms(nodes, []corev1.Pod{running, ended})
	if len(got) != 1 || got[0].Name != "good" || got[0].CPU != 3000 || got[0].Memory != 3<<30 || got[0].Pods != 9 || got[0].Zone != "z" {
		t.Errorf("room: %+v", got)
	}
}
