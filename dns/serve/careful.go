package serve

import (
	"log/slog"

	mdns "github.com/miekg/dns"
)

// answerer turns the octets of queries into those of replies; each reader of queries has its own.
type answerer struct {
	zone     *Zone
	keys     keyring
	counters *counters
	log      *slog.Logger
	q        plainQuery
}

// reply appends the reply to a query; nothing where none must be given.
func (a *answerer) reply(dst, query []byte, transport Transport) []byte {
	if a.q.parse(query, transport) {
		if out, rcode, ok := a.zone.current.Load().plain(dst, query, &a.q); ok {
			a.counters.answered(transport, a.q.qtype, rcode)
			return out
		}
	}
	asked, ok := a.read(query)
	if !ok {
		return a.unreadable(dst, query)
	}
	return a.careful(dst, asked, transport)
}

// asked is a query as the careful path reads it.
type asked struct {
	*mdns.Msg
	signed signature
}

// qtype is the type asked for, 0 where there is no question.
func (q asked) qtype() uint16 {
	if len(q.Question) == 0 {
		return 0
	}
	return q.Question[0].Qtype
}

// read takes a query apart and checks its signature; false where it is none.
func (a *answerer) read(wire []byte) (asked, bool) {
	if len(wire) < headerSize || wire[2]&bitResponse != 0 {
		return asked{}, false
	}
	m := new(mdns.Msg)
	if err := m.Unpack(wire); err != nil || !wellFormed(wire, m) {
		return asked{}, false
	}
	return asked{m, a.keys.check(wire, m)}, true
}

// unreadable is the reply to what cannot be read: an error where it may be a query (RFC 1035 §4.1.1), nothing to a reply,
// or two servers could keep each other busy.
func (a *answerer) unreadable(dst, wire []byte) []byte {
	a.counters.dropped(droppedMalformed)
	if len(wire) < headerSize || wire[2]&bitResponse != 0 {
		return dst
	}
	const opcodeAndRecursion = 0x79
	return append(dst, wire[0], wire[1], bitResponse|wire[2]&opcodeAndRecursion, mdns.RcodeFormatError, 0, 0, 0, 0, 0, 0, 0, 0)
}

// careful appends the reply to a query that is more than the plain path takes.
func (a *answerer) careful(dst []byte, query asked, transport Transport) []byte {
	reply := query.signed.refusal(query.Msg)
	if reply == nil {
		reply = a.zone.Answer(query.Msg, transport)
	}
	return a.send(dst, query, reply, transport)
}

// send appends a reply, signed where the query was.
func (a *answerer) send(dst []byte, query asked, reply *mdns.Msg, transport Transport) []byte {
	wire, err := query.signed.pack(reply)
	if err == nil && transport == UDP && len(wire) > sizeLimit(query.Msg, UDP) {
		// The signature made it too large (RFC 8945 §5.3).
		reply.Truncated, reply.Answer, reply.Ns = true, nil, nil
		wire, err = query.signed.pack(reply)
	}
	if err != nil {
		a.log.Debug("an answer could not be packed", "question", query.Question, "error", err)
		reply = new(mdns.Msg).SetRcode(query.Msg, mdns.RcodeServerFailure)
		if wire, err = reply.Pack(); err != nil {
			return a.unreadable(dst, []byte{byte(query.Id >> 8), byte(query.Id), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
		}
	}
	a.counters.answered(transport, query.qtype(), reply.Rcode)
	return append(dst, wire...)
}

// truncated appends a reply that says no more than to come again over TCP; nothing where the query is no plain one.
func (a *answerer) truncated(dst, query []byte) []byte {
	if !a.q.parse(query, UDP) {
		return dst
	}
	start := len(dst)
	dst = append(dst, query[:a.q.end]...)
	const truncation = 0x02
	dst[start+2] = bitResponse | truncation | query[2]&bitRecursionDesired
	dst[start+3] = query[3] & bitCheckingDisabled
	dst[start+11] = 0
	if a.q.edns {
		dst[start+11] = 1
		dst = append(dst, 0, 0, byte(mdns.TypeOPT), udpSize>>8, udpSize&0xff, 0, 0, a.q.flag, 0, 0, 0)
	}
	return dst
}
