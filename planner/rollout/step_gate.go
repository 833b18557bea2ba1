package rollout

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// probeStep holds the database's own gate: asked in one replica of every cluster,
// every expected member there and well, and all clusters of one mind, twice, an
// interval apart. One look is not enough: a database's figures may lag behind.
type probeStep struct{ stepBase }

func (p probeStep) perform(context.Context) error { return nil }

func (p probeStep) verify(ctx context.Context) error {
	interval, err := time.ParseDuration(p.step.Payload.Duration)
	if err != nil {
		return fmt.Errorf("gate interval %q: %w", p.step.Payload.Duration, err)
	}
	return p.gate(ctx, interval)
}

// gate waits until the database was healthy at every look of a whole interval, with no
// replica down or restarted between two looks, and is the one on record at the last of them. Figures
// lag, so that they alone would not tell of a replica that was just away.
func (b stepBase) gate(ctx context.Context, interval time.Duration) error {
	var looked time.Time
	var missing []string
	open := &calm{}
	pause := max(interval/4, 50*time.Millisecond)
	holds := func(ctx context.Context, _ view) ([]string, error) {
		now := b.Now()
		if now.Sub(looked) < pause && len(missing) > 0 && !open.over(now, interval) {
			return missing, nil // a watch event alone is no reason to ask again at once
		}
		looked = now
		v := observeAll(ctx, b.Observer, b.clusters())
		last := open.over(now, interval) // if all is well
		unwell, err := b.askAll(ctx, v, last)
		missing = append(unwell, reasons(downReasons(v))...)
		switch {
		case len(missing) > 0:
			open.disturb()
		case open.lasted(now, restarts(v)) < interval:
			missing = []string{fmt.Sprintf("a second healthy look, %s after the first", interval)}
		case !last: // there is no interval
			return nil, b.sameDatabase(ctx, v)
		default:
			return nil, err
		}
		return missing, nil
	}
	due := func() time.Duration { return open.left(b.Now(), interval) }
	return b.poll(ctx, wait{clusters: b.clusters(), deadline: interval + b.timeout(), recheck: pause, holds: holds, due: due})
}

// askAll asks for the database's health and, at the last look, whether it is the one on record, all at once.
func (b stepBase) askAll(ctx context.Context, v view, last bool) (missing []string, err error) {
	var group errgroup.Group
	if last {
		group.Go(func() error { return b.sameDatabase(ctx, v) })
	}
	missing = b.ask(ctx, v)
	return missing, group.Wait()
}

// ask asks one replica of every cluster and says what is wrong anywhere.
func (b stepBase) ask(ctx context.Context, v view) []string {
	if silent := v.silent(b.clusters()); len(silent) > 0 {
		return silent
	}
	states := v.all()
	answers := make([]planner.Answer, len(states))
	var group errgroup.Group
	for i, state := range states {
		group.Go(func() error {
			answers[i] = b.askCluster(ctx, state)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	answers = slices.DeleteFunc(answers, func(a planner.Answer) bool { return a.Problem == "" && len(a.Outputs) == 0 })
	return planner.Judge(*b.Profile.Hooks.Gate, b.Profile.SeedPort, answers, b.hosts(v))
}

// hosts are the names of all expected replicas.
func (b stepBase) hosts(v view) []string {
	var out []string
	for _, state := range v.all() {
		for _, id := range planner.Expected(state) {
			out = append(out, b.host(id))
		}
	}
	return out
}

// askCluster asks the cluster's first replica that is up for every table of the gate;
// a cluster that should have no replica has no answer.
func (b stepBase) askCluster(ctx context.Context, state regions.ClusterState) planner.Answer {
	answer := planner.Answer{Cluster: state.Cluster}
	id, found := spokesman(state)
	switch {
	case found:
		answer.Outputs = b.askTables(ctx, id)
	case len(planner.Expected(state)) > 0:
		answer.Problem = "no replica is ready"
	}
	return answer
}

// askTables asks for all tables at once: they should tell of one moment.
func (b stepBase) askTables(ctx context.Context, id regions.ReplicaID) []planner.Output {
	tables := b.Profile.Hooks.Gate.Tables
	outputs := make([]planner.Output, len(tables))
	var group errgroup.Group
	for i, t := range tables {
		group.Go(func() error {
			outputs[i] = b.askTable(ctx, id, t)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	return outputs
}

func (b stepBase) askTable(ctx context.Context, id regions.ReplicaID, t kustomize.Table) planner.Output {
	result, err := b.exec(ctx, id, t.Command(b.host(id), b.Profile.SeedPort), t.TimeoutDuration())
	if err != nil {
		return planner.Output{Failure: err.Error()}
	}
	return planner.Output{Stdout: result.Stdout, Stderr: result.Stderr, ExitCode: result.ExitCode}
}

// spokesman is a cluster's first replica that is up.
func spokesman(state regions.ClusterState) (regions.ReplicaID, bool) {
	for _, id := range planner.Expected(state) {
		if pod := planner.FindPod(state, id); pod != nil && pod.Up() {
			return id, true
		}
	}
	return regions.ReplicaID{}, false
}

// sameDatabase fails where a replica is of another database than the record says, or
// than another cluster's: two databases under one name are nobody's to choose between.
// Who does not tell proves nothing.
func (b stepBase) sameDatabase(ctx context.Context, v view) error {
	if b.Profile.Hooks.ClusterID == nil {
		return nil
	}
	recorded, err := databaseOf(v)
	if err != nil {
		return err
	}
	_, _, err = b.databaseIn(ctx, v, recorded)
	return err
}

// databaseIn asks one replica of every cluster for the database's own ID, and says who
// did not tell. It fails where the answers differ from each other or from the one on record.
func (b stepBase) databaseIn(ctx context.Context, v view, recorded string) (id string, missing []string, err error) {
	id, whence := recorded, "the record"
	for _, t := range b.tellings(ctx, v) {
		switch {
		case t.missing != "":
			missing = append(missing, t.missing)
		case id == "":
			id, whence = t.id, t.replica.String()
		case t.id != id:
			return "", nil, fmt.Errorf("%s is of database %s, and %s says %s: there are two databases; find out which one is real, and touch neither before", t.replica, t.id, whence, id)
		}
	}
	return id, missing, nil
}

// telling is what a replica says of its database.
type telling struct {
	replica     regions.ReplicaID
	id, missing string
}

// tellings asks one replica of every cluster, all at once.
func (b stepBase) tellings(ctx context.Context, v view) []telling {
	var out []telling
	for _, cluster := range slices.Sorted(maps.Keys(v.states)) {
		if replica, found := spokesman(v.states[cluster]); found {
			out = append(out, telling{replica: replica})
		}
	}
	var group errgroup.Group
	for i := range out {
		group.Go(func() error {
			out[i].id, out[i].missing = b.readClusterID(ctx, out[i].replica)
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	return out
}

// readClusterID is the database's own ID as a replica tells it, or what it is waited for.
func (b stepBase) readClusterID(ctx context.Context, id regions.ReplicaID) (clusterID, missing string) {
	hook := b.Profile.Hooks.ClusterID
	result, err := b.exec(ctx, id, hook.Command(b.host(id), b.Profile.SeedPort), hook.TimeoutDuration())
	if err != nil {
		return "", fmt.Sprintf("%s to tell its cluster ID (%v)", id, err)
	}
	clusterID, err = hook.Extract(result.Stdout)
	if err != nil {
		return "", fmt.Sprintf("%s to tell its cluster ID (%s)", id, firstLine(result.Stderr+result.Stdout))
	}
	return clusterID, ""
}
