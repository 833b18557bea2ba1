package pods

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// phase is how far a pod has come.
type phase int

const (
	phasePulling phase = iota // images are being pulled
	phaseStarted              // containers run, or have failed to
)

// statusOf builds the status of a pod on a node, starting from the one it has, so that what others
// wrote and the times of what has not changed stay.
func statusOf(pod *corev1.Pod, line *Timeline, facts Facts, phase phase, now time.Time) *corev1.PodStatus {
	status := pod.Status.DeepCopy()
	status.ObservedGeneration = pod.Generation
	status.HostIP, status.HostIPs = facts.HostIP, []corev1.HostIP{{IP: facts.HostIP}}
	status.PodIP, status.PodIPs = facts.PodIP, []corev1.PodIP{{IP: facts.PodIP}}
	if status.StartTime == nil {
		status.StartTime = stampOf(line.Bound)
	}
	ready := phase == phaseStarted && isReady(pod, line, facts, now)
	completed := ready && runsToCompletion(pod)
	status.ContainerStatuses = nil
	for i := range pod.Spec.Containers {
		status.ContainerStatuses = append(status.ContainerStatuses, containerStatus(pod, &pod.Spec.Containers[i], line, phase, ready, completed, now))
	}
	status.InitContainerStatuses = nil
	for i := range pod.Spec.InitContainers {
		status.InitContainerStatuses = append(status.InitContainerStatuses, initStatus(pod, &pod.Spec.InitContainers[i], line, phase))
	}
	status.Phase = podPhase(status.ContainerStatuses, completed)
	setConditions(pod, status, phase, ready, completed, now)
	return status
}

// isReady is what the readiness probe would say.
func isReady(pod *corev1.Pod, line *Timeline, facts Facts, now time.Time) bool {
	if anyTagged(pod, BrokenTag) || anyTagged(pod, CrashTag) || now.Sub(line.Started) < facts.Delays.Start {
		return false
	}
	if facts.Database {
		return facts.Ready && pod.DeletionTimestamp == nil // a database that drains says so
	}
	return true
}

// runsToCompletion tells whether the pod is a Job's, which succeeds once it has run.
func runsToCompletion(pod *corev1.Pod) bool {
	owner := metav1.GetControllerOf(pod)
	return owner != nil && owner.Kind == "Job"
}

// podPhase is Pending until every container has run once.
func podPhase(containers []corev1.ContainerStatus, completed bool) corev1.PodPhase {
	if completed {
		return corev1.PodSucceeded
	}
	for _, container := range containers {
		if container.State.Waiting != nil && container.LastTerminationState.Terminated == nil {
			return corev1.PodPending
		}
	}
	return corev1.PodRunning
}

// containerStatus is what one container looks like.
func containerStatus(pod *corev1.Pod, container *corev1.Container, line *Timeline, phase phase, ready, completed bool, now time.Time) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: container.Name, Image: container.Image, Started: new(bool)}
	started := stamp(line.Started)
	switch {
	case phase == phasePulling:
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	case tagged(container.Image, BrokenTag):
		status.State.Waiting = pullFailure(container.Image, now.Sub(line.Started))
	case tagged(container.Image, CrashTag):
		setCrashed(&status, pod, line)
	case completed:
	default:
		*status.Started = true
		status.Ready = ready
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: started}
	}
	if status.State.Waiting == nil || status.LastTerminationState.Terminated != nil {
		status.ImageID = imageID(container.Image)
		status.ContainerID = containerID(pod, container.Name, status.RestartCount)
	}
	if completed {
		status.State.Terminated = &corev1.ContainerStateTerminated{
			Reason: "Completed", StartedAt: started, FinishedAt: stamp(now), ContainerID: status.ContainerID,
		}
	}
	return status
}

// pullFailure is how a kubelet words an image that is not there; after the first try it backs off.
func pullFailure(image string, since time.Duration) *corev1.ContainerStateWaiting {
	cause := fmt.Sprintf("failed to pull and unpack image %q: failed to resolve reference %q: %s: not found", image, image, image)
	if since < pullRetry {
		return &corev1.ContainerStateWaiting{Reason: "ErrImagePull", Message: "rpc error: code = NotFound desc = " + cause}
	}
	return &corev1.ContainerStateWaiting{
		Reason:  "ImagePullBackOff",
		Message: fmt.Sprintf("Back-off pulling image %q: ErrImagePull: rpc error: code = NotFound desc = %s", image, cause),
	}
}

