package rollout

import (
	"context"
	"fmt"
	"strings"
	"time"

	"quorate.dev/quorate/dns"
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
	seen, err := i.clear(ctx)
	if err != nil {
		return err
	}
	if err := i.intend("initialise in "+i.target().String(), seen); err != nil {
		return err
	}
	if err := i.record(ctx, func(d *regions.DatabaseRecord) {
		d.IntentRun, d.IntentReplica = i.Run, i.target().String()
	}); err != nil {
		return err
	}
	return i.initialise(ctx)
}

// clear waits until every cluster says that it holds no database and, where the
// database never served, every replica runs and is named.
func (i initStep) clear(ctx context.Context) (view, error) {
	var seen view
	err := i.poll(ctx, wait{clusters: i.clusters(), deadline: i.timeout(), recheck: guardRecheck, holds: func(ctx context.Context, _ view) ([]string, error) {
		seen = observeAll(ctx, i.Observer, i.clusters())
		for _, state := range seen.all() {
			if err := i.refuse(state); err != nil {
				return nil, err
			}
		}
		missing := seen.silent(i.clusters())
		if len(missing) > 0 || i.plan.Promise.InForce {
			return missing, nil
		}
		return i.notRunning(ctx, seen), nil
	}})
	if err != nil {
		return view{}, fmt.Errorf("not initialised: %w", err)
	}
	return seen, nil
}

// notRunning are the declared replicas that do not run under their names.
func (i initStep) notRunning(ctx context.Context, v view) []string {
	var missing []string
	var running []regions.ReplicaID
	for _, r := range i.Topology.Replicas() {
		if blocker := planner.Blocker(v.states[r.ID.Cluster], r.ID, planner.ConditionRunning); blocker != "" {
			missing = append(missing, blocker)
			continue
		}
		running = append(running, r.ID)
	}
	return append(missing, i.unnamed(ctx, v, running)...)
}

func (i initStep) refuse(state regions.ClusterState) error {
	record := state.Record.Database
	if record.ClusterID != "" {
		return fmt.Errorf("%s records database %s, which must not be founded a second time", state.Cluster, record.ClusterID)
	}
	if record.IntentReplica != "" && record.IntentReplica != i.target().String() {
		return fmt.Errorf("an earlier run began to initialise in %s, this one would in %s", record.IntentReplica, i.target())
	}
	return nil
}

func (i initStep) initialise(ctx context.Context) error {
	hook := i.Profile.Hooks.Init
	result, err := i.exec(ctx, i.target(), hook.Command(i.host(i.target()), i.Profile.SeedPort), hook.TimeoutDuration())
	if err != nil {
		return fmt.Errorf("initialise in %s: %w", i.target(), err)
	}
	if result.ExitCode != 0 && !hook.Done(result.Stdout+result.Stderr) {
		return fmt.Errorf("initialise in %s: %s: exit %d: %s", i.target(), strings.Join(hook.Argv, " "), result.ExitCode, firstLine(result.Stderr+result.Stdout))
	}
	return i.wrote("database", "")
}

// verify reads the database's own cluster ID and records it in every cluster.
func (i initStep) verify(ctx context.Context) error {
	if i.Profile.Hooks.ClusterID == nil {
		return nil
	}
	clusterID := ""
	err := i.poll(ctx, wait{clusters: i.clusters(), deadline: i.timeout(), recheck: time.Second, holds: func(ctx context.Context, _ view) ([]string, error) {
		told, missing := i.readClusterID(ctx, i.target())
		if missing != "" {
			return []string{missing}, nil
		}
		clusterID = told
		return nil, nil
	}})
	if err != nil {
		return err
	}
	return i.record(ctx, func(d *regions.DatabaseRecord) { d.ClusterID = clusterID })
}

// exec runs a command in a replica's container, as argv, with its own deadline.
func (b stepBase) exec(ctx context.Context, id regions.ReplicaID, argv []string, timeout time.Duration) (ExecResult, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return b.Pods.Exec(ctx, id, argv)
}

// host is a replica's stable name as hooks write it.
func (b stepBase) host(id regions.ReplicaID) string {
	if host := b.Topology.HostOf(id); host != "" {
		return host
	}
	return strings.TrimSuffix(dns.ReplicaName(b.Topology, id), ".")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
