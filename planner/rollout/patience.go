package rollout

import (
	"fmt"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// patience remembers since when a pod has been failing to start. Some failures
// pass (a registry's hiccup), so each class has its own time.
type patience struct {
	timeout time.Duration
	now     func() time.Time
	since   map[string]time.Time // pod UID → first seen failing
}

func newPatience(timeout time.Duration, now func() time.Time) *patience {
	return &patience{timeout: timeout, now: now, since: map[string]time.Time{}}
}

// allowed is how long a failure may last; zero: as long as the wait itself.
func (p *patience) allowed(reason string) time.Duration {
	switch reason {
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull",
		"CreateContainerConfigError", "CreateContainerError", "RunContainerError":
		return min(p.timeout/4, time.Minute)
	case "CrashLoopBackOff":
		return min(p.timeout/2, 3*time.Minute)
	}
	return 0
}

// judge fails for a pod that has been failing for too long. A container that
// crashes runs for a moment between two crashes, which is no recovery.
func (p *patience) judge(state regions.ClusterState, id regions.ReplicaID) error {
	pod := planner.FindPod(state, id)
	if pod == nil || pod.Terminating {
		return nil
	}
	allowed := p.allowed(pod.Waiting)
	if allowed == 0 {
		if pod.Ready || pod.Restarts == 0 {
			delete(p.since, pod.UID)
		}
		return nil
	}
	first, seen := p.since[pod.UID]
	if !seen {
		p.since[pod.UID] = p.now()
		return nil
	}
	if p.now().Sub(first) < allowed {
		return nil
	}
	return fmt.Errorf("%s does not start: %s %s (image %s); correct the topology and apply again", id, pod.Waiting, pod.WaitingMessage, pod.Image)
}
