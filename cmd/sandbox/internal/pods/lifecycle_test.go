package pods

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func testPod(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "bank-0", Namespace: "bank", UID: "uid", Generation: 3},
		Spec:       corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "db", Image: image}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(epoch.Add(-time.Minute))},
		}},
	}
}

func testFacts() Facts {
	return Facts{PodIP: "10.64.0.1", HostIP: "10.192.0.1", Delays: Delays{
		Start: 200 * time.Millisecond, Termination: 300 * time.Millisecond, CrashFirst: time.Second, CrashLongest: 4 * time.Second,
	}}
}

// play decides at each moment in turn, writing the status back, and gives the last decision.
func play(t *testing.T, pod *corev1.Pod, line *Timeline, facts Facts, moments ...int) Decision {
	t.Helper()
	var decision Decision
	for _, ms := range moments {
		decision = Decide(pod, line, facts, at(ms))
		if decision.Status != nil {
			pod.Status = *decision.Status
		}
	}
	return decision
}

func condition(pod *corev1.Pod, kind corev1.PodConditionType) corev1.PodCondition {
	for _, c := range pod.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return corev1.PodCondition{}
}

func isTrue(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	return condition(pod, kind).Status == corev1.ConditionTrue
}

func TestAPodRunsAtOnceAndIsReadyAfterItsDelay(t *testing.T) {
	pod, line := testPod("nginx:1"), &Timeline{}
	decision := play(t, pod, line, testFacts(), 0)
	if pod.Status.Phase != corev1.PodRunning || isTrue(pod, corev1.PodReady) || !decision.Running || decision.Wake != 200*time.Millisecond {
		t.Errorf("at first: phase %s, ready %t, %+v", pod.Status.Phase, isTrue(pod, corev1.PodReady), decision)
	}
	if pod.Status.PodIP != "10.64.0.1" || pod.Status.HostIP != "10.192.0.1" || pod.Status.ObservedGeneration != 3 {
		t.Errorf("addresses or generation: %+v", pod.Status)
	}
	decision = play(t, pod, line, testFacts(), 199, 200)
	container := pod.Status.ContainerStatuses[0]
	if !isTrue(pod, corev1.PodReady) || !isTrue(pod, corev1.ContainersReady) || !container.Ready || !*container.Started || decision.Wake != 0 {
		t.Errorf("after the delay: %+v, wake %s", pod.Status, decision.Wake)
	}
	if container.ContainerID == "" || container.ImageID == "" || !container.State.Running.StartedAt.Time.Equal(epoch) {
		t.Errorf("container: %+v", container)
	}
	if got := condition(pod, corev1.PodScheduled).LastTransitionTime.Time; !got.Equal(epoch.Add(-time.Minute)) {
		t.Errorf("the time of a condition that did not change became %s", got)
	}
}

// What is decided a moment later must equal what the API gives back, or it would be written for ever.
func TestTheStatusIsSteady(t *testing.T) {
	for _, image := range []string{"nginx:1", "app:broken", "app:crash"} {
		pod, line := testPod(image), &Timeline{}
		play(t, pod, line, testFacts(), 123, 623, 1234)
		data, err := json.Marshal(pod.Status)
		if err != nil {
			t.Fatal(err)
		}
		read := corev1.PodStatus{}
		if err := json.Unmarshal(data, &read); err != nil {
			t.Fatal(err)
		}
		pod.Status = read
		if decision := Decide(pod, line, testFacts(), at(2000)); !equality.Semantic.DeepEqual(*decision.Status, read) {
			t.Errorf("the status of %s changed by itself:\n%+v\n%+v", image, *decision.Status, read)
		}
	}
}

func TestPullDelay(t *testing.T) {
	pod, line, facts := testPod("nginx:1"), &Timeline{}, testFacts()
	facts.Delays.Pull = time.Second
	decision := play(t, pod, line, facts, 0)
	if pod.Status.Phase != corev1.PodPending || pod.Status.ContainerStatuses[0].State.Waiting.Reason != "ContainerCreating" || decision.Wake != time.Second {
		t.Errorf("while pulling: %s, wake %s", pod.Status.Phase, decision.Wake)
	}
	if play(t, pod, line, facts, 1000); pod.Status.Phase != corev1.PodRunning || isTrue(pod, corev1.PodReady) {
		t.Errorf("after pulling: %s", pod.Status.Phase)
	}
	if play(t, pod, line, facts, 1200); !isTrue(pod, corev1.PodReady) {
		t.Error("not ready after pull and start delay")
	}
}

func TestADatabaseIsReadyWhenItSaysSo(t *testing.T) {
	pod, line, facts := testPod("cockroach:v1"), &Timeline{}, testFacts()
	facts.Database = true
	if play(t, pod, line, facts, 0, 5000); isTrue(pod, corev1.PodReady) || pod.Status.Phase != corev1.PodRunning {
		t.Error("ready, or not running, before the database said so")
	}
	facts.Ready = true
	if play(t, pod, line, facts, 5100); !isTrue(pod, corev1.PodReady) {
		t.Error("not ready though the database is")
	}
	now, grace := metav1.NewTime(at(6000)), int64(300)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	decision := play(t, pod, line, facts, 6000)
	if isTrue(pod, corev1.PodReady) || decision.Running || decision.Remove || decision.Wake != 300*time.Millisecond {
		t.Errorf("while draining: ready %t, %+v", isTrue(pod, corev1.PodReady), decision)
	}
	if !play(t, pod, line, facts, 6300).Remove {
		t.Error("not removed after the termination delay")
	}
}

