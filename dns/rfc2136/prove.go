package rfc2136

import (
	"context"
	"fmt"
	"slices"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// accept notes change sets that the server accepted; they are proven later, all together.
func (w *writer) accept(items []*item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.accepted = append(w.accepted, items...)
}

// prove asks for what was accepted: NOERROR alone proves nothing.
func (w *writer) prove(ctx context.Context) {
	items := w.accepted
	w.accepted = nil
	if len(items) == 0 {
		return
	}
	questions := questionsOf(items)
	held, err := w.heldByTransfer(ctx, len(questions))
	if held == nil || err != nil {
		held, err = w.holds(ctx, questions)
	}
	for _, it := range items {
		if err != nil {
			w.settle(it.at, fmt.Errorf("the server said NOERROR, but could not be asked afterwards: %w", err))
			continue
		}
		w.settle(it.at, it.missing(held))
	}
}

// A transfer proves what many questions would, where there are at least these many, and the zone
// has not much more records: a record of a transfer costs a server a fraction of what an answer does.
const (
	transferFrom  = 128
	transferRatio = 8
)

// heldByTransfer is what the zone holds, nil where a transfer would take longer than queries, or the zone was never transferred.
func (w *writer) heldByTransfer(ctx context.Context, questions int) (holding, error) {
	size := w.p.transferred(w.zone)
	if w.p.cfg.Blind || questions < transferFrom || size == 0 || size > transferRatio*questions {
		return nil, nil
	}
	snapshot, err := w.p.transfer(ctx, w.zone)
	if err != nil {
		return nil, err
	}
	held := holding{}
	for i, set := range snapshot.Sets {
		if held[set.Name] == nil {
			held[set.Name] = sets{}
		}
		held[set.Name][setKey{set.Name, set.Type}] = &snapshot.Sets[i]
	}
	return held, nil
}

// holds is what the server answers.
func (w *writer) holds(ctx context.Context, questions []mdns.Question) (holding, error) {
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
	if c.Type == dns.TypeCNAME {
		return nil
	}
	return typed(dns.TypeCNAME, h.values(c.Name, dns.TypeCNAME))
}

func typed(rtype dns.Type, values []string) []string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(rtype) + " " + v
	}
	return texts
}
