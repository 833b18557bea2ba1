package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	mdns "github.com/miekg/dns"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/dns"
)

// underWay is how many messages are on their way at once, over the one connection.
const underWay = 8

// Apply makes each change set true or leaves its name as it was, and asks for it afterwards. Of each, Err is
//
//   - a *dns.ConflictError where the zone no longer held what the change was planned on,
//   - a *NotHeldError where the server accepted the change and yet does not hold it,
//   - an *OutcomeError where no reply came: it may have happened,
//   - a *RcodeError where the server refused it, or what else kept it from being sent.
//
// An error of the whole is one of the key, the zone or the connection; then nothing is known of any change set.
func (p *Publisher) Apply(ctx context.Context, zone string, sets []dns.ChangeSet) ([]dns.Result, error) {
	zone, err := p.zone("change", zone)
	if err != nil {
		return nil, err
	}
	if len(sets) == 0 {
		return nil, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("changing zone %s: %w", zone, context.Cause(ctx))
	}
	w := &writer{session: p.session(zone, p.cfg.Key), results: make([]dns.Result, len(sets)), items: make([]*item, len(sets)), settled: map[int]bool{}}
	defer w.close()
	if _, err := w.connect(ctx); err != nil {
		return nil, fmt.Errorf("nothing was changed in zone %s: %w", zone, err)
	}
	return w.outcome(w.write(ctx, sets))
}

// writer is one call of Apply.
type writer struct {
	*session
	results []dns.Result
	items   []*item // by their place in the call; nil: not sendable

	mu       sync.Mutex
	known    *bool        // whether the server knows the key; nil: it was not asked
	settled  map[int]bool // the places of change sets of which the outcome is known
	accepted []*item      // what the server said NOERROR to, and was not proven yet
}

// write sends change sets as they are encoded, and proves them.
func (w *writer) write(ctx context.Context, sets []dns.ChangeSet) error {
	empty := emptySize(w.zone)
	p := packer{empty: empty, limit: w.room(MaxMessage), size: empty, names: map[string]int{}}
	err := w.wave(ctx, &p, func() {
		for i, set := range sets {
			if w.encode(i, set, empty); w.items[i] != nil {
				p.add(w.items[i])
			}
		}
	})
	for again := p.waiting(); err == nil && len(again) > 0; again = p.waiting() {
		err = w.wave(ctx, &p, func() {
			for _, it := range again {
				p.add(it)
			}
		})
	}
	return err
}

// wave carries out what feed adds to the packer, several messages at once.
func (w *writer) wave(ctx context.Context, p *packer, feed func()) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(underWay)
	p.send = func(batch []*item) {
		group.Go(func() error { return w.carryOut(groupCtx, batch) })
	}
	feed()
	p.flush()
	err := group.Wait()
	w.prove(ctx)
	return err
}

// encode makes an item of a change set that needs to be sent and can be.
func (w *writer) encode(i int, set dns.ChangeSet, empty int) {
	w.results[i].Name = set.Name
	it, err := encode(w.zone, i, set)
	switch limit := w.room(maxWire); {
	case err != nil:
		w.settle(i, err)
	case len(it.changes) == 0:
		w.settle(i, nil)
	case it.size+empty > limit:
		w.settle(i, fmt.Errorf("the change set of %s takes %d bytes, and no message can have more than %d: let fewer replicas share this name", set.Name, it.size+empty, limit))
	default:
		w.items[i] = it
	}
}

// room is what a message may have before it is signed.
func (w *writer) room(limit int) int { return limit - tsigRoom(w.key) }

func (w *writer) settle(at int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.results[at].Err = err
	w.settled[at] = true
}

// outcome is how a call ends: with an error where it could not go on and nothing was done.
func (w *writer) outcome(err error) ([]dns.Result, error) {
	if err == nil {
		return w.results, nil
	}
	done := slices.ContainsFunc(w.items, func(it *item) bool { return it != nil && w.settled[it.at] && w.results[it.at].Err == nil })
	if !done {
		return nil, err
	}
	for i, it := range w.items {
		switch {
		case w.settled[i]:
		case it != nil && it.unknown:
			w.results[i].Err = &OutcomeError{Err: err}
		default:
			w.results[i].Err = err
		}
	}
	return w.results, nil
}

