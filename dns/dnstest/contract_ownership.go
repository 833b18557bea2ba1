package dnstest

import (
	"slices"
	"testing"

	"quorate.dev/quorate/dns"
)

// all is what the zone holds of the types that quorate makes, and of aliases.
func all(t *testing.T, p dns.Provider) dns.Snapshot {
	t.Helper()
	snapshot, err := p.Read(t.Context(), Origin, names())
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

// holds fails unless the zone has exactly these values at the name and type.
func holds(t *testing.T, p dns.Provider, name string, rrtype dns.Type, want ...string) {
	t.Helper()
	var got []string
	for _, s := range all(t, p).Sets {
		if s.Name == name+"."+Origin && s.Type == rrtype {
			got = s.Values
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s %s holds %q, want %q", name, rrtype, got, want)
	}
}

// otherTypes: SRV and PTR sets are written and read back as they are, names in lower case.
func otherTypes(t *testing.T, p dns.Provider) {
	if caps := p.Caps(); caps.SRV {
		first, second := "0 100 26257 a."+Origin, "0 100 26257 b."+Origin
		srv := dns.Change{Action: dns.Create, Name: "_sql._tcp." + Origin, Type: dns.TypeSRV, After: []string{first, second}, TTL: 30}
		mustApply(t, p, srv)
		holds(t, p, "_sql._tcp", dns.TypeSRV, first, second)
		srv.Action, srv.Before, srv.After = dns.Update, srv.After, srv.After[:1]
		mustApply(t, p, srv)
		holds(t, p, "_sql._tcp", dns.TypeSRV, first)
	}
	if caps := p.Caps(); caps.PTR {
		mustApply(t, p, dns.Change{Action: dns.Create, Name: "4.1.10." + Origin, Type: dns.TypePTR, After: []string{"a." + Origin}, TTL: 10})
		holds(t, p, "4.1.10", dns.TypePTR, "a."+Origin)
	}
}

// owned is a change of an address together with the change of its ownership record.
func owned(action dns.Action, before, after string) []dns.Change {
	text := func(address string) []string {
		if address == "" {
			return nil
		}
		return []string{dns.Ownership{Deployment: "bank", Cluster: "use1", Hash: dns.HashSets([]dns.RecordSet{a("a", address)})}.Text()}
	}
	value := func(address string) []string {
		if address == "" {
			return nil
		}
		return []string{address}
	}
	ttl := 10
	if action == dns.Delete {
		ttl = 0
	}
	return []dns.Change{
		{Action: action, Name: "a." + Origin, Type: dns.TypeA, Before: value(before), After: value(after), TTL: ttl},
		{Action: action, Name: dns.OwnerName("a." + Origin), Type: dns.TypeTXT, Before: text(before), After: text(after), TTL: ttl},
	}
}

// ownershipGoesAlong: a name's records and its ownership change together or not at all.
func ownershipGoesAlong(t *testing.T, p dns.Provider) {
	mustApply(t, p, owned(dns.Create, "", "10.0.0.1")...)
	mustApply(t, p, owned(dns.Update, "10.0.0.1", "10.0.0.2")...)
	expect(t, p, a("a", "10.0.0.2"))
	if p.Caps().Prerequisites {
		// The address is as planned, its ownership is not: somebody else wrote in between.
		stale := owned(dns.Update, "10.0.0.2", "10.0.0.3")
		stale[1].Before = owned(dns.Create, "", "10.0.0.9")[1].After
		if r := apply(t, p, stale...); !isConflict(r[0].Err) {
			t.Errorf("an update under another's ownership: got %v, want a ConflictError", r[0].Err)
		}
		expect(t, p, a("a", "10.0.0.2"))
	}
	mustApply(t, p, owned(dns.Delete, "10.0.0.2", "")...)
	expect(t, p)
	holds(t, p, "_owner.a", dns.TypeTXT)
}

// freshIsRefused: a name planned as new is not written where anything stands by now, of whatever type.
func freshIsRefused(t *testing.T, p dns.Provider) {
	if !p.Caps().Prerequisites {
		return
	}
	mustApply(t, p, dns.Change{Action: dns.Create, Name: "a." + Origin, Type: dns.TypeAAAA, After: []string{"fd00::1"}, TTL: 10})
	sets := dns.ChangeSets([]dns.Change{create("a", "10.0.0.1")})
	sets[0].Fresh = true
	results, err := p.Apply(t.Context(), Origin, sets)
	if err != nil {
		t.Fatal(err)
	}
	if !isConflict(results[0].Err) {
		t.Errorf("creating a name that is taken: got %v, want a ConflictError", results[0].Err)
	}
	expect(t, p, dns.RecordSet{Name: "a." + Origin, Type: dns.TypeAAAA, TTL: 10, Values: []string{"fd00::1"}})
}

// reconciles: what dns.Reconcile plans ends in what is wanted, and then there is nothing left to do.
func reconciles(t *testing.T, p dns.Provider) {
	wanted := dns.Wanted{Deployment: "bank", Zone: Origin, Places: []string{"use1"}}
	for _, sets := range [][]dns.RecordSet{
		{a("a", "10.0.0.1"), a("b", "10.0.0.2", "10.0.0.3")},
		{a("a", "10.0.0.9"), a("b", "10.0.0.2")},
		{a("b", "10.0.0.2")},
	} {
		for i := range sets {
			sets[i].Cluster = "use1"
		}
		wanted.Sets = sets
		plan, err := dns.Reconcile(wanted, all(t, p), dns.Options{})
		if err != nil {
			t.Fatal(err)
		}
		results, err := p.Apply(t.Context(), Origin, plan.Sets)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Errorf("%s: %v", r.Name, r.Err)
			}
		}
		expect(t, p, sets...)
		if again, err := dns.Reconcile(wanted, all(t, p), dns.Options{}); err != nil || len(again.Sets) > 0 || len(again.Edited) > 0 {
			t.Errorf("after the changes were made there are more: %v, %v, %v", again.Sets, again.Edited, err)
		}
	}
}