func TestAShorterGracePeriodWins(t *testing.T) {
	pod, line, facts := testPod("nginx:1"), &Timeline{}, testFacts()
	play(t, pod, line, facts, 0, 200)
	now, grace := metav1.NewTime(at(1000)), int64(0)
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	if !play(t, pod, line, facts, 1000).Remove {
		t.Error("a forced deletion waited")
	}
}

func TestABrokenImageNeverPulls(t *testing.T) {
	pod, line := testPod("reg.example/cockroach:broken"), &Timeline{}
	decision := play(t, pod, line, testFacts(), 0)
	waiting := pod.Status.ContainerStatuses[0].State.Waiting
	if pod.Status.Phase != corev1.PodPending || waiting.Reason != "ErrImagePull" || decision.Running || decision.Wake == 0 {
		t.Fatalf("at first: %s %+v %+v", pod.Status.Phase, waiting, decision)
	}
	play(t, pod, line, testFacts(), 500, 60_000)
	waiting = pod.Status.ContainerStatuses[0].State.Waiting
	if pod.Status.Phase != corev1.PodPending || waiting.Reason != "ImagePullBackOff" || !strings.Contains(waiting.Message, `Back-off pulling image "reg.example/cockroach:broken"`) {
		t.Errorf("later: %s %+v", pod.Status.Phase, waiting)
	}
	if pod.Status.PodIP == "" || isTrue(pod, corev1.PodReady) {
		t.Error("no address, or ready")
	}
}

func TestACrashingImageRestartsEverMoreSlowly(t *testing.T) {
	pod, line := testPod("app:crash"), &Timeline{}
	restarts := map[int]int32{0: 0, 999: 0, 1000: 1, 2999: 1, 3000: 2, 7000: 3, 11_000: 4}
	for _, ms := range []int{0, 999, 1000, 2999, 3000, 7000, 11_000} {
		play(t, pod, line, testFacts(), ms)
		container := pod.Status.ContainerStatuses[0]
		if container.RestartCount != restarts[ms] || container.State.Waiting.Reason != "CrashLoopBackOff" || container.LastTerminationState.Terminated.ExitCode != 1 {
			t.Errorf("at %d ms: %d restarts, want %d; %+v", ms, container.RestartCount, restarts[ms], container.State)
		}
	}
	if pod.Status.Phase != corev1.PodRunning || isTrue(pod, corev1.PodReady) {
		t.Errorf("a crashing pod is %s, ready %t", pod.Status.Phase, isTrue(pod, corev1.PodReady))
	}
}

func TestAJobsPodSucceeds(t *testing.T) {
	pod, line := testPod("busybox:1"), &Timeline{}
	yes := true
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j", Controller: &yes}}
	play(t, pod, line, testFacts(), 0, 200)
	if pod.Status.Phase != corev1.PodSucceeded || pod.Status.ContainerStatuses[0].State.Terminated.ExitCode != 0 {
		t.Fatalf("a job's pod: %s", pod.Status.Phase)
	}
	if decision := Decide(pod, line, testFacts(), at(9000)); decision != (Decision{}) {
		t.Errorf("a finished pod is still played: %+v", decision)
	}
}

func TestInitContainersAndSidecars(t *testing.T) {
	pod, line := testPod("nginx:1"), &Timeline{}
	always := corev1.ContainerRestartPolicyAlways
	pod.Spec.InitContainers = []corev1.Container{{Name: "once", Image: "a:1"}, {Name: "sidecar", Image: "b:1", RestartPolicy: &always}}
	play(t, pod, line, testFacts(), 0)
	once, sidecar := pod.Status.InitContainerStatuses[0], pod.Status.InitContainerStatuses[1]
	if once.State.Terminated == nil || !once.Ready || sidecar.State.Running == nil || !*sidecar.Started {
		t.Errorf("init containers: %+v", pod.Status.InitContainerStatuses)
	}
}

func TestAnotherPlayerGoesOnWhereTheLastStopped(t *testing.T) {
	pod := testPod("nginx:1")
	play(t, pod, &Timeline{}, testFacts(), 0, 200)
	before := pod.Status.DeepCopy()
	if play(t, pod, &Timeline{}, testFacts(), 90_000); pod.Status.ContainerStatuses[0].State.Running.StartedAt != before.ContainerStatuses[0].State.Running.StartedAt || !isTrue(pod, corev1.PodReady) {
		t.Errorf("a new player restarted the pod: %+v", pod.Status)
	}
	crashing := testPod("app:crash")
	play(t, crashing, &Timeline{}, testFacts(), 0, 1000, 3000)
	if play(t, crashing, &Timeline{}, testFacts(), 3001); crashing.Status.ContainerStatuses[0].RestartCount != 2 {
		t.Errorf("a new player counts %d restarts, want 2", crashing.Status.ContainerStatuses[0].RestartCount)
	}
}

func TestAPodWithoutANodeIsLeftAlone(t *testing.T) {
	pod := testPod("nginx:1")
	pod.Spec.NodeName = ""
	if decision := Decide(pod, &Timeline{}, testFacts(), epoch); decision != (Decision{}) {
		t.Errorf("an unscheduled pod is played: %+v", decision)
	}
}
