package rollout

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// initStep initialises the database once. The intent is recorded in every cluster
// first, always for the same replica (slot 0, whose disk decides), so that a crash
// in between is known and going on is safe: the command itself answers that it
// was done already. A record of a database anywhere, or a cluster that cannot be
// asked, refuses it.
type initStep struct{ stepBase }

func (i initStep) target() regions.ReplicaID { return i.step.Payload.Targets[0] }

func (i initStep) perform(ctx context.Context) error {
	v := observeAll(ctx, i.Observer, i.clusters())
	if err := v.firstError(); err != nil {
		return fmt.Errorf("not initialised: every cluster must say that it holds no database: %w", err)
	}
	for _, state := range v.all() {
		if err := i.refuse(state); err != nil {
			return err
		}
	}
	if err := i.lost.err(); err != nil {
		return err
	}
	if err := i.intend("initialise in "+i.target().String(), v); err != nil {
		return err
	}
	if err := i.record(ctx, func(d *regions.DatabaseRecord) {
		d.IntentRun, d.IntentReplica = i.Run, i.target().String()
	}); err != nil {
		return err
	}
	return i.initialise(ctx)
}

func (i initStep) refuse(state regions.ClusterState) error {
	record := state.Record.Database
	if record.ClusterID != "" {
		return fmt.Errorf("not initialised: %s records database %s, which must not be founded a second time", state.Cluster, record.ClusterID)
	}
	if record.IntentReplica != "" && record.IntentReplica != i.target().String() {
		return fmt.Errorf("not initialised: an earlier run began to initialise in %s, this one would in %s", record.IntentReplica, i.target())
	}
	return nil
}

func (i initStep) initialise(ctx context.Context) error {
	hook := i.Profile.Hooks.Init
	result, err := i.exec(ctx, i.target(), hook.Argv, hook.Timeout)
	if err != nil {
		return fmt.Errorf("initialise in %s: %w", i.target(), err)
	}
	already := hook.AlreadyDone != "" && regexp.MustCompile(hook.AlreadyDone).MatchString(result.Stdout+result.Stderr)
	if result.ExitCode != 0 && !already {
		return fmt.Errorf("initialise in %s: %s: exit %d: %s", i.target(), strings.Join(hook.Argv, " "), result.ExitCode, firstLine(result.Stderr+result.Stdout))
	}
	return i.wrote("database", "")
}

// verify reads the database's own cluster ID and records it in every cluster.
func (i initStep) verify(ctx context.Context) error {
	hook := i.Profile.Hooks.ClusterID
	if hook == nil {
		return nil
	}
	value := regexp.MustCompile(hook.Value)
	clusterID := ""
	err := i.await(ctx, i.timeout(), time.Second, func(ctx context.Context, _ view) ([]string, error) {
		result, err := i.exec(ctx, i.target(), hook.Argv, hook.Timeout)
		if err != nil {
			return []string{fmt.Sprintf("%s to tell its cluster ID (%v)", i.target(), err)}, nil
		}
		match := value.FindStringSubmatch(result.Stdout)
		if len(match) < 2 {
			return []string{fmt.Sprintf("%s to tell its cluster ID (%s)", i.target(), firstLine(result.Stderr+result.Stdout))}, nil
		}
		clusterID = match[1]
		return nil, nil
	})
	if err != nil {
		return err
	}
	return i.record(ctx, func(d *regions.DatabaseRecord) { d.ClusterID = clusterID })
}

// record changes the database record in every cluster.
func (i initStep) record(ctx context.Context, change func(*regions.DatabaseRecord)) error {
	for _, cluster := range i.clusters() {
		err := i.Records.Update(ctx, cluster, func(r *regions.Record) error {
			change(&r.Database)
			return nil
		})
		if err != nil {
			return fmt.Errorf("record the database in %s: %w", cluster, err)
		}
	}
	return nil
}

// exec runs a hook in a replica's container, as argv, with its own deadline.
func (b stepBase) exec(ctx context.Context, id regions.ReplicaID, argv []string, timeout string) (ExecResult, error) {
	limit, err := time.ParseDuration(timeout)
	if err != nil {
		return ExecResult{}, fmt.Errorf("hook timeout %q: %w", timeout, err)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return b.Pods.Exec(ctx, id, b.substitute(argv, id))
}

// substitute fills {host} and {port} in a hook's words.
func (b stepBase) substitute(words []string, id regions.ReplicaID) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = b.fill(word, id)
	}
	return out
}

func (b stepBase) fill(word string, id regions.ReplicaID) string {
	host := strings.TrimSuffix(dns.ReplicaName(b.Topology, id), ".")
	return strings.NewReplacer("{host}", host, "{port}", strconv.Itoa(b.Profile.SeedPort)).Replace(word)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

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
	var openSince, looked time.Time
	pause := max(interval/4, 50*time.Millisecond)
	var missing []string
	return p.await(ctx, interval+p.timeout(), pause, func(ctx context.Context, v view) ([]string, error) {
		now := p.Now()
		if now.Sub(looked) < pause && len(missing) > 0 {
			return missing, nil // a watch event alone is no reason to ask again at once
		}
		looked = now
		missing = p.ask(ctx, v)
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
	})
}

// ask asks one replica of every cluster and says what is wrong anywhere.
func (p probeStep) ask(ctx context.Context, v view) []string {
	problems := v.silent(p.clusters())
	if len(problems) > 0 {
		return problems
	}
	gate := *p.Profile.Hooks.Gate
	expected := p.members(v, gate)
	for _, cluster := range slices.Sorted(maps.Keys(v.states)) {
		for _, problem := range p.askCluster(ctx, v.states[cluster], gate, expected) {
			problems = append(problems, fmt.Sprintf("the database, asked in %s: %s", cluster, problem))
		}
	}
	return problems
}

// members are the keys by which the database should know every expected replica.
func (p probeStep) members(v view, gate kustomize.Gate) []string {
	var keys []string
	for _, state := range v.all() {
		for _, id := range planner.Expected(state) {
			keys = append(keys, p.fill(gate.KeyValue, id))
		}
	}
	return keys
}

func (p probeStep) askCluster(ctx context.Context, state regions.ClusterState, gate kustomize.Gate, expected []string) []string {
	expectedHere := planner.Expected(state)
	for _, id := range expectedHere {
		pod := planner.FindPod(state, id)
		if pod == nil || !pod.Up() {
			continue
		}
		result, err := p.exec(ctx, id, gate.Argv, gate.Timeout)
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
