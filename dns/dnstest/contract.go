package dnstest

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
)

// Origin is the zone in which the contract works.
const Origin = "contract.example.com."

// Contract checks what every provider must keep. Open returns a provider of an empty zone
// named Origin, new for each call; it registers its own cleanup. What a
// provider says it cannot do (dns.Caps) is not asked of it.
func Contract(t *testing.T, open func(t *testing.T) dns.Provider) {
	t.Helper()
	tests := map[string]func(*testing.T, dns.Provider){
		"converges in one pass":            converges,
		"letter case makes no difference":  foldsCase,
		"refuses what moved":               refusesWhatMoved,
		"a name changes whole or not":      atomicName,
		"a conflict stops nothing else":    conflictsAreAlone,
		"other zones are errors":           otherZones,
		"an ended context changes nothing": endedContext,
		"the serial moves with changes":    serialMoves,
		"services and pointers":            otherTypes,
		"ownership goes with its name":     ownershipGoesAlong,
		"a name that is taken stays":       freshIsRefused,
		"what was reconciled is true":      reconciles,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func a(name string, values ...string) dns.RecordSet {
	return dns.RecordSet{Name: name + "." + Origin, Type: dns.TypeA, TTL: 10, Values: values}
}

func create(name string, values ...string) dns.Change {
	return dns.Change{Action: dns.Create, Name: name + "." + Origin, Type: dns.TypeA, After: values, TTL: 10}
}

// names are those that the contract writes; a provider that cannot read a zone whole asks for them.
func names() []string {
	out := []string{Origin}
	for _, label := range []string{"a", "b", "c", "_sql._tcp", "4.1.10"} {
		out = append(out, label+"."+Origin)
	}
	return out
}

// read is the zone's addresses; a provider may hold more, such as its SOA.
func read(t *testing.T, p dns.Provider) dns.Snapshot {
	t.Helper()
	snapshot, err := p.Read(t.Context(), Origin, names())
	if err != nil {
		t.Fatal(err)
	}
	var sets []dns.RecordSet
	for _, s := range snapshot.Sets {
		if s.Type == dns.TypeA || s.Type == dns.TypeAAAA {
			s.Cluster = "" // no zone stores it
			sets = append(sets, s)
		}
	}
	snapshot.Sets = sets
	return snapshot
}

func apply(t *testing.T, p dns.Provider, changes ...dns.Change) []dns.Result {
	t.Helper()
	sets := dns.ChangeSets(changes)
	results, err := p.Apply(t.Context(), Origin, sets)
	if err != nil {
		t.Fatal(err)
	}
	if len(results) != len(sets) {
		t.Fatalf("%d results for %d change sets", len(results), len(sets))
	}
	for i, r := range results {
		if r.Name != sets[i].Name {
			t.Fatalf("result %d is of %s, want %s", i, r.Name, sets[i].Name)
		}
	}
	return results
}

func mustApply(t *testing.T, p dns.Provider, changes ...dns.Change) {
	t.Helper()
	for _, r := range apply(t, p, changes...) {
		if r.Err != nil {
			t.Fatalf("%s: %v", r.Name, r.Err)
		}
	}
}

func expect(t *testing.T, p dns.Provider, want ...dns.RecordSet) {
	t.Helper()
	got := read(t, p).Sets
	if changes := dns.Diff(want, got, nil); len(changes) > 0 {
		t.Errorf("the zone holds %v, want %v: it differs by %v", got, want, changes)
	}
}

func isConflict(err error) bool {
	var conflict *dns.ConflictError
	return errors.As(err, &conflict)
}

// converges: creating, changing and deleting end in what was desired.
func converges(t *testing.T, p dns.Provider) {
	six := dns.RecordSet{Name: "b." + Origin, Type: dns.TypeAAAA, TTL: 10, Values: []string{"fd00::1"}}
	for _, desired := range [][]dns.RecordSet{
		{a("a", "10.0.0.1", "10.0.0.2"), a("b", "10.0.0.3"), six},
		{a("a", "10.0.0.2"), six, a("c", "10.0.0.4")},
		{},
	} {
		mustApply(t, p, dns.Diff(desired, read(t, p).Sets, nil)...)
		expect(t, p, desired...)
	}
}

// foldsCase: a name written in another case is the same name (RFC 4343).
func foldsCase(t *testing.T, p dns.Provider) {
	c := create("a", "10.0.0.1")
	c.Name = "A." + strings.ToUpper(Origin)
	mustApply(t, p, c)
	expect(t, p, a("a", "10.0.0.1"))
	for _, s := range read(t, p).Sets {
		if s.Name != dns.Canonical(s.Name) {
			t.Errorf("%s is not in lower case with a final dot", s.Name)
		}
	}
}

func refusesWhatMoved(t *testing.T, p dns.Provider) {
	if !p.Caps().Prerequisites {
		return
	}
	mustApply(t, p, create("a", "10.0.0.1"))
	stale := dns.Change{Name: "a." + Origin, Type: dns.TypeA, Before: []string{"10.0.0.9"}, After: []string{"10.0.0.2"}, TTL: 10}
	for _, action := range []dns.Action{dns.Create, dns.Update, dns.Delete} {
		c := stale
		c.Action = action
		if action == dns.Create {
			c.Before = nil
		}
		if action == dns.Delete {
			c.After, c.TTL = nil, 0
		}
		if r := apply(t, p, c); !isConflict(r[0].Err) {
			t.Errorf("%s of a set that moved: got %v, want a ConflictError", action, r[0].Err)
		}
	}
	expect(t, p, a("a", "10.0.0.1"))
}

// atomicName: where one change of a name conflicts, none of that name is made.
func atomicName(t *testing.T, p dns.Provider) {
	if caps := p.Caps(); !caps.Atomic || !caps.Prerequisites {
		return
	}
	mustApply(t, p, create("a", "10.0.0.1"))
	six := dns.Change{Action: dns.Create, Name: "a." + Origin, Type: dns.TypeAAAA, After: []string{"fd00::1"}, TTL: 10}
	if r := apply(t, p, create("a", "10.0.0.2"), six); !isConflict(r[0].Err) {
		t.Errorf("got %v, want a ConflictError", r[0].Err)
	}
	expect(t, p, a("a", "10.0.0.1"))
}

func conflictsAreAlone(t *testing.T, p dns.Provider) {
	if !p.Caps().Prerequisites {
		return
	}
	mustApply(t, p, create("b", "10.0.0.1"))
	results := apply(t, p, create("a", "10.0.0.2"), create("b", "10.0.0.3"), create("c", "10.0.0.4"))
	if results[0].Err != nil || !isConflict(results[1].Err) || results[2].Err != nil {
		t.Errorf("results are %v, want a conflict of b alone", results)
	}
	expect(t, p, a("a", "10.0.0.2"), a("b", "10.0.0.1"), a("c", "10.0.0.4"))
}

func otherZones(t *testing.T, p dns.Provider) {
	const other = "other.example.net."
	if _, err := p.Read(t.Context(), other, nil); err == nil {
		t.Error("a zone that is not there was read")
	}
	changes := dns.ChangeSets([]dns.Change{{Action: dns.Create, Name: "a." + other, Type: dns.TypeA, After: []string{"10.0.0.1"}, TTL: 10}})
	if _, err := p.Apply(t.Context(), other, changes); err == nil {
		t.Error("a zone that is not there was changed")
	}
	results, err := p.Apply(t.Context(), Origin, changes)
	if err == nil && results[0].Err == nil {
		t.Error("a name outside the zone was accepted")
	}
	expect(t, p)
}

func endedContext(t *testing.T, p dns.Provider) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Read(ctx, Origin, names()); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: got %v, want context.Canceled", err)
	}
	if _, err := p.Apply(ctx, Origin, dns.ChangeSets([]dns.Change{create("a", "10.0.0.1")})); !errors.Is(err, context.Canceled) {
		t.Errorf("Apply: got %v, want context.Canceled", err)
	}
	expect(t, p)
}

func serialMoves(t *testing.T, p dns.Provider) {
	before := read(t, p)
	if again := read(t, p); !reflect.DeepEqual(before, again) {
		t.Errorf("two readings without a change differ: %v, %v", before, again)
	}
	mustApply(t, p, create("a", "10.0.0.1"))
	// Serial number arithmetic, RFC 1982; how far it moves is the server's own matter.
	if moved := read(t, p).Serial - before.Serial; moved == 0 || moved >= 1<<31 {
		t.Errorf("the serial moved by %d from %d", moved, before.Serial)
	}
}
