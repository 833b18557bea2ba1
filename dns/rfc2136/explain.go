package rfc2136

import (
	"context"
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// explain finds the change sets that a message was refused for, so that the others are not kept back.
func (w *writer) explain(ctx context.Context, items []*item, rcode int) error {
	conflict := rcode == mdns.RcodeYXDomain || rcode == mdns.RcodeYXRrset || rcode == mdns.RcodeNXRrset
	switch {
	case len(items) == 1 && conflict:
		return w.conflict(ctx, items[0], rcode)
	case len(items) == 1:
		w.settle(items[0].at, w.rcodeError("update", rcode))
		return nil
	case !conflict:
		return w.halves(ctx, items)
	}
	held, err := w.lookup(ctx, items)
	if err != nil {
		return err
	}
	var suspects, others []*item
	for _, it := range items {
		if it.conflict(held) != nil {
			suspects = append(suspects, it)
		} else {
			others = append(others, it)
		}
	}
	if len(suspects) == 0 { // what stands in the way does not show by queries
		return w.halves(ctx, items)
	}
	if err := w.alone(ctx, suspects); err != nil { // the server's word counts, not ours
		return err
	}
	return w.carryOut(ctx, others)
}

func (w *writer) halves(ctx context.Context, items []*item) error {
	middle := len(items) / 2
	if err := w.carryOut(ctx, items[:middle]); err != nil {
		return err
	}
	return w.carryOut(ctx, items[middle:])
}

// conflict tells what the zone holds instead, unless it is what an earlier attempt of ours, whose
// reply was lost, has made true.
func (w *writer) conflict(ctx context.Context, it *item, rcode int) error {
	held, err := w.lookup(ctx, []*item{it})
	if err != nil {
		return err
	}
	if it.lost && it.missing(held) == nil {
		w.settle(it.at, nil)
		return nil
	}
	found := it.conflict(held)
	if found == nil {
		found = &dns.ConflictError{Change: it.changes[0], Found: []string{"something that queries do not show"}}
	}
	w.settle(it.at, fmt.Errorf("%s: %w", rcodeName(rcode), found))
	return nil
}

// notYetTrue are the change sets that an attempt without reply did not make true.
func (w *writer) notYetTrue(ctx context.Context, items []*item) ([]*item, error) {
	if !slices.ContainsFunc(items, func(it *item) bool { return it.unknown }) {
		return items, nil
	}
	held, err := w.lookup(ctx, items)
	if err != nil {
		return nil, err
	}
	var left []*item
	for _, it := range items {
		if it.unknown && it.missing(held) == nil {
			w.settle(it.at, nil)
			continue
		}
		left = append(left, it)
	}
	return left, nil
}

// prove asks for what a message changed: NOERROR alone proves nothing.
func (w *writer) prove(ctx context.Context, items []*item) error {
	held, err := w.lookup(ctx, items)
	if err != nil && ctx.Err() != nil {
		return err
	}
	for _, it := range items {
		switch {
		case err != nil:
			w.settle(it.at, fmt.Errorf("the server said NOERROR, but could not be asked afterwards: %w", err))
		default:
			w.settle(it.at, it.missing(held))
		}
	}
	return nil
}

// lookup asks for every set that the change sets are about, and for whatever is at fresh names.
func (w *writer) lookup(ctx context.Context, items []*item) (holding, error) {
	var questions []mdns.Question
	for _, it := range items {
		for _, c := range it.changes {
			code, _ := typeCode(c.Type)
			questions = append(questions, mdns.Question{Name: c.Name, Qtype: code, Qclass: mdns.ClassINET})
		}
		if it.fresh {
			questions = append(questions, mdns.Question{Name: it.name, Qtype: mdns.TypeANY, Qclass: mdns.ClassINET})
		}
	}
	replies, err := w.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	held := holding{}
	for i, reply := range replies {
		if err := held.add(w.session, questions[i].Name, reply); err != nil {
			return nil, err
		}
	}
	return held, nil
}

// holding is what a server holds at names: for each name its sets.
type holding map[string]sets

func (h holding) add(s *session, name string, reply *mdns.Msg) error {
	if !reply.Authoritative {
		return fmt.Errorf("server %s answers for %s without authority: it is not the primary of that name (below a delegation, or another server)", s.p.cfg.Server, name)
	}
	name = dns.Canonical(name)
	if h[name] == nil {
		h[name] = sets{}
	}
	for _, rr := range reply.Answer {
		if sameName(rr.Header().Name, name) {
			h[name].add(rr)
		}
	}
	return nil
}

// values are those of a set, sorted, each once; several questions may have told of it.
func (h holding) values(name string, rtype dns.Type) []string {
	set := h[name][setKey{name, rtype}]
	if set == nil {
		return nil
	}
	values := slices.Clone(set.Values)
	slices.Sort(values)
	return slices.Compact(values)
}

// missing is the first change that is not true.
func (it *item) missing(held holding) error {
	for _, c := range it.changes {
		found := held.values(c.Name, c.Type)
		set := held[c.Name][setKey{c.Name, c.Type}]
		if cname := held.alias(c); len(cname) > 0 && len(c.After) > 0 {
			return &NotHeldError{Name: c.Name, Type: string(c.Type), Want: c.After, Found: cname}
		}
		if !slices.Equal(found, c.After) {
			return &NotHeldError{Name: c.Name, Type: string(c.Type), Want: c.After, Found: found}
		}
		if len(found) > 0 && set.TTL != c.TTL {
			return fmt.Errorf("%s %s: the server said NOERROR, but holds it with a TTL of %d s instead of %d s: does it limit TTLs?", c.Name, c.Type, set.TTL, c.TTL)
		}
	}
	return nil
}

// conflict is the first change that the zone is no longer as it was planned on.
func (it *item) conflict(held holding) *dns.ConflictError {
	for _, c := range it.changes {
		found := held.values(c.Name, c.Type)
		if len(found) == 0 {
			found = held.alias(c)
		}
		if !slices.Equal(found, c.Before) {
			return &dns.ConflictError{Change: c, Found: found}
		}
	}
	if it.fresh {
		for _, set := range held[it.name].list() {
			return &dns.ConflictError{Change: it.changes[0], Found: typed(set.Type, set.Values)}
		}
	}
	return nil
}

// alias is the CNAME that stands where another set should.
func (h holding) alias(c dns.Change) []string {
	if c.Type == dns.Type("CNAME") {
		return nil
	}
	return typed("CNAME", h.values(c.Name, "CNAME"))
}

func typed(rtype dns.Type, values []string) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(rtype) + " " + v
	}
	return texts
}
