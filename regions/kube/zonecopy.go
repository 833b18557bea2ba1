package kube

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/regions"
)

// zoneCopy finds out whether the API server copies a node's zone to its pods. A pod of the deployment that
// has the label shows it at no cost. One that has none shows nothing: it may be older than the
// server. Then the server is asked to admit a pod that is on a node already, as a dry run: the
// admission plugin that labels a pod when it is bound labels such a one when it is created
// (kubernetes, plugin/pkg/admission/podtopologylabels/admission.go, admitPod), and nothing is stored.
//
// Whatever keeps that from being answered is the reason of an unknown, never an error.
func (c *Cluster) zoneCopy(ctx context.Context, scope Scope, f facts, l listing) (found regions.ZoneCopy, unknown string) {
	for _, pod := range l.pods {
		if _, ours := replicaOf(pod, scope.Pools); ours && pod.Labels[corev1.LabelTopologyZone] != "" {
			return regions.ZoneCopied, ""
		}
	}
	if f.nodesSeen == "" {
		return "", "nodes may not be listed"
	}
	i := slices.IndexFunc(f.nodes, func(n corev1.Node) bool { return n.Labels[corev1.LabelTopologyZone] != "" })
	if i < 0 {
		return "", "no node has label " + corev1.LabelTopologyZone
	}
	if scope.ReadOnly {
		return "", "a dry run would tell, and nothing but reading is allowed"
	}
	namespace := metav1.NamespaceDefault
	if f.namespace {
		namespace = scope.Namespace
	}
	admitted, err := c.admitted(ctx, namespace, f.nodes[i].Name)
	switch {
	case err != nil:
		return "", fmt.Sprintf("a dry run of a pod in namespace %s: %v", namespace, err)
	case admitted.Labels[corev1.LabelTopologyZone] == f.nodes[i].Labels[corev1.LabelTopologyZone]:
		return regions.ZoneCopied, ""
	}
	return regions.ZoneNotCopied, ""
}

// admitted is a pod on the node as the API server would store it; a dry run stores nothing.
func (c *Cluster) admitted(ctx context.Context, namespace, node string) (*corev1.Pod, error) {
	var pod *corev1.Pod
	err := c.read(ctx, "dry run of a pod on "+node, func(ctx context.Context) (err error) {
		pod, err = c.clientset.CoreV1().Pods(namespace).Create(ctx, zonePod(node), metav1.CreateOptions{
			DryRun: []string{metav1.DryRunAll}, FieldManager: ManagerQuorate,
		})
		return err
	})
	return pod, err
}

// zonePod keeps to Pod Security level restricted, so that no namespace refuses it. It is never stored,
// and its image never pulled.
func zonePod(node string) *corev1.Pod {
	no, yes := false, true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "quorate-dry-run-"},
		Spec: corev1.PodSpec{
			NodeName: node, AutomountServiceAccountToken: &no, RestartPolicy: corev1.RestartPolicyNever,
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: &yes, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "never", Image: "never-pulled",
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: &no, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}
