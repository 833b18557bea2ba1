package cli

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	gosync "sync"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
)

func (a *app) dnsApplyCommand() *cobra.Command {
	var approved bool
	var o dns.Options
	cmd := &cobra.Command{
		Use:   "apply",
		Short: "Make the zones of the primaries that are updated hold what the clusters call for, once",
		Long: "apply shows what `quorate dns plan` shows, asks for approval on a terminal (--auto-approve elsewhere), and changes\n" +
			"the zones. Every change is conditional on what was shown: what another hand changed meanwhile is left\n" +
			"alone and named, and it exits 1. Once approved it looks again; where something else would be changed by then, it\n" +
			"changes nothing and exits 1. Deletes of too many names of a cluster at once are refused, nothing is changed and it\n" +
			"exits 12. The records of a cluster that does not answer stay as they are, the rest is done, and it exits 17.",
		Example: "  quorate dns apply\n  quorate dns apply --auto-approve --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsApply(cmd.Context(), o, approved) },
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "change without asking")
	zoneFlags(cmd, &o)
	return cmd
}

func (a *app) dnsApply(ctx context.Context, o dns.Options, approved bool) error {
	if !approved && !a.inTerminal {
		return advised{invalidInput{errors.New("dns apply would ask for approval, and standard input is no terminal")}, "read `quorate dns plan`, then pass --auto-approve"}
	}
	p, err := a.publication(ctx, o)
	if err != nil {
		return err
	}
	if a.json() {
		err = view.ZonesLine(a.out, p.document())
	} else {
		view.Zones(a.out, a.style(), p.document())
	}
	if err != nil {
		return err
	}
	trouble := p.trouble()
	if is[unsafePlan](trouble) || p.changes() == 0 {
		return errors.Join(trouble, p.obstructed())
	}
	if !approved {
		if p, err = a.approve(ctx, p, o); err != nil {
			return err
		}
	}
	failed, err := a.applyZones(ctx, p)
	return errors.Join(err, failed, p.obstructed(), trouble)
}

// approve asks whether what was shown is to be done, and looks again: an address may be another pod's by the time of the answer.
func (a *app) approve(ctx context.Context, shown *publication, o dns.Options) (*publication, error) {
	if err := a.ask(ctx, "Change these zones? Only 'yes' changes them: "); err != nil {
		return nil, err
	}
	now, err := publicationNow(ctx, shown.w, shown.targets, o)
	if err != nil {
		return nil, err
	}
	if !now.changesAs(shown) {
		return nil, advised{errors.New("the clusters or the zones have changed since this was shown; nothing was written"), "run the same command again: it looks anew"}
	}
	return now, nil
}

// changesAs tells whether the two would change the same.
func (p *publication) changesAs(other *publication) bool {
	for i, plans := range p.plans {
		for j, zone := range plans {
			if !reflect.DeepEqual(zone.Sets, other.plans[i][j].Sets) {
				return false
			}
		}
	}
	return true
}

// applyZones changes the zones of all servers at once and tells what became of each name.
func (a *app) applyZones(ctx context.Context, p *publication) (failed, err error) {
	outcomes := make([][]sync.Outcome, len(p.targets))
	var group gosync.WaitGroup
	for i, t := range p.targets {
		group.Go(func() { outcomes[i] = sync.Apply(ctx, t, p.plans[i]) })
	}
	group.Wait()
	var results []view.NameResult
	wrong := 0
	for _, of := range outcomes {
		for _, o := range of {
			r := view.NameResult{Server: o.Server, Zone: o.Zone, Name: o.Name}
			if o.Err != nil {
				wrong++
				r.Error = o.Err.Error()
			}
			results = append(results, r)
		}
	}
	if a.json() {
		err = view.NameResultsLines(a.out, results)
	} else {
		view.NameResults(a.out, a.style(), results)
	}
	if wrong > 0 {
		failed = advised{fmt.Errorf("%d of %d names were not changed", wrong, len(results)), "see above why, then run the same command again: it looks anew"}
	}
	return failed, err
}

// obstructed is the error of names that cannot be published.
func (p *publication) obstructed() error {
	n := 0
	for _, plans := range p.plans {
		for _, zone := range plans {
			n += len(zone.Obstacles)
		}
	}
	if n == 0 {
		return nil
	}
	if n == 1 {
		return advised{errors.New("a name cannot be published"), "clear what stands in its way as it is said above, or pass --take-over NAME"}
	}
	return advised{fmt.Errorf("%d names cannot be published", n), "clear what stands in their way as it is said above, or pass --take-over NAME"}
}
