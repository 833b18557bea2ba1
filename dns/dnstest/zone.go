// Package dnstest holds an in-memory zone and the contract that every dns.Provider passes.
package dnstest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"quorate.dev/quorate/dns"
)

// Zone is a dns.Provider in memory. Changes are conditional on what they were planned on,
// as those of a primary that takes DNS UPDATE are.
type Zone struct {
	origin string

	mu     sync.Mutex
	serial uint32
	sets   []dns.RecordSet
}

var _ dns.Provider = (*Zone)(nil)

// NewZone is a zone that holds the given sets.
func NewZone(origin string, sets ...dns.RecordSet) (*Zone, error) {
	z := &Zone{origin: dns.Canonical(origin), serial: 1}
	for _, s := range sets {
		if err := z.checkName(s.Name); err != nil {
			return nil, err
		}
	}
	var err error
	z.sets, err = dns.Apply(sets, nil)
	return z, err
}

// Caps of a zone in memory.
func (z *Zone) Caps() dns.Caps {
	return dns.Caps{Atomic: true, Prerequisites: true, SRV: true, PTR: true}
}

// Read is everything the zone holds.
func (z *Zone) Read(ctx context.Context, zone string, _ []string) (dns.Snapshot, error) {
	if err := z.check(ctx, "read", zone); err != nil {
		return dns.Snapshot{}, err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	return dns.Snapshot{Serial: z.serial, Sets: cloneSets(z.sets)}, nil
}

// Apply makes each change set true or leaves its name as it was.
func (z *Zone) Apply(ctx context.Context, zone string, sets []dns.ChangeSet) ([]dns.Result, error) {
	if err := z.check(ctx, "change", zone); err != nil {
		return nil, err
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	results := make([]dns.Result, len(sets))
	for i, set := range sets {
		results[i] = dns.Result{Name: set.Name, Err: z.applyOne(set)}
	}
	return results, nil
}

func (z *Zone) applyOne(set dns.ChangeSet) error {
	for _, c := range set.Changes {
		if !set.Belongs(c.Name) {
			return fmt.Errorf("change set of %s holds a change of %s", set.Name, c.Name)
		}
	}
	if found := z.at(set.Name); set.Fresh && len(found) > 0 {
		return &dns.ConflictError{Change: set.Changes[0], Found: found}
	}
	if err := z.checkName(set.Name); err != nil {
		return err
	}
	after, err := dns.Apply(z.sets, set.Changes)
	if err != nil {
		return err
	}
	if len(set.Changes) > 0 {
		z.sets, z.serial = after, z.serial+1
	}
	return nil
}

// at are all values at a name, of whatever type.
func (z *Zone) at(name string) []string {
	var values []string
	for _, s := range z.sets {
		if s.Name == dns.Canonical(name) {
			values = append(values, s.Values...)
		}
	}
	return values
}

func (z *Zone) check(ctx context.Context, verb, zone string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("cannot %s zone %s: %w", verb, zone, err)
	}
	if dns.Canonical(zone) != z.origin {
		return fmt.Errorf("cannot %s zone %s: only %s is here", verb, zone, z.origin)
	}
	return nil
}

func (z *Zone) checkName(name string) error {
	if err := dns.CheckName(name); err != nil {
		return err
	}
	if c := dns.Canonical(name); c != z.origin && !strings.HasSuffix(c, "."+z.origin) {
		return errors.New("name " + name + " is outside zone " + z.origin)
	}
	return nil
}

func cloneSets(sets []dns.RecordSet) []dns.RecordSet {
	sets = slices.Clone(sets)
	for i := range sets {
		sets[i].Values = slices.Clone(sets[i].Values)
	}
	return sets
}
