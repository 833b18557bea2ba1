// Package pods decides, as a kubelet would, what a pod's status is at a given moment: pulling,
// running, ready, crashing, ending. It is pure: time, addresses and the database's word come in.
package pods

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Image tags by which a pod asks to fail.
const (
	BrokenTag = "broken" // the image can never be pulled
	CrashTag  = "crash"  // the container exits with code 1 as soon as it runs
)

// Delays are how long things take on a cluster's nodes.
type Delays struct {
	Pull         time.Duration `json:"pull_ns"`          // from binding until containers run
	Start        time.Duration `json:"start_ns"`         // from running until ready
	Termination  time.Duration `json:"termination_ns"`   // from deletion until the pod is gone, at most its grace period
	CrashFirst   time.Duration `json:"crash_first_ns"`   // first wait of CrashLoopBackOff; it doubles
	CrashLongest time.Duration `json:"crash_longest_ns"` // where the doubling ends
}

// pullRetry is how long ErrImagePull stands before it becomes ImagePullBackOff.
const pullRetry = 500 * time.Millisecond

// Timeline is what happened to one pod so far, to the millisecond (a pod's status knows seconds).
type Timeline struct {
	Bound   time.Time // first seen on its node
	Started time.Time // containers run since; zero before
	Deleted time.Time // deletion first seen; zero before
	Crashed time.Time // when crashing containers last exited
	Crashes int32     // how often they did
}

// Facts are what a decision needs to know beside the pod.
type Facts struct {
	PodIP    string
	HostIP   string
	Delays   Delays
	Database bool // the pod runs a database, which decides when it is ready
	Ready    bool // the database says that it is
}

// Decision is what to do about a pod now.
type Decision struct {
	Status  *corev1.PodStatus // to be written if it differs; nil if there is nothing to say
	Remove  bool              // its end has come: delete it from the API
	Running bool              // its normal containers run
	Wake    time.Duration     // decide again after this long, even if nothing happens; 0 is never
}

// Decide advances the timeline to now and says what the pod's status is then.
func Decide(pod *corev1.Pod, line *Timeline, facts Facts, now time.Time) Decision {
	if pod.Spec.NodeName == "" || (finished(pod) && pod.DeletionTimestamp == nil) {
		return Decision{}
	}
	if line.Bound.IsZero() {
		line.resume(pod, now)
	}
	if pod.DeletionTimestamp != nil {
		return decideEnd(pod, line, facts, now)
	}
	if since := now.Sub(line.Bound); since < facts.Delays.Pull && line.Started.IsZero() {
		return Decision{Status: statusOf(pod, line, facts, phasePulling, now), Wake: facts.Delays.Pull - since}
	}
	if line.Started.IsZero() {
		line.Started = now
	}
	wake := line.advanceCrash(pod, facts.Delays, now)
	sooner := func(d time.Duration) {
		if d > 0 && (wake == 0 || d < wake) {
			wake = d
		}
	}
	if anyTagged(pod, BrokenTag) {
		sooner(line.Started.Add(pullRetry).Sub(now))
	}
	sooner(line.Started.Add(facts.Delays.Start).Sub(now))
	return Decision{Status: statusOf(pod, line, facts, phaseStarted, now), Running: !anyTagged(pod, BrokenTag) && !anyTagged(pod, CrashTag), Wake: wake}
}

// decideEnd lets a deleted pod run down: a database drains at once, and the pod goes when the
// termination delay or its grace period is over.
func decideEnd(pod *corev1.Pod, line *Timeline, facts Facts, now time.Time) Decision {
	if line.Deleted.IsZero() {
		line.Deleted = now
	}
	delay := facts.Delays.Termination
	if grace := pod.DeletionGracePeriodSeconds; grace != nil {
		delay = min(delay, time.Duration(*grace)*time.Second)
	}
	if left := line.Deleted.Add(delay).Sub(now); left > 0 && !line.Started.IsZero() && !finished(pod) {
		return Decision{Status: statusOf(pod, line, facts, phaseStarted, now), Wake: left}
	}
	return Decision{Remove: true}
}

// resume takes the timeline of a pod that another player started from its status.
func (l *Timeline) resume(pod *corev1.Pod, now time.Time) {
	l.Bound = now
	if pod.Status.StartTime != nil {
		l.Bound = pod.Status.StartTime.Time
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.State.Running != nil {
			l.Started = status.State.Running.StartedAt.Time
		}
		if last := status.LastTerminationState.Terminated; last != nil {
			l.Started, l.Crashed, l.Crashes = last.StartedAt.Time, last.FinishedAt.Time, status.RestartCount
		}
	}
}

// advanceCrash lets containers with the crash tag exit, or exit again when their back-off is over,
// and gives the time to the next exit.
func (l *Timeline) advanceCrash(pod *corev1.Pod, delays Delays, now time.Time) time.Duration {
	if !anyTagged(pod, CrashTag) {
		return 0
	}
	if l.Crashed.IsZero() {
		l.Crashed = now
	}
	for {
		next := l.Crashed.Add(backOff(delays, l.Crashes))
		if next.After(now) {
			return next.Sub(now)
		}
		l.Crashed, l.Crashes = next, l.Crashes+1
	}
}

// shortestBackOff keeps a crashing pod from being written without pause.
const shortestBackOff = 100 * time.Millisecond

// backOff is the wait after the n-th restart: it doubles from first to longest.
func backOff(delays Delays, restarts int32) time.Duration {
	wait := delays.CrashFirst
	for ; restarts > 0 && wait < delays.CrashLongest; restarts-- {
		wait *= 2
	}
	return max(min(wait, delays.CrashLongest), shortestBackOff)
}

// finished tells whether the pod has come to its end by itself.
func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// tagged tells whether the image has that tag.
func tagged(image, tag string) bool {
	image, _, _ = strings.Cut(image, "@")
	return strings.HasSuffix(image, ":"+tag)
}

// anyTagged tells whether a container's image has that tag.
func anyTagged(pod *corev1.Pod, tag string) bool {
	for i := range pod.Spec.Containers {
		if tagged(pod.Spec.Containers[i].Image, tag) {
			return true
		}
	}
	return false
}
