package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// condition says what is still missing, in words for people; nothing missing
// ends the wait. An error ends it at once.
type condition func(ctx context.Context, v view) (missing []string, err error)

// nameRecheck is how often a wait for names asks the authority again: names
// cannot be watched.
const nameRecheck = 200 * time.Millisecond

// await evaluates a condition after every change of the watched picture, until
// it holds or the deadline passes. recheck, where not zero, evaluates it that
// often as well.
func (b stepBase) await(ctx context.Context, deadline, recheck time.Duration, cond condition) error {
	timer := time.NewTimer(deadline)
	defer timer.Stop()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	again, stop := ticks(recheck)
	defer stop()
	said := ""
	for {
		v, changed := b.fleet.look()
		missing, err := cond(ctx, v)
		if err != nil || len(missing) == 0 {
			return err
		}
		if text := waitText(missing); text != said {
			said = text
			b.waiting(said)
		}
		select {
		case <-changed:
		case <-again:
		case <-beat.C:
			b.waiting(said)
		case <-timer.C:
			return b.overdue(deadline, missing, v)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// ticks is a ticker's channel, or one that never fires for a zero interval.
func ticks(interval time.Duration) (<-chan time.Time, func()) {
	if interval == 0 {
		return nil, func() {}
	}
	t := time.NewTicker(interval)
	return t.C, t.Stop
}

func (b stepBase) waiting(text string) {
	b.emit(b.stepEvent(EventStepWait, b.step, "waiting for "+text))
}

// overdue keeps the cause in the error: a cluster that does not answer is told
// apart from a replica that does not come back.
func (b stepBase) overdue(deadline time.Duration, missing []string, v view) error {
	text := fmt.Sprintf("not within %s: %s", deadline, strings.Join(missing, "; "))
	if cause := v.firstError(); cause != nil {
		return fmt.Errorf("%s: %w", text, cause)
	}
	return fmt.Errorf("%s", text)
}

// waitText names the first few of what is missing.
func waitText(missing []string) string {
	const shown = 3
	if len(missing) <= shown {
		return strings.Join(missing, "; ")
	}
	return fmt.Sprintf("%s; and %d more", strings.Join(missing[:shown], "; "), len(missing)-shown)
}

// replicas is the condition that the targets meet what is wanted; with names, the
// authority must also give each one exactly its pod's addresses. It fails early
// for a pod that will not start by itself.
func (b stepBase) replicas(targets []regions.ReplicaID, want planner.Condition, check func(regions.ClusterState, regions.ReplicaID) string) condition {
	patience := newPatience(b.timeout(), b.Now)
	return func(ctx context.Context, v view) ([]string, error) {
		missing := v.silent(clustersOf(targets))
		for _, id := range targets {
			state, known := v.states[id.Cluster]
			if !known {
				continue
			}
			blocker := planner.Blocker(state, id, want)
			if blocker == "" && check != nil {
				blocker = check(state, id)
			}
			if err := patience.judge(state, id); err != nil {
				return nil, err
			}
			if blocker == "" && want == planner.ConditionReady {
				blocker = b.nameBlocker(ctx, *planner.FindPod(state, id))
			}
			if blocker != "" {
				missing = append(missing, blocker)
			}
		}
		return missing, nil
	}
}

func clustersOf(ids []regions.ReplicaID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

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
	case "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError":
		return min(p.timeout/4, time.Minute)
	case "CrashLoopBackOff":
		return min(p.timeout/2, 3*time.Minute)
	}
	return 0
}

func (p *patience) judge(state regions.ClusterState, id regions.ReplicaID) error {
	pod := planner.FindPod(state, id)
	if pod == nil || pod.Terminating {
		return nil
	}
	allowed := p.allowed(pod.Waiting)
	if allowed == 0 {
		delete(p.since, pod.UID)
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
