package rollout

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// waitStep waits until its targets are running, or ready and named.
type waitStep struct{ stepBase }

func (w waitStep) perform(context.Context) error { return nil }

func (w waitStep) verify(ctx context.Context) error {
	return w.await(ctx, w.timeout(), nameRecheck, w.replicas(w.step.Payload.Targets, w.step.Payload.Condition, nil))
}

// namesStep waits until the authority gives every target exactly its pod's addresses.
type namesStep struct{ stepBase }

func (n namesStep) perform(context.Context) error { return nil }

func (n namesStep) verify(ctx context.Context) error {
	return n.await(ctx, n.timeout(), nameRecheck, func(ctx context.Context, v view) ([]string, error) {
		missing := v.silent(clustersOf(n.step.Payload.Targets))
		for _, id := range n.step.Payload.Targets {
			state, known := v.states[id.Cluster]
			if !known {
				continue
			}
			pod := planner.FindPod(state, id)
			if pod == nil || len(pod.IPs) == 0 {
				missing = append(missing, id.String()+": pod has no address yet")
				continue
			}
			if blocker := n.nameBlocker(ctx, *pod); blocker != "" {
				missing = append(missing, blocker)
			}
		}
		return missing, nil
	})
}

// nameBlocker says that the authority does not answer a replica's name with
// exactly its pod's addresses.
func (b stepBase) nameBlocker(ctx context.Context, pod regions.PodState) string {
	name := dns.ReplicaName(b.Topology, pod.ID)
	got, err := b.Authority.Lookup(ctx, name)
	if err != nil {
		return fmt.Sprintf("%s: its name: %v", pod.ID, err)
	}
	want := slices.Sorted(slices.Values(pod.IPs))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		return fmt.Sprintf("%s: the authority answers %s with [%s], the pod has [%s]",
			pod.ID, strings.TrimSuffix(name, "."), strings.Join(got, " "), strings.Join(want, " "))
	}
	return ""
}

// replaceStep deletes pods that do not serve, so that the controller makes them
// anew. A pod that came back meanwhile is left alone.
type replaceStep struct{ stepBase }

func (r replaceStep) perform(ctx context.Context) error {
	return r.guarded(ctx, r.step.Disrupts, func(ctx context.Context, seen view) error {
		if err := r.intend(r.step.Summary, seen); err != nil {
			return err
		}
		state := seen.states[r.step.Cluster]
		for _, id := range r.step.Payload.Targets {
			pod := planner.FindPod(state, id)
			if pod == nil || pod.Terminating || pod.Up() || onRevision(state, id) == "" {
				continue
			}
			if err := r.Pods.Delete(ctx, r.step.Cluster, *pod); err != nil {
				return fmt.Errorf("delete pod %s: %w", id, err)
			}
			if err := r.wrote("Pod/"+id.Pod(), ""); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r replaceStep) verify(ctx context.Context) error {
	check := func(state regions.ClusterState, id regions.ReplicaID) string {
		if r.plan.Promise.InForce {
			return ""
		}
		return onRevision(state, id)
	}
	return r.await(ctx, r.timeout(), nameRecheck, r.replicas(r.step.Payload.Targets, r.step.Payload.Condition, check))
}

// soakStep waits until all replicas have stayed ready for the whole duration. Its
// clock starts at the first healthy look and starts anew after an unhealthy one.
type soakStep struct{ stepBase }

func (s soakStep) perform(context.Context) error { return nil }

func (s soakStep) verify(ctx context.Context) error {
	duration, err := time.ParseDuration(s.step.Payload.Duration)
	if err != nil {
		return fmt.Errorf("soak for %q: %w", s.step.Payload.Duration, err)
	}
	var healthySince time.Time
	recheck := min(max(duration/20, 10*time.Millisecond), time.Second)
	return s.await(ctx, duration+s.timeout(), recheck, func(_ context.Context, v view) ([]string, error) {
		missing := v.silent(s.clusters())
		missing = append(missing, s.describeDown(v, planner.Down(v.all()))...)
		now := s.Now()
		if len(missing) > 0 {
			healthySince = time.Time{}
			return missing, nil
		}
		if healthySince.IsZero() {
			healthySince = now
		}
		if now.Sub(healthySince) < duration {
			return []string{"all replicas to stay ready for " + duration.String()}, nil
		}
		return nil, nil
	})
}
