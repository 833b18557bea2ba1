package kube

import (
	"context"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

func someProbe(lasts time.Duration) Probe {
	return Probe{Deployment: "bank", Namespace: "default", Name: "quorate-preflight-test", Image: "quorate.test/quorate:broken", Ports: []int{26257, 8080}, Lasts: lasts}
}

// The cluster itself ends and removes a probe that nobody ends, and no selector of a database finds its pods.
func TestProbeJob(t *testing.T) {
	t.Parallel()
	job := someProbe(90 * time.Second).job()
	spec := job.Spec
	if *spec.ActiveDeadlineSeconds != 90 || *spec.TTLSecondsAfterFinished != 0 || *spec.BackoffLimit != 0 {
		t.Errorf("it outlives its time: %+v", spec)
	}
	if labels := spec.Template.Labels; len(labels) != 1 || labels["quorate.dev/preflight"] != "bank" {
		t.Errorf("labels of the pod: %v", labels)
	}
	pod := spec.Template.Spec
	if got := strings.Join(append(pod.Containers[0].Command, pod.Containers[0].Args...), " "); got != "/usr/local/bin/quorate probe listen --port=26257 --port=8080" {
		t.Errorf("it runs %s", got)
	}
	if *pod.AutomountServiceAccountToken || !*pod.SecurityContext.RunAsNonRoot || !*pod.Containers[0].SecurityContext.ReadOnlyRootFilesystem {
		t.Errorf("it may do more than it has to: %+v", pod)
	}
}

// Of a probe whose starter died nothing is left after its time; and one that is ended is gone at once.
func TestProbeIsRemoved(t *testing.T) {
	t.Parallel()
	c := newRig(t).open(t, Options{})
	for name, test := range map[string]struct {
		lasts time.Duration
		ended bool
	}{"forgotten": {2 * time.Second, false}, "ended": {5 * time.Minute, true}} {
		p := someProbe(test.lasts)
		p.Name += "-" + name
		if err := c.StartProbe(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.EndProbe(context.WithoutCancel(t.Context()), p) })
		if test.ended {
			state := probeState(t, c, p, func(s ProbeState) bool { return s.Waits != "" && s.Pod != "" })
			if !strings.Contains(state.Waits, "Image") || state.Address != "" {
				t.Errorf("why it does not run: %+v", state)
			}
			for range 2 { // again is no error
				if err := c.EndProbe(t.Context(), p); err != nil {
					t.Error(err)
				}
			}
		}
		err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			_, err := c.clientset.BatchV1().Jobs(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
			left, listErr := c.ProbeLeft(ctx, p)
			return apierrors.IsNotFound(err) && left == 0, listErr
		})
		if err != nil {
			pods, _ := c.probePods(t.Context(), p)
			t.Errorf("%s: it is there still (%s, %d pods): %v", name, batchv1.JobNameLabel, len(pods), err)
		}
	}
}

func probeState(t *testing.T, c *Cluster, p Probe, holds func(ProbeState) bool) ProbeState {
	t.Helper()
	var state ProbeState
	err := wait.PollUntilContextTimeout(t.Context(), 200*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (_ bool, err error) {
		state, err = c.ProbeState(ctx, p)
		return holds(state), err
	})
	if err != nil {
		t.Fatalf("%v; it is %+v", err, state)
	}
	return state
}
