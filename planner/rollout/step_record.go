package rollout

import (
	"context"
	"errors"
	"fmt"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// recordStep puts on record which database it is, in every cluster, where no command
// initialised it: from then on another one is recognised.
type recordStep struct{ stepBase }

// hookAction is the way of a step that runs a hook of the profile.
func hookAction(base stepBase) (action, error) {
	if base.step.Payload.Hook != planner.HookClusterID || base.Profile.Hooks.ClusterID == nil {
		return nil, fmt.Errorf("step %s: profile %s has no hook %q that this quorate can run: use the version that made the plan",
			base.step.ID, base.Profile.Name, base.step.Payload.Hook)
	}
	return recordStep{base}, nil
}

func (r recordStep) satisfied(ctx context.Context) (bool, string) {
	v := observeAll(ctx, r.Observer, r.clusters())
	id, err := databaseOf(v)
	if err != nil || id == "" || v.firstError() != nil {
		return false, ""
	}
	for _, state := range v.all() {
		if state.Record.Database.ClusterID != id {
			return false, ""
		}
	}
	return true, "every cluster records database " + id
}

func (r recordStep) perform(ctx context.Context) error {
	id, seen, err := r.agreed(ctx)
	if err != nil {
		return fmt.Errorf("not recorded: %w", err)
	}
	if err := r.intend("record database "+id, seen); err != nil {
		return err
	}
	return r.record(ctx, func(d *regions.DatabaseRecord) { d.ClusterID = id })
}

// agreed waits until one replica of every cluster tells the same ID.
func (r recordStep) agreed(ctx context.Context) (id string, seen view, err error) {
	err = r.poll(ctx, wait{clusters: r.clusters(), deadline: r.timeout(), recheck: time.Second, holds: func(ctx context.Context, _ view) ([]string, error) {
		seen = observeAll(ctx, r.Observer, r.clusters())
		recorded, err := databaseOf(seen)
		if err != nil {
			return nil, err
		}
		if missing := seen.silent(r.clusters()); len(missing) > 0 {
			return missing, nil
		}
		told, missing, err := r.databaseIn(ctx, seen, recorded)
		if err == nil && told == "" && len(missing) == 0 {
			missing = []string{"a replica that serves, to tell which database it is"}
		}
		id = told
		return missing, err
	}})
	if err == nil && id == "" {
		err = errors.New("no replica told which database it is")
	}
	return id, seen, err
}

// record changes the database record in every cluster.
func (b stepBase) record(ctx context.Context, change func(*regions.DatabaseRecord)) error {
	for _, cluster := range b.clusters() {
		err := b.Records.Update(ctx, cluster, func(r *regions.Record) error {
			change(&r.Database)
			return nil
		})
		if err != nil {
			return fmt.Errorf("record the database in %s: %w", cluster, err)
		}
	}
	return nil
}
