package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// Read is the whole zone by a transfer. Where the server refuses that, it is asked for names, their ownership
// records, and for what may stand in their way: aliases, wildcards and delegations above them. Snapshot.Blind then tells
// what that cannot show. What a wildcard answers for a name is told as the name's own, beside the wildcard: queries do not tell them apart.
func (p *Publisher) Read(ctx context.Context, zone string, names []string) (dns.Snapshot, error) {
	zone, err := p.zone("read", zone)
	if err != nil {
		return dns.Snapshot{}, err
	}
	if ctx.Err() != nil {
		return dns.Snapshot{}, fmt.Errorf("reading zone %s: %w", zone, context.Cause(ctx))
	}
	var refused error
	if !p.cfg.Blind {
		var snapshot dns.Snapshot
		if snapshot, err = p.transfer(ctx, zone); err == nil || !isRefusal(err) {
			return snapshot, err
		}
		refused = err
	}
	snapshot, err := p.query(ctx, zone, names)
	switch {
	case err != nil && refused != nil && !isKeyTrouble(err):
		return dns.Snapshot{}, fmt.Errorf("%w; and asking for each name fails too: %w", refused, err)
	case err != nil:
		return dns.Snapshot{}, err
	case refused != nil:
		snapshot.Blind += " (" + p.refusal(refused).Error() + ")"
	}
	return snapshot, nil
}

// isKeyTrouble tells an error of queries that tells why a transfer was refused, too.
func isKeyTrouble(err error) bool {
	rcode, ok := errors.AsType[*RcodeError](err)
	_, signature := errors.AsType[*TSIGError](err)
	return ok && rcode.Unsigned || signature
}

// refusal is why a transfer was refused by a server that answers queries: then it takes the key's signatures.
func (p *Publisher) refusal(err error) error {
	if p.cfg.Transfer.Name != p.cfg.Key.Name {
		return err
	}
	if rcode, ok := errors.AsType[*RcodeError](err); ok {
		rcode.Unsigned = false
	}
	if sig, ok := errors.AsType[*TSIGError](err); ok {
		sig.Known = true
	}
	return err
}

// isRefusal tells whether a server just does not allow a transfer. Knot DNS says BADKEY where an ACL does not
// allow a key that it knows.
func isRefusal(err error) bool {
	if rcode, ok := errors.AsType[*RcodeError](err); ok {
		return rcode.Rcode == mdns.RcodeRefused || rcode.Rcode == mdns.RcodeNotAuth
	}
	sig, ok := errors.AsType[*TSIGError](err)
	return ok && sig.Code == mdns.RcodeBadKey
}

// rereadings is how often names are asked for again, where the zone changes meanwhile.
const rereadings = 3

func (p *Publisher) query(ctx context.Context, zone string, names []string) (dns.Snapshot, error) {
	key := p.cfg.Key // it selects the view that will be written to
	if key.IsZero() {
		key = p.cfg.Transfer
	}
	r := &asker{session: p.session(zone, key)}
	defer r.close()
	before, err := r.soa(ctx)
	if err != nil {
		return dns.Snapshot{}, err
	}
	blind := fmt.Sprintf("zone %s was not read whole, but by %d names: names that nobody asks for any more do not show and stay in the zone", zone, len(names))
	for try := 1; ; try++ {
		found, err := r.read(ctx, names)
		if err != nil {
			return dns.Snapshot{}, err
		}
		after, err := r.soa(ctx)
		if err != nil {
			return dns.Snapshot{}, err
		}
		found.add(before) // whoever plans must know where the zone begins, to tell its own NS from a delegation
		snapshot := dns.Snapshot{Serial: before.Serial, Sets: found.list(), Blind: blind}
		switch {
		case before.Serial == after.Serial:
			return snapshot, nil
		case try == rereadings:
			snapshot.Blind += "; it changed while it was asked"
			return snapshot, nil
		}
		before = after
	}
}

