package rollout

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/regions"
)

// markUnverified puts on record, before anything healthy is taken down or added, that this
// run owes a look at the database: should it end in between, with every replica as
// wanted, the next plan would find nothing to do.
func (x *execution) markUnverified(ctx context.Context) error {
	if !x.owesLook() {
		return nil
	}
	return x.recordAll(ctx, "unverified", "record that the database is to be looked at after this run's changes",
		func(d *regions.DatabaseRecord) bool { return d.Unverified == "" }, x.Run)
}

// owesLook: the run changes replicas of a database that holds data, and makes sure of it after each.
func (x *execution) owesLook() bool {
	changes := slices.ContainsFunc(x.plan.Steps, func(s planner.Step) bool { return s.Disruptive() || s.Kind == planner.KindScale })
	looks := slices.ContainsFunc(x.plan.Steps, func(s planner.Step) bool { return s.Kind == planner.KindProbe || s.Kind == planner.KindSoak })
	return x.plan.Promise.InForce && changes && looks
}

// markVerified ends what an earlier run or this one owed: every step is true, the looks
// at the database among them.
func (x *execution) markVerified(ctx context.Context) error {
	looks := slices.ContainsFunc(x.plan.Steps, func(s planner.Step) bool { return s.Kind == planner.KindProbe || s.Kind == planner.KindSoak })
	if !x.plan.Promise.InForce || !looks {
		return nil
	}
	return x.recordAll(ctx, "verified", "record that the database was looked at",
		func(d *regions.DatabaseRecord) bool { return d.Unverified != "" }, "")
}

// recordAll sets Unverified in every cluster where it is to be set, all at once.
func (x *execution) recordAll(ctx context.Context, step, detail string, due func(*regions.DatabaseRecord) bool, run string) error {
	if err := x.Journal.Append(journal.Entry{Event: journal.StepIntended, Step: step, Detail: detail}); err != nil {
		return err
	}
	var group errgroup.Group
	group.SetLimit(applyParallel)
	for _, cluster := range x.clusters() {
		group.Go(func() error {
			err := x.Records.Update(ctx, cluster, func(r *regions.Record) error {
				if due(&r.Database) {
					r.Database.Unverified = run
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("%s in %s (apply again does it): %w", detail, cluster, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return x.Journal.Append(journal.Entry{Event: journal.StepDone, Step: step})
}