// carryOut sends change sets as one message until the outcome of each is known. Its error is one that
// holds for all there are.
func (w *writer) carryOut(ctx context.Context, items []*item) error {
	for attempt := 1; len(items) > 0; attempt++ {
		rcode, err := w.update(ctx, items)
		switch {
		case err != nil && (!passing(err) || ctx.Err() != nil):
			return err
		case err == nil && rcode == mdns.RcodeSuccess:
			w.accept(items)
			return nil
		case err == nil && rcode != mdns.RcodeServerFailure:
			return w.explain(ctx, items, rcode)
		case attempt >= w.p.cfg.Attempts:
			return w.giveUp(ctx, items, rcode, err)
		}
		w.p.cfg.Log.WarnContext(ctx, "an update is sent again", "server", w.p.cfg.Server, "zone", w.zone,
			"names", len(items), "attempt", attempt, "rcode", rcodeName(rcode), "err", err)
		if err := w.p.pause(ctx, attempt); err != nil {
			return err
		}
		if items, err = w.notYetTrue(ctx, items); err != nil {
			return err
		}
	}
	return nil
}

// update sends one message and gives the rcode of its reply. Its error is that there is none, or one that holds for all there are.
func (w *writer) update(ctx context.Context, items []*item) (int, error) {
	l, requests, err := w.send(ctx, []*mdns.Msg{message(w.zone, items)})
	var reply *mdns.Msg
	if err == nil {
		reply, err = w.receive(ctx, l, requests[0])
	}
	// A server may fail after it has written, too.
	unknown := errors.Is(err, errLost) || reply != nil && reply.Rcode == mdns.RcodeServerFailure
	for _, it := range items {
		it.unknown = unknown
		it.lost = it.lost || unknown
	}
	if sig, ok := errors.AsType[*TSIGError](err); ok && sig.Code == mdns.RcodeBadKey && w.isKeyKnown(ctx) {
		return mdns.RcodeBadKey, nil
	}
	if err != nil {
		return mdns.RcodeSuccess, err
	}
	return reply.Rcode, w.verdict(ctx, reply)
}

// verdict is an error where a reply is about the zone or the key, and not about what was to be changed.
func (w *writer) verdict(ctx context.Context, reply *mdns.Msg) error {
	switch reply.Rcode {
	case mdns.RcodeNotImplemented:
		return w.rcodeError("update", reply.Rcode, false)
	case mdns.RcodeNotAuth:
		return w.rcodeError("update", reply.Rcode, w.isUnsigned(reply) && !w.isKeyKnown(ctx))
	case mdns.RcodeRefused:
		if w.isUnsigned(reply) && !w.isKeyKnown(ctx) {
			return w.rcodeError("update", reply.Rcode, true)
		}
	}
	return nil
}

// isKeyKnown tells whether the server answers queries that are signed with the key. Knot DNS says BADKEY also where its
// ACL does not allow a known key to change one of the names of a message; PowerDNS says an unsigned REFUSED for whatever it does not like of a key.
func (w *writer) isKeyKnown(ctx context.Context) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil {
		_, err := w.askOnce(ctx, []mdns.Question{{Name: w.zone, Qtype: mdns.TypeSOA, Qclass: mdns.ClassINET}})
		known := err == nil
		w.known = &known
	}
	return *w.known
}

// giveUp ends what was tried often enough: where the server fails with several change sets, it
// may yet take each alone.
func (w *writer) giveUp(ctx context.Context, items []*item, rcode int, err error) error {
	if err == nil && len(items) > 1 {
		return w.alone(ctx, items)
	}
	for _, it := range items {
		switch {
		case err == nil:
			w.settle(it.at, w.rcodeError("update", rcode, false))
		case it.unknown:
			w.settle(it.at, &OutcomeError{Err: err})
		default:
			w.settle(it.at, err)
		}
	}
	return nil
}

// alone sends each change set in a message of its own, once.
func (w *writer) alone(ctx context.Context, items []*item) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(underWay)
	for _, it := range items {
		group.Go(func() error {
			rcode, err := w.update(ctx, []*item{it})
			switch {
			case err != nil && !passing(err):
				return err
			case err != nil || rcode == mdns.RcodeServerFailure:
				return w.giveUp(ctx, []*item{it}, rcode, err)
			case rcode == mdns.RcodeSuccess:
				w.accept([]*item{it})
				return nil
			}
			return w.explain(ctx, []*item{it}, rcode)
		})
	}
	return group.Wait()
}