// asker reads a zone by queries.
type asker struct{ *session }

func (r *asker) soa(ctx context.Context) (*mdns.SOA, error) {
	replies, err := r.ask(ctx, []mdns.Question{{Name: r.zone, Qtype: mdns.TypeSOA, Qclass: mdns.ClassINET}})
	if err != nil {
		return nil, err
	}
	for _, rr := range replies[0].Answer {
		if soa, ok := rr.(*mdns.SOA); ok && replies[0].Authoritative && sameName(soa.Hdr.Name, r.zone) {
			return soa, nil
		}
	}
	return nil, fmt.Errorf("server %s does not speak for zone %s with authority: name the zone's primary, and the zone as it is there", r.p.cfg.Server, r.zone)
}

// read asks for all that may matter to the names.
func (r *asker) read(ctx context.Context, names []string) (sets, error) {
	questions := r.questions(names)
	replies, err := r.ask(ctx, questions)
	if err != nil {
		return nil, err
	}
	found := map[string]mdns.RR{}
	for i, reply := range replies {
		if err := r.add(found, questions[i].Name, reply); err != nil {
			return nil, err
		}
	}
	all := sets{}
	for _, rr := range found {
		all.add(rr)
	}
	return all, nil
}

// add takes up what an answer tells: records of the name itself, a DNAME above it, or the delegation
// that it is below of (RFC 1034 §4.3.2).
func (r *asker) add(found map[string]mdns.RR, name string, reply *mdns.Msg) error {
	if !reply.Authoritative {
		cut := false
		for _, rr := range reply.Ns {
			if rr.Header().Rrtype == mdns.TypeNS && within(r.zone, rr.Header().Name) {
				found[rr.String()], cut = rr, true
			}
		}
		if !cut {
			return fmt.Errorf("server %s answers for %s without authority: name the zone's primary", r.p.cfg.Server, name)
		}
		return nil
	}
	redirected := false
	for _, rr := range reply.Answer {
		if rr.Header().Rrtype == mdns.TypeDNAME && !sameName(rr.Header().Name, name) {
			found[rr.String()], redirected = rr, true
		}
	}
	for _, rr := range reply.Answer {
		if sameName(rr.Header().Name, name) && !redirected {
			found[rr.String()] = rr
		}
	}
	return nil
}

// questions are, sorted and each once: every type that we write, at the names and at their ownership records; the
// wildcards that could answer for them; delegations and redirections above them.
func (r *asker) questions(names []string) []mdns.Question {
	seen := map[mdns.Question]bool{}
	add := func(name string, types ...uint16) {
		for _, t := range types {
			seen[mdns.Question{Name: name, Qtype: t, Qclass: mdns.ClassINET}] = true
		}
	}
	for _, name := range names {
		name = dns.Canonical(name)
		if !within(r.zone, name) {
			continue
		}
		add(name, mdns.TypeA, mdns.TypeAAAA, mdns.TypeSRV, mdns.TypePTR, mdns.TypeTXT, mdns.TypeNS, mdns.TypeANY)
		add(dns.Canonical(dns.OwnerName(name)), mdns.TypeTXT)
		for above := parent(name); name != r.zone && within(r.zone, above); above = parent(above) {
			add("*."+above, mdns.TypeA, mdns.TypeAAAA, mdns.TypeTXT, mdns.TypeANY)
			if above == r.zone {
				break
			}
			add(above, mdns.TypeNS, mdns.TypeDNAME)
		}
	}
	questions := make([]mdns.Question, 0, len(seen))
	for q := range seen {
		questions = append(questions, q)
	}
	slices.SortFunc(questions, func(a, b mdns.Question) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return int(a.Qtype) - int(b.Qtype)
	})
	return questions
}

func parent(name string) string {
	next, end := mdns.NextLabel(name, 0)
	if end {
		return "."
	}
	return name[next:]
}
