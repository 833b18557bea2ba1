package cli

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/planner"
)

// zoneOptions are what dns plan and dns apply may be allowed beyond the policies.
type zoneOptions struct {
	detailed bool
	options  dns.Options
}

func (a *app) dnsPlanCommand() *cobra.Command {
	var o zoneOptions
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Show what would change in the zones of the primaries that are updated",
		Long: "plan reads the clusters and the zones of every rfc2136 publisher of the topology, and prints what would be\n" +
			"created, updated and deleted there, what stands in the way, and what another hand has changed. It changes nothing.\n" +
			"The records of a cluster that does not answer stay as they are; it then exits 17. It exits 12 where deletes are\n" +
			"refused, and 1 where a zone cannot be read or a name cannot be published, as `quorate dns apply` would.",
		Example: "  quorate dns plan\n  quorate dns plan --detailed-exitcode --output json  # 0: nothing to do, 2: changes",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsPlan(cmd.Context(), o) },
	}
	cmd.Flags().BoolVar(&o.detailed, "detailed-exitcode", false, "exit 2 when there are changes, 0 when there are none")
	zoneFlags(cmd, &o.options)
	return cmd
}

// zoneFlags are those of plan and of apply.
func zoneFlags(cmd *cobra.Command, o *dns.Options) {
	cmd.Flags().BoolVar(&o.LiftDeleteCap, "allow-deletes", false, fmt.Sprintf("delete more than %d %% of the names of a cluster", dns.DeleteCapPercent))
	cmd.Flags().StringArrayVar(&o.TakeOver, "take-over", nil, "overwrite the records of somebody else at this `name` (repeatable)")
	cmd.Flags().StringArrayVar(&o.Forget, "forget", nil, "delete the names of this `place`, a region or cluster that the topology has no more, or a zone that it had before (repeatable)")
}

// publication is what is to be changed in the zones, and from what it follows.
type publication struct {
	w        *wired
	targets  []sync.Target
	observed []planner.Observation
	plans    [][]sync.ZonePlan // by target
}

func (a *app) dnsPlan(ctx context.Context, o zoneOptions) error {
	p, err := a.publication(ctx, o.options)
	if err != nil {
		return err
	}
	if a.json() {
		err = view.ZonesJSON(a.out, p.document())
	} else {
		view.Zones(a.out, a.style(), p.document())
	}
	if err := errors.Join(err, p.trouble(), p.obstructed()); err != nil {
		return err
	}
	if o.detailed && p.changes() > 0 {
		return pendingChanges{}
	}
	return nil
}

// publication reads clusters and zones. What is wrong with a zone is part of it.
func (a *app) publication(ctx context.Context, o dns.Options) (*publication, error) {
	w, targets, err := a.readyToPublish(ctx)
	if err != nil {
		return nil, err
	}
	patiently(targets, w.narration)
	return publicationNow(ctx, w, targets, o)
}

// publicationNow looks at clusters and zones as they are at this moment.
func publicationNow(ctx context.Context, w *wired, targets []sync.Target, o dns.Options) (*publication, error) {
	p := &publication{w: w, targets: targets, plans: make([][]sync.ZonePlan, len(targets))}
	var err error
	if p.observed, err = w.observe(ctx, false); err != nil {
		return nil, err
	}
	wanted, err := w.wantedNow(ctx, p.observed)
	if err != nil {
		return nil, err
	}
	var group gosync.WaitGroup
	for i, t := range targets {
		group.Go(func() { p.plans[i] = sync.Plan(ctx, t, wanted, o) })
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p, nil
}

// readyToPublish loads the deployment, makes its clients and reads the keys, without speaking to anything.
func (a *app) readyToPublish(ctx context.Context) (*wired, []sync.Target, error) {
	w, err := a.ready(ctx)
	if err != nil {
		return nil, nil, err
	}
	targets, err := w.targets(a.env)
	if err != nil {
		return nil, nil, err
	}
	if len(targets) == 0 {
		return nil, nil, advised{
			invalidInput{fmt.Errorf("%s names no primary to be updated", w.file)},
			"write spec.dns.publish: [{rfc2136: {…}}]; without one, `quorate dns serve` answers for the zone itself",
		}
	}
	return w, targets, nil
}

func (p *publication) changes() int {
	n := 0
	for _, plans := range p.plans {
		for _, zone := range plans {
			if zone.Err == nil {
				n += len(zone.Sets)
			}
		}
	}
	return n
}

// document is what is printed of it.
func (p *publication) document() view.ZonesDocument {
	doc := view.ZonesDocument{Deployment: p.w.topology.Metadata.Name, Unread: map[string]string{}}
	for _, o := range p.observed {
		if o.Unreachable != "" {
			doc.Unread[o.Cluster] = o.Unreachable
		}
	}
	for _, plans := range p.plans {
		for _, zone := range plans {
			z := view.ZoneChanges{
				Server: zone.Server, Zone: zone.Zone, Serial: zone.Serial, Blind: zone.Blind,
				Changes: zone.Changes(), Obstacles: zone.Obstacles, Edited: zone.Edited, Kept: zone.Kept, Ownership: ownershipOnly(zone.Sets),
			}
			if zone.Err != nil {
				z.Changes, z.Ownership, z.Error = nil, 0, zone.Err.Error()
			}
			doc.Zones = append(doc.Zones, z)
		}
	}
	return doc
}

// ownershipOnly counts the names of which nothing but the ownership record changes.
func ownershipOnly(sets []dns.ChangeSet) int {
	n := 0
	for _, s := range sets {
		if len((dns.Reconciliation{Sets: []dns.ChangeSet{s}}).Changes()) == 0 {
			n++
		}
	}
	return n
}

// shown is an error of which everything was printed already.
type shown struct {
	error
	text string
}

// Error is what is left to be said.
func (e shown) Error() string { return e.text }

// Unwrap is the error itself.
func (e shown) Unwrap() error { return e.error }

// trouble is why not everything is known or may be changed, the most telling exit code first: refused deletes,
// servers, clusters.
func (p *publication) trouble() error {
	var refused, failed []error
	for _, plans := range p.plans {
		for _, zone := range plans {
			switch {
			case zone.Refused():
				refused = append(refused, zone.Err)
			case zone.Err != nil:
				failed = append(failed, zone.Err)
			}
		}
	}
	if len(refused) > 0 {
		return advised{unsafePlan{shown{errors.Join(append(refused, failed...)...), "deletes are refused, see the zones above"}}, "see that topology and clusters are the right ones; --allow-deletes lifts the cap"}
	}
	if len(failed) > 0 {
		return advised{shown{errors.Join(failed...), "not every zone could be read or planned, see above"}, "mend what is said of it above, then run the same command again"}
	}
	return silence(p.observed)
}
