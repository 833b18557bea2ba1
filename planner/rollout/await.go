package rollout

import (
	"cmp"
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

// wait is one wait: for what, over which clusters, and how long.
type wait struct {
	clusters []string
	deadline time.Duration
	recheck  time.Duration // evaluate that often too, not only after changes; 0: never
	holds    condition
	// due is after how long the condition may hold by the passing of time alone, after the last evaluation; nil
	// or zero: not known. Without it a wait for a duration would end at the next recheck after it.
	due func() time.Duration
}

// nameRecheck is how often a wait for names asks the authority again: names
// cannot be watched.
const nameRecheck = 200 * time.Millisecond

// await waits until the condition holds. Watches tell when to look; a fresh,
// consistent read decides, since a watched picture may be older than our own
// last write, and nothing may end or fail on such a one.
func (b stepBase) await(ctx context.Context, w wait) error {
	watched := w.holds
	w.holds = func(ctx context.Context, v view) ([]string, error) {
		missing, err := watched(ctx, v)
		if err == nil && len(missing) > 0 {
			return missing, nil
		}
		return watched(ctx, observeAll(ctx, b.Observer, w.clusters))
	}
	return b.poll(ctx, w)
}

// poll evaluates a condition after every change of the watched picture, until
// it holds or the deadline passes. The condition is the last word: one that
// decides something reads freshly itself.
func (b stepBase) poll(ctx context.Context, w wait) error {
	limited, cancel := context.WithTimeout(ctx, w.deadline)
	defer cancel()
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	again, stop := ticks(w.recheck)
	defer stop()
	said := narration{say: b.waiting, now: b.Now, began: b.Now()}
	var before []string
	for {
		if err := b.held.gone(); err != nil {
			return err
		}
		v, changed := b.fleet.look()
		missing, err := w.holds(limited, v)
		switch {
		case err == nil && len(missing) == 0:
			return nil
		case limited.Err() != nil:
			return b.ended(ctx, w, cmp.Or(waitText(before), waitText(missing)), err)
		case err != nil:
			return err
		}
		before = missing
		due, stopDue := after(said.update(waitText(missing)))
		over, stopOver := after(w.left())
		select {
		case <-changed:
		case <-again:
		case <-due:
		case <-over:
		case <-beat.C:
			said.repeat()
		case <-limited.Done():
		}
		stopDue()
		stopOver()
	}
}

// left is due, where there is one.
func (w wait) left() time.Duration {
	if w.due == nil {
		return 0
	}
	return w.due()
}

// ended is why a wait ended without its condition: the run was aborted, or the
// deadline passed. The deadline may have cut the last look short, so what was
// missing before it is told.
func (b stepBase) ended(ctx context.Context, w wait, missing string, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case missing != "":
		return b.overdue(ctx, w, missing, nil)
	}
	return b.overdue(ctx, w, missing, err)
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

// lookAgain bounds the last look at clusters for a message.
const lookAgain = 10 * time.Second

// overdue keeps the cause in the error: a cluster that does not answer is told
// apart from a replica that does not come back.
func (b stepBase) overdue(ctx context.Context, w wait, missing string, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, lookAgain)
	defer cancel()
	if cause == nil {
		cause = observeAll(ctx, b.Observer, w.clusters).firstError()
	}
	text := fmt.Sprintf("not within %s: %s", w.deadline, missing)
	if cause != nil {
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

// replicas waits until the targets meet what is wanted; wanted ready, the
// authority must also give each one exactly its pod's addresses. It fails early
// for a pod that will not start by itself.
func (b stepBase) replicas(targets []regions.ReplicaID, want planner.Condition, check func(regions.ClusterState, regions.ReplicaID) string) wait {
	patience := newPatience(b.timeout(), b.Now)
	holds := func(ctx context.Context, v view) ([]string, error) {
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
	return wait{clusters: clustersOf(targets), deadline: b.timeout(), recheck: nameRecheck, holds: holds}
}

func clustersOf(ids []regions.ReplicaID) []string {
	var out []string
	for _, id := range ids {
		out = append(out, id.Cluster)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
