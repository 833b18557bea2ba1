package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hashicorp/go-multierror"
	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// Transfers say who may have the whole zone. The zero value is nobody.
type Transfers struct {
	// AllowPrefixes are the addresses of secondaries. A query that none of them holds needs a key.
	AllowPrefixes []netip.Prefix
	// Keys are those that may ask for the zone from anywhere, and that messages may be signed with.
	Keys []Key
	// NotifyTo are told of every change (RFC 1996).
	NotifyTo []NotifyTarget
}

// NotifyTarget is a secondary to be told of changes.
type NotifyTarget struct {
	Address string // host:port
	Key     string // the name of one of the keys; empty: unsigned
}

// transfers answers for whole zones (RFC 5936, RFC 1995).
type transfers struct {
	zone     *Zone
	allow    []netip.Prefix
	places   chan struct{}
	counters *transferCounters
}

func newTransfers(zone *Zone, t Transfers, most int) *transfers {
	return &transfers{zone: zone, allow: t.AllowPrefixes, places: make(chan struct{}, most), counters: &transferCounters{}}
}

// isTransfer tells whether a message asks for a zone, as far as that can be told without taking it apart.
func isTransfer(wire []byte) bool {
	qtype := questionType(wire)
	return qtype == mdns.TypeAXFR || qtype == mdns.TypeIXFR
}

// questionType is the type that a query asks for; 0 where that cannot be told.
func questionType(wire []byte) uint16 {
	if len(wire) < headerSize || wire[2]&^bitRecursionDesired != 0 {
		return 0
	}
	i := headerSize
	for i < len(wire) && wire[i] != 0 {
		if wire[i] > 63 {
			return 0
		}
		i += 1 + int(wire[i])
	}
	if i+3 > len(wire) {
		return 0
	}
	return binary.BigEndian.Uint16(wire[i+1:])
}

// allowed: by the address, or by a key.
func (t *transfers) allowed(query asked, from netip.Addr) bool {
	return query.signed.valid() ||
		query.signed.tsig == nil && slices.ContainsFunc(t.allow, func(p netip.Prefix) bool { return p.Contains(from.Unmap().WithZone("")) })
}

// single is the reply to a secondary that asks over UDP for what changed: the present SOA, by which it learns whether to come over
// TCP for the rest (RFC 1995 §2: what fits may be sent, and whatever does not becomes the SOA alone). It is refused as over TCP.
func (t *transfers) single(dst []byte, a *answerer, query asked, from netip.Addr) []byte {
	s := t.zone.current.Load()
	reply := t.refusal(s, query, from)
	if reply != nil {
		t.counters.refused.Add(1)
	} else {
		reply = new(mdns.Msg).SetReply(query.Msg)
		if acceptEDNS(query.Msg, reply) {
			reply.Authoritative, reply.Compress, reply.Answer = true, true, []mdns.RR{s.soa(apexTTL)}
		}
	}
	return a.send(dst, query, reply, UDP)
}

// answer sends the zone, or why not. An error means that the connection is of no use any more.
func (t *transfers) answer(a *answerer, query asked, from netip.Addr, write func([]byte) error) error {
	s := t.zone.current.Load()
	if reply := t.refusal(s, query, from); reply != nil {
		t.counters.refused.Add(1)
		return write(a.send(nil, query, reply, TCP))
	}
	select {
	case t.places <- struct{}{}:
		defer func() { <-t.places }()
	default:
		t.counters.refused.Add(1)
		return write(a.send(nil, query, new(mdns.Msg).SetRcode(query.Msg, mdns.RcodeServerFailure), TCP))
	}
	sequence, incremental := s.whole(), false
	if since, ok := serialOf(query); ok {
		sequence, incremental = t.zone.since(s, since)
	}
	err := sendAll(query, sequence, write)
	if err == nil {
		a.counters.answered(TCP, query.qtype(), mdns.RcodeSuccess)
		t.counters.sent(incremental)
		a.log.Info("zone transferred", "to", from, "serial", s.serial, "incremental", incremental)
	}
	return err
}

