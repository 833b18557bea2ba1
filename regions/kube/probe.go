package kube

import (
	"context"
	"fmt"
	"strconv"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	quantity "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The label of probes and their pods; its value is the deployment. It is the only one, so that no selector of a database finds them.
const probeLabel = "quorate.dev/preflight"

// quorateProgram is where images of quorate have it, the authority's as well as the probe's.
const quorateProgram = "/usr/local/bin/quorate"

// Probe is a pod that listens, and in which commands of quorate can be run, for a short time. It is a Job's, whose deadline the
// cluster keeps: also when whoever started it is gone, the pod ends then, and both are removed.
type Probe struct {
	Deployment, Namespace string
	Name                  string // of the Job, unique
	Image                 string // one of quorate
	Ports                 []int
	Lasts                 time.Duration
}

// ProbeState is how far a probe has come.
type ProbeState struct {
	Pod     string // its name, empty while there is none
	Address string // its IP once it runs
	Waits   string // what it waits for, as the cluster says
	Ended   string // how it ended, where it did
}

// StartProbe makes the Job. The probe must be ended also where this fails: an answer may have been lost.
func (c *Cluster) StartProbe(ctx context.Context, p Probe) error {
	return c.request(ctx, "make the probe "+p.Namespace+"/"+p.Name, func(ctx context.Context) error {
		_, err := c.clientset.BatchV1().Jobs(p.Namespace).Create(ctx, p.job(), metav1.CreateOptions{FieldManager: ManagerQuorate})
		return err
	})
}

// ProbeState looks at the probe's pod.
func (c *Cluster) ProbeState(ctx context.Context, p Probe) (ProbeState, error) {
	var out ProbeState
	pods, err := c.probePods(ctx, p)
	if err != nil {
		return out, err
	}
	if len(pods) == 0 {
		return ProbeState{Waits: "its pod, which the cluster has not made yet"}, nil
	}
	pod := &pods[0]
	out.Pod = pod.Name
	for _, s := range pod.Status.ContainerStatuses {
		switch {
		case s.State.Waiting != nil:
			out.Waits = joined(s.State.Waiting.Reason, s.State.Waiting.Message)
		case s.State.Terminated != nil:
			out.Ended = joined(s.State.Terminated.Reason, s.State.Terminated.Message)
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			out.Waits = joined(condition.Reason, condition.Message)
		}
	}
	switch pod.Status.Phase {
	case corev1.PodSucceeded, corev1.PodFailed:
		out.Ended = joined(string(pod.Status.Phase), out.Ended, pod.Status.Message)
	case corev1.PodRunning:
		if out.Ended == "" && out.Waits == "" {
			out.Address = pod.Status.PodIP
		}
	default: // it waits, as said above
	}
	return out, nil
}

// joined joins what is not empty with colons.
func joined(parts ...string) string {
	text := ""
	for _, part := range parts {
		switch {
		case part == "":
		case text == "":
			text = part
		default:
			text += ": " + part
		}
	}
	return text
}

// EndProbe deletes the Job, and its pods by it. One that is gone, or never was, is no error.
func (c *Cluster) EndProbe(ctx context.Context, p Probe) error {
	background, now := metav1.DeletePropagationBackground, int64(0)
	err := c.repeated(ctx, "delete the probe "+p.Namespace+"/"+p.Name, func(ctx context.Context) error {
		return c.clientset.BatchV1().Jobs(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{PropagationPolicy: &background, GracePeriodSeconds: &now})
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// ProbeLeft is how many pods of the probe are there still.
func (c *Cluster) ProbeLeft(ctx context.Context, p Probe) (int, error) {
	pods, err := c.probePods(ctx, p)
	return len(pods), err
}

func (c *Cluster) probePods(ctx context.Context, p Probe) ([]corev1.Pod, error) {
	var list *corev1.PodList
	err := c.read(ctx, "list the pods of the probe "+p.Namespace+"/"+p.Name, func(ctx context.Context) (err error) {
		list, err = c.clientset.CoreV1().Pods(p.Namespace).List(ctx, metav1.ListOptions{LabelSelector: batchv1.JobNameLabel + "=" + p.Name})
		return err
	})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// ExecProbe runs quorate in the probe's pod and gives what it printed. A command that failed is an error.
func (c *Cluster) ExecProbe(ctx context.Context, p Probe, pod string, args []string) (string, error) {
	result, err := c.Exec(ctx, ExecRequest{Namespace: p.Namespace, Pod: pod, Container: "probe", Argv: append([]string{quorateProgram}, args...)})
	if err == nil && result.ExitCode != 0 {
		err = fmt.Errorf("cluster %s: quorate in pod %s/%s ended with code %d: %s", c.name, p.Namespace, pod, result.ExitCode, result.Stderr)
	}
	return result.Stdout, err
}

// job keeps to Pod Security level restricted, asks for next to nothing, and mounts no token.
func (p Probe) job() *batchv1.Job {
	seconds, none, grace := int64(p.Lasts.Seconds()), int32(0), int64(1)
	labels := map[string]string{probeLabel: p.Deployment}
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, Labels: labels},
		Spec: batchv1.JobSpec{
			ActiveDeadlineSeconds: &seconds, TTLSecondsAfterFinished: &none, BackoffLimit: &none,
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: p.pod(&grace)},
		},
	}
}

func (p Probe) pod(grace *int64) corev1.PodSpec {
	no, yes, user := false, true, int64(65532)
	args := []string{"probe", "listen"}
	for _, port := range p.Ports {
		args = append(args, "--port="+strconv.Itoa(port))
	}
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, AutomountServiceAccountToken: &no, EnableServiceLinks: &no, TerminationGracePeriodSeconds: grace,
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: &yes, RunAsUser: &user, SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "probe", Image: p.Image, Command: []string{quorateProgram}, Args: args, ImagePullPolicy: corev1.PullIfNotPresent,
			TerminationMessagePolicy: corev1.TerminationMessageFallbackToLogsOnError,
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: quantity.MustParse("10m"), corev1.ResourceMemory: quantity.MustParse("32Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceCPU: quantity.MustParse("200m"), corev1.ResourceMemory: quantity.MustParse("128Mi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: &no, ReadOnlyRootFilesystem: &yes, Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
}
