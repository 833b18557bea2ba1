package dns

import (
	"cmp"
	"slices"
	"strings"
)

// Action is what a change does to a record set.
type Action string

// The actions of a Change.
const (
	Create Action = "create"
	Update Action = "update"
	Delete Action = "delete"
)

// Change is one difference between the desired records and a zone: the whole
// set of one name and type, before and after.
type Change struct {
	Action Action   `json:"action"`
	Name   string   `json:"name"` // absolute, lower case, with the final dot
	Type   Type     `json:"type"`
	Before []string `json:"before,omitempty"` // values seen in the zone, sorted: the precondition of the change
	After  []string `json:"after,omitempty"`  // values wanted, sorted
	TTL    int      `json:"ttl,omitempty"`    // seconds, of the set afterwards; 0 for a delete
	// Cluster is whose truth the set is, empty for a set that spans clusters.
	Cluster string `json:"cluster,omitempty"`
}

// setKey identifies a record set; Name is canonical.
type setKey struct {
	Name string
	Type Type
}

func (k setKey) compare(other setKey) int {
	return cmp.Or(strings.Compare(k.Name, other.Name), cmp.Compare(k.Type, other.Type))
}

// Diff are the changes that turn the actual sets of a zone into the desired ones,
// sorted by name and type. Sets are compared without regard to letter case of names or the order of values.
//
// A name that holds records in the zone, and of which owned says no, is foreign:
// nothing of it is ever changed, even where it is desired (see Foreign). A nil owned
// owns everything.
func Diff(desired, actual []RecordSet, owned func(name string) bool) []Change {
	want, have := index(desired), index(actual)
	foreign := foreignNames(have, owned)
	var changes []Change
	for key, set := range want {
		old, exists := have[key]
		if foreign[key.Name] || exists && old.TTL == set.TTL && slices.Equal(old.Values, set.Values) {
			continue
		}
		c := Change{Action: Create, Name: key.Name, Type: key.Type, After: set.Values, TTL: set.TTL, Cluster: set.Cluster}
		if exists {
			c.Action, c.Before = Update, old.Values
		}
		changes = append(changes, c)
	}
	for key, old := range have {
		if _, keep := want[key]; keep || foreign[key.Name] {
			continue
		}
		changes = append(changes, Change{Action: Delete, Name: key.Name, Type: key.Type, Before: old.Values, Cluster: old.Cluster})
	}
	sortChanges(changes)
	return changes
}

// Foreign are the desired names that somebody else's records stand in the way of, sorted.
func Foreign(desired, actual []RecordSet, owned func(name string) bool) []string {
	foreign := foreignNames(index(actual), owned)
	var names []string
	for key := range index(desired) {
		if foreign[key.Name] {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func foreignNames(have map[setKey]RecordSet, owned func(string) bool) map[string]bool {
	foreign := map[string]bool{}
	for key := range have {
		if owned != nil && !owned(key.Name) {
			foreign[key.Name] = true
		}
	}
	return foreign
}

// index normalises sets and joins those of one name and type: the values together, the
// shorter TTL (RFC 2181 §5.2 wants one TTL a set). A set without values is none.
func index(sets []RecordSet) map[setKey]RecordSet {
	byKey := map[setKey]RecordSet{}
	for _, s := range sets {
		if len(s.Values) == 0 {
			continue
		}
		key := setKey{Canonical(s.Name), Type(strings.ToUpper(string(s.Type)))}
		values := s.Values
		if other, ok := byKey[key]; ok {
			values = slices.Concat(other.Values, s.Values)
			s.TTL = min(s.TTL, other.TTL)
			if s.Cluster != other.Cluster {
				s.Cluster = ""
			}
		}
		s.Name, s.Type, s.Values = key.Name, key.Type, normalValues(key.Type, values)
		byKey[key] = s
	}
	return byKey
}

// sorted are the sets of an index by name and type.
func sorted(byKey map[setKey]RecordSet) []RecordSet {
	sets := make([]RecordSet, 0, len(byKey))
	for _, s := range byKey {
		sets = append(sets, s)
	}
	slices.SortFunc(sets, func(a, b RecordSet) int {
		return setKey{a.Name, a.Type}.compare(setKey{b.Name, b.Type})
	})
	return sets
}

func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int {
		return setKey{a.Name, a.Type}.compare(setKey{b.Name, b.Type})
	})
}
