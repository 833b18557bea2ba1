package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"quorate.dev/quorate/dns"
)

// Target is one server that takes the records.
type Target struct {
	Server   string   // host:port, to be named to people
	Zone     string   // on the server: the topology's, or a parent of it
	Reverse  []string // reverse zones on the same server
	Provider dns.Provider
}

// Zones are the target's zones, canonical: that of the names first.
func (t Target) Zones() []string {
	out := []string{dns.Canonical(t.Zone)}
	for _, zone := range t.Reverse {
		out = append(out, dns.Canonical(zone))
	}
	return out
}

// wanted is what each of the target's zones should hold.
func (t Target) wanted(w dns.Wanted) map[string]dns.Wanted {
	out := w.InReverse(t.Reverse)
	out[dns.Canonical(t.Zone)] = w
	return out
}

// ZonePlan is what is to be changed in one zone.
type ZonePlan struct {
	Server string
	Zone   string // canonical
	Serial uint32
	Blind  string // what could not be seen of the zone; empty: it was read whole
	dns.Reconciliation
	// Err is why nothing is known or nothing may be changed; each *dns.DeleteCapError can be found in it.
	Err error
}

// Refused tells whether deletes were refused by their cap, so that nothing of the zone is changed.
func (p ZonePlan) Refused() bool {
	_, capped := errors.AsType[*dns.DeleteCapError](p.Err)
	return capped
}

// Plan reads every zone of the target and says what is to be changed there, in the order of Zones. What became of one
// zone says nothing of the others.
func Plan(ctx context.Context, t Target, w dns.Wanted, o dns.Options) []ZonePlan {
	wanted := t.wanted(w)
	plans := make([]ZonePlan, 0, len(wanted))
	for _, zone := range t.Zones() {
		actual, err := t.Provider.Read(ctx, zone, wanted[zone].OwnerNames())
		if err != nil {
			plans = append(plans, ZonePlan{Server: t.Server, Zone: zone, Err: fmt.Errorf("read zone %s at %s: %w", zone, t.Server, err)})
			continue
		}
		plans = append(plans, planZone(t.Server, zone, wanted[zone], actual, o))
	}
	return plans
}

func planZone(server, zone string, w dns.Wanted, actual dns.Snapshot, o dns.Options) ZonePlan {
	p := ZonePlan{Server: server, Zone: zone, Serial: actual.Serial, Blind: actual.Blind}
	if p.Reconciliation, p.Err = dns.Reconcile(w, actual, o); p.Err != nil {
		p.Err = fmt.Errorf("zone %s at %s: %w", zone, server, p.Err)
	}
	return p
}

// Outcome is what became of one name's changes.
type Outcome struct {
	Server, Zone, Name string
	Changes            []dns.Change // of the name and of its ownership record
	Err                error        // nil: they are true; a *dns.ConflictError where another hand was there first
}

// Apply makes the plans of one target true, those with an error aside. An address that is gone loses its
// PTR record before its name loses it, and a new one has its name first, so that no PTR record ever
// points to a name that does not point back.
func Apply(ctx context.Context, t Target, plans []ZonePlan) []Outcome {
	forward := dns.Canonical(t.Zone)
	var out []Outcome
	pass := func(chosen func(p ZonePlan, s dns.ChangeSet) bool) {
		for _, p := range plans {
			if p.Err != nil {
				continue
			}
			sets := slices.DeleteFunc(slices.Clone(p.Sets), func(s dns.ChangeSet) bool { return !chosen(p, s) })
			out = append(out, applyZone(ctx, t, p.Zone, sets)...)
		}
	}
	pass(func(p ZonePlan, s dns.ChangeSet) bool { return p.Zone != forward && deletes(s) })
	pass(func(p ZonePlan, _ dns.ChangeSet) bool { return p.Zone == forward })
	pass(func(p ZonePlan, s dns.ChangeSet) bool { return p.Zone != forward && !deletes(s) })
	return out
}

func applyZone(ctx context.Context, t Target, zone string, sets []dns.ChangeSet) []Outcome {
	out := make([]Outcome, len(sets))
	for i, s := range sets {
		out[i] = Outcome{Server: t.Server, Zone: zone, Name: s.Name, Changes: s.Changes}
	}
	if len(sets) == 0 {
		return nil
	}
	results, err := t.Provider.Apply(ctx, zone, sets)
	if err == nil && len(results) != len(sets) {
		err = fmt.Errorf("%d results for %d names", len(results), len(sets))
	}
	for i := range out {
		switch {
		case err != nil:
			out[i].Err = fmt.Errorf("change zone %s at %s: %w", zone, t.Server, err)
		default:
			out[i].Err = results[i].Err
		}
	}
	return out
}

// deletes tells a change set after which the name holds nothing.
func deletes(s dns.ChangeSet) bool {
	return !slices.ContainsFunc(s.Changes, func(c dns.Change) bool { return c.Action != dns.Delete })
}