// refusal is the reply where the zone is not sent; nil where it is. A zone of which a cluster was never read is not:
// a secondary would take what is missing for what does not exist.
func (t *transfers) refusal(s *snapshot, query asked, from netip.Addr) *mdns.Msg {
	if reply := query.signed.refusal(query.Msg); reply != nil {
		return reply
	}
	rcode := mdns.RcodeSuccess
	switch {
	case len(query.Question) != 1, !query.saysWhatItHas():
		rcode = mdns.RcodeFormatError
	case query.Question[0].Qclass != mdns.ClassINET || !t.allowed(query, from):
		rcode = mdns.RcodeRefused
	case !s.isApex(query.Question[0].Name):
		rcode = mdns.RcodeNotAuth
	case !s.complete():
		rcode = mdns.RcodeServerFailure
	default:
		return nil
	}
	return new(mdns.Msg).SetRcode(query.Msg, rcode)
}

// isApex tells whether a name in presentation form is the zone's own.
func (s *snapshot) isApex(name string) bool {
	wire, ok := appendName(nil, name)
	return ok && string(lower(wire)) == string(s.apex)
}

// saysWhatItHas tells of a question for what changed whether it has the SOA of the zone that is held (RFC 1995 §3).
func (q asked) saysWhatItHas() bool {
	_, ok := serialOf(q)
	return ok || q.qtype() != mdns.TypeIXFR
}

// serialOf is what the secondary has, where it asks for what changed since (RFC 1995 §3).
func serialOf(query asked) (uint32, bool) {
	if query.qtype() != mdns.TypeIXFR || len(query.Ns) == 0 {
		return 0, false
	}
	soa, ok := query.Ns[0].(*mdns.SOA)
	if !ok {
		return 0, false
	}
	return soa.Serial, true
}

// messageSize is how much of a transfer goes into one message, before names are shortened: well below 64 KiB with a
// signature, and within the reach of the pointers that shorten them for the most part.
const messageSize = 32 << 10

// errTooLarge is for a record that fits into no message: it cannot be made of valid values.
var errTooLarge = errors.New("a record is larger than a message")

// sendAll sends records in as many messages as they take, each signed where the query was.
func sendAll(query asked, records func(yield func(mdns.RR) bool), write func([]byte) error) error {
	m := transferMessage{query: query, write: write}
	for rr := range records {
		if m.err = m.add(rr); m.err != nil {
			return m.err
		}
	}
	return m.flush()
}

// transferMessage is the message being filled.
type transferMessage struct {
	query  asked
	write  func([]byte) error
	rrs    []mdns.RR
	size   int
	before string // the signature of the message before
	later  bool   // one was sent
	err    error
}

func (m *transferMessage) add(rr mdns.RR) error {
	size := mdns.Len(rr)
	if size > messageSize {
		return errTooLarge
	}
	if m.size+size > messageSize {
		if err := m.flush(); err != nil {
			return err
		}
	}
	m.rrs, m.size = append(m.rrs, rr), m.size+size
	return nil
}

// flush sends what was added. The question stands in the first message alone (RFC 5936 §2.2.1).
func (m *transferMessage) flush() error {
	if len(m.rrs) == 0 {
		return nil
	}
	reply := new(mdns.Msg).SetReply(m.query.Msg)
	reply.Authoritative, reply.Compress, reply.Answer = true, true, m.rrs
	if m.later {
		reply.Question = nil
	} else if m.query.IsEdns0() != nil {
		reply.SetEdns0(udpSize, false)
	}
	wire, mac, err := m.query.signed.packNext(reply, m.before, m.later)
	if err != nil {
		return err
	}
	m.rrs, m.size, m.before, m.later = m.rrs[:0], 0, mac, true
	return m.write(wire)
}

// check tells everything that is wrong.
func (t Transfers) check() error {
	var problems *multierror.Error
	ring, err := newKeyring(t.Keys)
	if err != nil {
		problems = multierror.Append(problems, err)
	}
	for _, target := range t.NotifyTo {
		if _, err := netip.ParseAddrPort(target.Address); err != nil {
			problems = multierror.Append(problems, fmt.Errorf("name server: secondary %q: address:port is wanted, such as 10.0.0.53:53: %w", target.Address, err))
		}
		if _, known := ring[dns.Canonical(target.Key)]; target.Key != "" && !known {
			problems = multierror.Append(problems, fmt.Errorf("name server: secondary %s: there is no key %q", target.Address, target.Key))
		}
	}
	return problems.ErrorOrNil()
}
