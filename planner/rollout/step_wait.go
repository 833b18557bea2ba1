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
	return w.await(ctx, w.replicas(w.step.Payload.Targets, w.step.Payload.Condition, nil))
}

// namesStep waits until the authority gives every target exactly its pod's addresses.
type namesStep struct{ stepBase }

func (n namesStep) perform(context.Context) error { return nil }

func (n namesStep) verify(ctx context.Context) error {
	return n.await(ctx, wait{
		clusters: clustersOf(n.step.Payload.Targets), deadline: n.timeout(), recheck: nameRecheck,
		holds: func(ctx context.Context, v view) ([]string, error) {
			return n.unnamed(ctx, v, n.step.Payload.Targets), nil
		},
	})
}

// unnamed says which replicas have no pod that the authority names rightly.
func (b stepBase) unnamed(ctx context.Context, v view, targets []regions.ReplicaID) []string {
	missing := v.silent(clustersOf(targets))
	for _, id := range targets {
		state, known := v.states[id.Cluster]
		if !known {
			continue
		}
		pod := planner.FindPod(state, id)
		if pod == nil || len(pod.IPs) == 0 {
			missing = append(missing, id.String()+": pod has no address yet")
			continue
		}
		if blocker := b.nameBlocker(ctx, *pod); blocker != "" {
			missing = append(missing, blocker)
		}
	}
	return missing
}

// nameBlocker says that the authority does not answer a replica's name with
// exactly its pod's addresses.
func (b stepBase) nameBlocker(ctx context.Context, pod regions.PodState) string {
	name := dns.ReplicaName(b.Topology, pod.ID)
	answer, err := b.Authority.Lookup(ctx, name)
	if err != nil {
		return fmt.Sprintf("%s: its name: %v", pod.ID, err)
	}
	got, want := slices.Sorted(slices.Values(answer)), slices.Sorted(slices.Values(pod.IPs))
	if !slices.Equal(got, want) {
		return fmt.Sprintf("%s: the authority answers %s with [%s], the pod has [%s]",
			pod.ID, strings.TrimSuffix(name, "."), strings.Join(got, " "), strings.Join(want, " "))
	}
	return ""
}

// soakStep waits until all replicas have stayed ready for the whole duration. Its
// clock starts at the first healthy look and starts anew after an unhealthy one, or when
// a replica restarted between two looks; after that the database's gate is asked again.
type soakStep struct{ stepBase }

func (s soakStep) perform(context.Context) error { return nil }

func (s soakStep) verify(ctx context.Context) error {
	duration, err := time.ParseDuration(s.step.Payload.Duration)
	if err != nil {
		return fmt.Errorf("soak for %q: %w", s.step.Payload.Duration, err)
	}
	watch := &calm{}
	err = s.poll(ctx, wait{
		clusters: s.clusters(), deadline: duration + s.timeout(), recheck: max(duration/10, 10*time.Millisecond),
		due: func() time.Duration { return watch.left(s.Now(), duration) },
		holds: func(ctx context.Context, _ view) ([]string, error) {
			// Freshly each time: an old picture would look like a replica that restarted.
			v := observeAll(ctx, s.Observer, s.clusters())
			if missing := append(v.silent(s.clusters()), reasons(downReasons(v))...); len(missing) > 0 {
				watch.disturb()
				return missing, nil
			}
			if watch.lasted(s.Now(), restarts(v)) < duration {
				return []string{"all replicas to stay ready for " + duration.String()}, nil
			}
			return nil, nil
		},
	})
	if err != nil || !watch.disturbed || !s.gated() {
		return err
	}
	return s.whole(ctx)
}

// calm measures for how long nothing changed.
type calm struct {
	since     time.Time
	picture   string
	disturbed bool // it was calm, and then was not
}

func (c *calm) disturb() {
	c.disturbed = c.disturbed || !c.since.IsZero()
	c.since = time.Time{}
}

// lasted tells for how long the picture has been as it is.
func (c *calm) lasted(now time.Time, picture string) time.Duration {
	if !c.since.IsZero() && c.picture != picture {
		c.disturb()
	}
	if c.since.IsZero() {
		c.since, c.picture = now, picture
	}
	return now.Sub(c.since)
}

// over tells whether it has been calm for a duration, should nothing have changed since the last look.
func (c *calm) over(now time.Time, duration time.Duration) bool {
	return !c.since.IsZero() && now.Sub(c.since) >= duration
}

// left is how long it must stay as it is, to have lasted for a duration; zero while nothing is calm.
func (c *calm) left(now time.Time, duration time.Duration) time.Duration {
	if c.since.IsZero() {
		return 0
	}
	return max(duration-now.Sub(c.since), time.Millisecond)
}

// restarts is a picture of which pods serve and since when, by their clusters'
// clocks: watches skip states, and a replica may come back between two looks.
func restarts(v view) string {
	var out strings.Builder
	for _, state := range v.all() {
		for _, id := range planner.Expected(state) {
			if pod := planner.FindPod(state, id); pod != nil {
				fmt.Fprintf(&out, "%s %s %d %d\n", id, pod.UID, pod.Restarts, pod.ReadySince.UnixNano())
			}
		}
	}
	return out.String()
}
