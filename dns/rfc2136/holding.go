package rfc2136

import (
	"context"
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// holds is what the server answers.
func (w *writer) holds(ctx context.Context, questions []mdns.Question) (holding, error) {
	replies, err := w.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	held := holding{}
	for i, reply := range replies {
		held.add(questions[i].Name, reply)
	}
	return held, nil
}

// holding is what a server holds at names.
type holding map[string]*place

// place is one name.
type place struct {
	sets sets
	away []string // where the server does not speak for the name: the delegation that it tells of, if any
}

func (h holding) at(name string) *place {
	if h[name] == nil {
		h[name] = &place{sets: sets{}}
	}
	return h[name]
}

// add takes up an answer. One without authority is a referral (RFC 1034 §4.3.2), or proves nothing.
func (h holding) add(name string, reply *mdns.Msg) {
	p := h.at(dns.Canonical(name))
	if !reply.Authoritative {
		p.away = []string{"no authority"}
		for _, rr := range reply.Ns {
			if rr.Header().Rrtype == mdns.TypeNS {
				p.away = []string{fmt.Sprintf("a delegation of %s to %s", rr.Header().Name, valueOf(rr))}
			}
		}
		return
	}
	for _, rr := range reply.Answer {
		if sameName(rr.Header().Name, name) {
			p.sets.add(rr)
		}
	}
}

// values are those of a set, sorted, each once; several questions may have told of it.
func (h holding) values(name string, rtype dns.Type) []string {
	set := h.at(name).sets[setKey{name, rtype}]
	if set == nil {
		return nil
	}
	values := slices.Clone(set.Values)
	slices.Sort(values)
	return slices.Compact(values)
}

// instead is what is where a set should be: its values, an alias, a delegation.
func (h holding) instead(c dns.Change) []string {
	if away := h.at(c.Name).away; away != nil {
		return away
	}
	if alias := h.values(c.Name, dns.TypeCNAME); len(alias) > 0 && c.Type != dns.TypeCNAME {
		return typed(dns.TypeCNAME, alias)
	}
	return h.values(c.Name, c.Type)
}

// missing is the first change that is not true.
func (it *item) missing(held holding) error {
	for _, c := range it.changes {
		found := held.instead(c)
		if len(c.After) == 0 && held.at(c.Name).away == nil {
			found = held.values(c.Name, c.Type)
		}
		if !slices.Equal(found, c.After) {
			return &NotHeldError{Name: c.Name, Type: string(c.Type), Want: c.After, Found: found}
		}
		if len(found) == 0 {
			continue
		}
		if ttl := held.at(c.Name).sets[setKey{c.Name, c.Type}].TTL; ttl != c.TTL {
			return fmt.Errorf("%s %s: the server said NOERROR, but holds it with a TTL of %d s instead of %d s: does it limit TTLs?", c.Name, c.Type, ttl, c.TTL)
		}
	}
	return nil
}

// conflict is the first change that the zone is no longer as it was planned on.
func (it *item) conflict(held holding) *dns.ConflictError {
	for _, c := range it.changes {
		if found := held.instead(c); !slices.Equal(found, c.Before) {
			return &dns.ConflictError{Change: c, Found: found}
		}
	}
	if it.fresh {
		for _, set := range held.at(it.name).sets.list() {
			return &dns.ConflictError{Change: it.changes[0], Found: typed(set.Type, set.Values)}
		}
	}
	return nil
}

func typed(rtype dns.Type, values []string) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(rtype) + " " + v
	}
	return texts
}
