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

// owesLook: the run changes replicas of a database that holds data, and makes sure of them
// after each: that it serves, and whatever gates and soaks there are.
func (x *execution) owesLook() bool {
	return x.plan.Promise.InForce && slices.ContainsFunc(x.plan.Steps, changesReplicas)
}

func changesReplicas(s planner.Step) bool { return s.Disruptive() || s.Kind == planner.KindScale }

// looks: the step makes sure of replicas that nothing of this plan has to change.
func looks(s planner.Step) bool {
	return s.Kind == planner.KindProbe || s.Kind == planner.KindSoak || s.Kind == planner.KindWait
}

// markVerified ends what an earlier run or this one owed: every step is true, the looks
// at the database among them.
func (x *execution) markVerified(ctx context.Context) error {
	if !x.owesLook() && !(x.plan.Promise.InForce && slices.ContainsFunc(x.plan.Steps, looks)) {
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
