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
	case len(items) == 1 && rcode == mdns.RcodeBadKey:
		w.settle(items[0].at, &TSIGError{Server: w.p.cfg.Server, Key: w.key.Name, Code: rcode, Known: true})
		return nil
	case len(items) == 1:
		w.settle(items[0].at, w.rcodeError("update", rcode, false))
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

// lookup asks for every set that the change sets are about, and for whatever is at fresh names.
func (w *writer) lookup(ctx context.Context, items []*item) (holding, error) {
	questions := questionsOf(items)
	for _, it := range items {
		if it.fresh {
			questions = append(questions, mdns.Question{Name: it.name, Qtype: mdns.TypeANY, Qclass: mdns.ClassINET})
		}
	}
	return w.holds(ctx, questions)
}

func questionsOf(items []*item) []mdns.Question {
	var questions []mdns.Question
	for _, it := range items {
		for _, c := range it.changes {
			code, _ := typeCode(c.Type)
			questions = append(questions, mdns.Question{Name: c.Name, Qtype: code, Qclass: mdns.ClassINET})
		}
	}
	return questions
}
