package serve

import mdns "github.com/miekg/dns"

// udpSize is the largest answer sent over UDP and the size we advertise: what
// passes any path without fragments (DNS flag day 2020).
const udpSize = 1232

// Transport is how a query came, which bounds the size of its answer.
type Transport int

// The transports of a query.
const (
	UDP Transport = iota
	TCP
)

// Answer is the reply to a query, ready to be sent; it is never nil. It uses no
// socket and no clock and may be called concurrently.
func (z *Zone) Answer(query *mdns.Msg, transport Transport) *mdns.Msg {
	reply := new(mdns.Msg).SetReply(query)
	if acceptEDNS(query, reply) && acceptQuestion(query, reply) {
		z.current.Load().resolve(reply, reply.Question[0])
	}
	limit(query, reply, transport)
	return reply
}

// acceptEDNS gives the reply an OPT record where the query has one (RFC 6891 §6.1.1), and tells
// whether the query may be answered: not with several of them or of a version yet to come.
func acceptEDNS(query, reply *mdns.Msg) bool {
	var asked []*mdns.OPT
	for _, rr := range query.Extra {
		if opt, ok := rr.(*mdns.OPT); ok {
			asked = append(asked, opt)
		}
	}
	if len(asked) == 0 {
		return true
	}
	opt := &mdns.OPT{Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeOPT}}
	opt.SetUDPSize(udpSize)
	if asked[0].Do() {
		opt.SetDo() // RFC 3225 §3: copied, though nothing here is signed
	}
	reply.Extra = append(reply.Extra, opt)
	switch {
	case len(asked) > 1:
		reply.Rcode = mdns.RcodeFormatError
	case asked[0].Version() != 0:
		reply.Rcode = mdns.RcodeBadVers
	}
	return reply.Rcode == mdns.RcodeSuccess
}

// acceptQuestion refuses what this server does not do: other operations (updates,
// notifies), other classes, transfers, and types that no record has.
func acceptQuestion(query, reply *mdns.Msg) bool {
	switch {
	case query.Opcode != mdns.OpcodeQuery:
		reply.Rcode = mdns.RcodeNotImplemented
	case len(query.Question) != 1: // RFC 9619
		reply.Rcode = mdns.RcodeFormatError
	case query.Question[0].Qclass != mdns.ClassINET:
		reply.Rcode = mdns.RcodeRefused
	default:
		reply.Rcode = typeRcode(query.Question[0].Qtype)
	}
	return reply.Rcode == mdns.RcodeSuccess
}

func typeRcode(qtype uint16) int {
	switch {
	case qtype == mdns.TypeAXFR || qtype == mdns.TypeIXFR:
		return mdns.RcodeRefused
	case qtype == mdns.TypeNone || qtype == mdns.TypeOPT, qtype >= 128 && qtype < mdns.TypeANY: // RFC 6895 §3.1: meta types
		return mdns.RcodeFormatError
	default:
		return mdns.RcodeSuccess
	}
}

// resolve fills in the answer to one question about records.
func (s *snapshot) resolve(reply *mdns.Msg, q mdns.Question) {
	name, ok := appendName(nil, q.Name)
	if !ok || !isBelow(lower(name), s.apex) {
		reply.Rcode = mdns.RcodeRefused
		return
	}
	found, exists := s.find(name)
	if found.unknown() || !exists && s.isUnreadName(name) {
		reply.Rcode = mdns.RcodeServerFailure
		return
	}
	reply.Authoritative = true
	if !exists {
		reply.Rcode = mdns.RcodeNameError
	}
	asked, ok := found.lookup(q.Qtype)
	if !ok {
		reply.Ns = append(reply.Ns, s.soa(NegativeTTL))
		return
	}
	// The owner is the name as it was asked, letter case included: resolvers check it against forgery ("0x20").
	reply.Answer = asked.rrs(q.Name)
	if q.Qtype == mdns.TypeNS {
		reply.Extra = append(s.glue(), reply.Extra...)
	}
}

// lookup is the set of a type; for ANY it is the first of those that exist (RFC 8482 §4.1).
func (e entry) lookup(qtype uint16) (set, bool) {
	if qtype == mdns.TypeANY {
		for s := range e.each() {
			return s, true
		}
	}
	return e.of(qtype)
}

// glue are the addresses of the zone's own name server.
func (s *snapshot) glue() []mdns.RR {
	name, _ := appendName(nil, s.server())
	server, _ := s.find(name)
	var out []mdns.RR
	for _, family := range []uint16{mdns.TypeA, mdns.TypeAAAA} {
		if addresses, ok := server.of(family); ok {
			out = append(out, addresses.rrs(s.server())...)
		}
	}
	return out
}

// limit cuts a reply to what the client takes and sets TC where something was cut
// (RFC 2181 §9, RFC 6891 §6.2.5).
func limit(query, reply *mdns.Msg, transport Transport) {
	reply.Truncate(sizeLimit(query, transport))
	reply.Compress = true
}

// sizeLimit is how large a reply may be.
func sizeLimit(query *mdns.Msg, transport Transport) int {
	if transport == TCP {
		return mdns.MaxMsgSize
	}
	opt := query.IsEdns0()
	if opt == nil {
		return mdns.MinMsgSize
	}
	return min(udpSize, max(mdns.MinMsgSize, int(opt.UDPSize())))
}
