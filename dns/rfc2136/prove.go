package rfc2136

import (
	"context"
	"errors"
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
		missing := it.missing(held)
		if missing != nil && w.isSynthesized(ctx, missing) {
			missing = nil
		}
		w.settle(it.at, missing)
	}
}

// isSynthesized tells whether a name seems to be there still, since a wildcard above it answers in its place (RFC 4592).
func (w *writer) isSynthesized(ctx context.Context, err error) bool {
	missing, ok := errors.AsType[*NotHeldError](err)
	if !ok || len(missing.Want) > 0 || len(missing.Found) == 0 {
		return false
	}
	var questions []mdns.Question
	code, _ := typeCode(dns.Type(missing.Type))
	for above := parent(missing.Name); within(w.zone, above); above = parent(above) {
		questions = append(questions, mdns.Question{Name: "*." + above, Qtype: code, Qclass: mdns.ClassINET})
		if above == w.zone {
			break
		}
	}
	held, err := w.holds(ctx, questions)
	if err != nil {
		return false
	}
	for _, q := range questions {
		if slices.Equal(held.values(q.Name, dns.Type(missing.Type)), missing.Found) {
			return true
		}
	}
	return false
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
		held.at(set.Name).sets[setKey{set.Name, set.Type}] = &snapshot.Sets[i]
	}
	return held, nil
}
