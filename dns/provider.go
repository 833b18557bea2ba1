package dns

import (
	"context"
	"slices"
	"strings"
)

// Provider is a zone that can be read and changed: an existing primary, a cloud's
// zone, a file. Every implementation passes the contract in dns/dnstest.
type Provider interface {
	// Caps tells what the provider can do; it needs no connection.
	Caps() Caps
	// Read is the whole zone or an error, never a part of it by mistake. A provider that may not read a zone whole
	// asks for the names that the caller cares for (with their ownership, and whatever stands in their way) and
	// says so in Snapshot.Blind. DNSSEC's own records (RFC 4034, RFC 5155) are left out: the server makes them.
	Read(ctx context.Context, zone string, names []string) (Snapshot, error)
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
	// Blind says what could not be seen where the zone was not read whole; empty where it was.
	Blind string
}

// ChangeSet is everything that changes at one owner name; it is never split, so that a
// name's A, AAAA and ownership records cannot part.
type ChangeSet struct {
	Name string // canonical
	// Changes are of sets of the name itself and of its OwnerName, sorted by name and type.
	Changes []Change
	// Fresh: the zone held no record at all at the name. A publisher refuses the set with a
	// *ConflictError where it holds one by now (RFC 2136 §2.4.5).
	Fresh bool
}

// Result is what became of one change set; Err is a *ConflictError where the zone
// no longer held what the change was planned on.
type Result struct {
	Name string
	Err  error
}

// ChangeSets groups changes by owner name, that of an ownership record with the name it is about; sets and the
// changes of each are sorted by name and type.
func ChangeSets(changes []Change) []ChangeSet {
	changes = slices.Clone(changes)
	for i := range changes {
		changes[i].Name = Canonical(changes[i].Name)
	}
	sortChanges(changes)
	var sets []ChangeSet
	at := map[string]int{}
	for _, c := range changes {
		name := baseName(c.Name)
		i, ok := at[name]
		if !ok {
			i = len(sets)
			at[name] = i
			sets = append(sets, ChangeSet{Name: name})
		}
		sets[i].Changes = append(sets[i].Changes, c)
	}
	slices.SortFunc(sets, func(a, b ChangeSet) int { return strings.Compare(a.Name, b.Name) })
	return sets
}

// baseName is the name itself, or of an ownership record the name that it is about.
func baseName(name string) string {
	if base, ok := ownedName(name); ok {
		return base
	}
	return Canonical(name)
}

// Belongs tells whether a change of the given owner name may be part of the change set.
func (s ChangeSet) Belongs(name string) bool { return baseName(name) == Canonical(s.Name) }
