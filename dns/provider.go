package dns

import (
	"context"
	"slices"
)

// Provider is a zone that can be read and changed: an existing primary, a cloud's
// zone, a file. Every implementation passes the contract in dns/dnstest.
type Provider interface {
	// Caps tells what the provider can do; it needs no connection.
	Caps() Caps
	// Read is the whole zone or an error, never a part of it.
	Read(ctx context.Context, zone string) (Snapshot, error)
	// Apply makes change sets true, each on its own: one result for every set, in
	// their order. An error means that nothing is known of any of them: read again.
	Apply(ctx context.Context, zone string, sets []ChangeSet) ([]Result, error)
}

// Caps are a provider's abilities.
type Caps struct {
	Atomic        bool // a change set happens whole or not at all
	Prerequisites bool // a change whose Before no longer holds is refused
	SRV           bool
	PTR           bool
	MaxBytes      int // of one message; 0: no limit
}

// Snapshot is what a zone held at one moment.
type Snapshot struct {
	Serial uint32 // of the SOA, serial number arithmetic (RFC 1982)
	Sets   []RecordSet
}

// ChangeSet is everything that changes at one owner name; it is never split, so that a
// name's A, AAAA and ownership records cannot part.
type ChangeSet struct {
	Name    string
	Changes []Change
}

// Result is what became of one change set; Err is a *ConflictError where the zone
// no longer held what the change was planned on.
type Result struct {
	Name string
	Err  error
}

// ChangeSets groups changes by owner name, sorted by name and type.
func ChangeSets(changes []Change) []ChangeSet {
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].Name = Canonical(changes[i].Name)
	}
	sortChanges(changes)
	var sets []ChangeSet
	for _, c := range changes {
		if len(sets) == 0 || sets[len(sets)-1].Name != c.Name {
			sets = append(sets, ChangeSet{Name: c.Name})
		}
		last := &sets[len(sets)-1]
		last.Changes = append(last.Changes, c)
	}
	return sets
}