// setCrashed is a container that exits as soon as it runs.
func setCrashed(status *corev1.ContainerStatus, pod *corev1.Pod, line *Timeline) {
	status.RestartCount = line.Crashes
	status.State.Waiting = &corev1.ContainerStateWaiting{
		Reason: "CrashLoopBackOff",
		Message: fmt.Sprintf("back-off restarting failed container=%s pod=%s_%s(%s)",
			status.Name, pod.Name, pod.Namespace, pod.UID),
	}
	status.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
		ExitCode: 1, Reason: "Error", StartedAt: stamp(line.Started), FinishedAt: stamp(line.Crashed),
		ContainerID: containerID(pod, status.Name, line.Crashes),
	}
}

// initStatus is an init container that has done its work, or a sidecar that runs.
func initStatus(pod *corev1.Pod, container *corev1.Container, line *Timeline, phase phase) corev1.ContainerStatus {
	status := corev1.ContainerStatus{Name: container.Name, Image: container.Image, Started: new(bool)}
	if phase == phasePulling {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
		return status
	}
	started := stamp(line.Started)
	status.Ready = true
	status.ImageID = imageID(container.Image)
	status.ContainerID = containerID(pod, container.Name, 0)
	if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
		*status.Started = true
		status.State.Running = &corev1.ContainerStateRunning{StartedAt: started}
		return status
	}
	status.State.Terminated = &corev1.ContainerStateTerminated{
		Reason: "Completed", StartedAt: started, FinishedAt: started, ContainerID: status.ContainerID,
	}
	return status
}

// setConditions writes the conditions that a kubelet owns.
func setConditions(pod *corev1.Pod, status *corev1.PodStatus, phase phase, ready, completed bool, now time.Time) {
	set := func(kind corev1.PodConditionType, value bool, reason, message string) {
		setCondition(status, corev1.PodCondition{
			Type: kind, Status: conditionStatus(value), Reason: reason, Message: message,
			ObservedGeneration: pod.Generation, LastTransitionTime: stamp(now),
		})
	}
	reason, message := "", ""
	switch {
	case completed:
		reason, ready = "PodCompleted", false
	case !ready:
		reason, message = "ContainersNotReady", "containers with unready status: "+fmt.Sprint(unready(status))
	}
	set(corev1.PodReadyToStartContainers, !completed, "", "")
	set(corev1.PodInitialized, phase == phaseStarted, "", "")
	set(corev1.ContainersReady, ready, reason, message)
	set(corev1.PodReady, ready, reason, message)
	set(corev1.PodScheduled, true, "", "")
}

// unready names the containers that are not ready.
func unready(status *corev1.PodStatus) []string {
	var names []string
	for _, container := range status.ContainerStatuses {
		if !container.Ready {
			names = append(names, container.Name)
		}
	}
	return names
}

// stamp is a time as the API keeps it, in whole seconds, so that what was written equals what is read.
func stamp(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

func stampOf(t time.Time) *metav1.Time {
	stamped := stamp(t)
	return &stamped
}

func conditionStatus(value bool) corev1.ConditionStatus {
	if value {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}

// setCondition replaces the condition of that type; its time changes only if its status does.
func setCondition(status *corev1.PodStatus, condition corev1.PodCondition) {
	for i := range status.Conditions {
		existing := &status.Conditions[i]
		if existing.Type != condition.Type {
			continue
		}
		if existing.Status == condition.Status {
			condition.LastTransitionTime = existing.LastTransitionTime
		}
		condition.LastProbeTime = existing.LastProbeTime
		*existing = condition
		return
	}
	status.Conditions = append(status.Conditions, condition)
}

// imageID is an invented but steady digest of the image.
func imageID(image string) string {
	return image + "@sha256:" + digest(image)
}

// containerID is an invented but steady id of one run of a container.
func containerID(pod *corev1.Pod, container string, restarts int32) string {
	return "containerd://" + digest(fmt.Sprintf("%s/%s/%d", pod.UID, container, restarts))
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
