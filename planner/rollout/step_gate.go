package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// probeStep holds the database's own gate: asked in one replica of every cluster,
// every expected member live, nothing under-replicated or unavailable, twice, an
// interval apart. One look is not enough: the database's figures lag behind.
type probeStep struct{ stepBase }

func (p probeStep) perform(context.Context) error { return nil }

func (p probeStep) verify(ctx context.Context) error {
	interval, err := time.ParseDuration(p.step.Payload.Duration)
	if err != nil {
		return fmt.Errorf("gate interval %q: %w", p.step.Payload.Duration, err)
	}
	return p.gate(ctx, interval)
}

// gate waits until the database was healthy at every look of a whole interval.
func (b stepBase) gate(ctx context.Context, interval time.Duration) error {
	var openSince, looked time.Time
	var missing []string
	pause := max(interval/4, 50*time.Millisecond)
	holds := func(ctx context.Context, v view) ([]string, error) {
		now := b.Now()
		if now.Sub(looked) < pause && len(missing) > 0 {
			return missing, nil // a watch event alone is no reason to ask again at once
		}
		looked = now
		missing = b.ask(ctx, v)
		switch {
		case len(missing) > 0:
			openSince = time.Time{}
		case openSince.IsZero():
			openSince = now
		}
		if len(missing) == 0 && now.Sub(openSince) < interval {
			missing = []string{fmt.Sprintf("a second healthy look, %s after the first", interval)}
		}
		return missing, nil
	}
	return b.await(ctx, wait{clusters: b.clusters(), deadline: interval + b.timeout(), recheck: pause, holds: holds})
}

// ask asks one replica of every cluster and says what is wrong anywhere.
func (b stepBase) ask(ctx context.Context, v view) []string {
	problems := v.silent(b.clusters())
	if len(problems) > 0 {
		return problems
	}
	gate := *b.Profile.Hooks.Gate
	expected := b.members(v, gate)
	said := map[string][]string{} // problem → clusters in which it was told
	for _, cluster := range slices.Sorted(maps.Keys(v.states)) {
		for _, problem := range b.askCluster(ctx, v.states[cluster], gate, expected) {
			said[problem] = append(said[problem], cluster)
		}
	}
	for _, problem := range slices.Sorted(maps.Keys(said)) {
		problems = append(problems, fmt.Sprintf("the database, asked in %s: %s", strings.Join(said[problem], ", "), problem))
	}
	return problems
}

// members are the keys by which the database should know every expected replica.
func (b stepBase) members(v view, gate kustomize.Gate) []string {
	var keys []string
	for _, state := range v.all() {
		for _, id := range planner.Expected(state) {
			keys = append(keys, gate.Expected(b.host(id), b.Profile.SeedPort))
		}
	}
	return keys
}

func (b stepBase) askCluster(ctx context.Context, state regions.ClusterState, gate kustomize.Gate, expected []string) []string {
	expectedHere := planner.Expected(state)
	for _, id := range expectedHere {
		pod := planner.FindPod(state, id)
		if pod == nil || !pod.Up() {
			continue
		}
		result, err := b.exec(ctx, id, gate.Command(b.host(id), b.Profile.SeedPort), gate.TimeoutDuration())
		if err != nil {
			return []string{err.Error()}
		}
		if result.ExitCode != 0 {
			return []string{fmt.Sprintf("%s: exit %d: %s", id, result.ExitCode, firstLine(result.Stderr+result.Stdout))}
		}
		return planner.Judge(gate, result.Stdout, expected)
	}
	if len(expectedHere) == 0 {
		return nil
	}
	return []string{"no replica is ready"}
}
