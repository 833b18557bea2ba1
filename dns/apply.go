package dns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// ConflictError says that a zone no longer holds what a change was planned
// on: somebody else wrote in between. Read the zone again and plan again.
type ConflictError struct {
	Change Change
	Found  []string // values in the zone, sorted; empty where the set does not exist
}

// Error names the set, what was expected and what was found.
func (e *ConflictError) Error() string {
	return fmt.Sprintf("%s %s %s: the zone holds %s where the change was planned on %s; read the zone again and plan anew",
		e.Change.Action, e.Change.Name, e.Change.Type, listed(e.Found), listed(e.Change.Before))
}

func listed(values []string) string {
	if len(values) == 0 {
		return "nothing"
	}
	return strings.Join(values, ", ")
}

// Apply are the sets after the changes, sorted by name and type. Every change is
// conditional on its Before, as RFC 2136 §2.4 makes it: where any does not hold, all such
// conflicts are returned together (each a *ConflictError) and nothing is changed.
func Apply(sets []RecordSet, changes []Change) ([]RecordSet, error) {
	byKey := index(sets)
	var conflicts *multierror.Error
	for _, c := range changes {
		if err := applyOne(byKey, c); err != nil {
			conflicts = multierror.Append(conflicts, err)
		}
	}
	if err := conflicts.ErrorOrNil(); err != nil {
		return nil, err
	}
	return sorted(byKey), nil
}

func applyOne(byKey map[setKey]RecordSet, c Change) error {
	key := setKey{Canonical(c.Name), c.Type}
	found := byKey[key].Values
	if !slices.Equal(found, normalValues(c.Type, c.Before)) || (c.Action == Create) != (len(found) == 0) {
		return &ConflictError{Change: c, Found: found}
	}
	delete(byKey, key)
	if c.Action != Delete && len(c.After) > 0 {
		byKey[key] = RecordSet{Name: key.Name, Type: key.Type, TTL: c.TTL, Values: normalValues(c.Type, c.After), Cluster: c.Cluster}
	}
	return nil
}
