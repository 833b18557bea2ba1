package serve

import (
	"slices"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

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
	if !mdns.IsSubDomain(s.origin, q.Name) {
		reply.Rcode = mdns.RcodeRefused
		return
	}
	name := dns.Canonical(q.Name)
	if !s.known(name) {
		reply.Rcode = mdns.RcodeServerFailure
		return
	}
	reply.Authoritative = true
	n, exists := s.nodes[name]
	if !exists {
		reply.Rcode = mdns.RcodeNameError
		reply.Ns = append(reply.Ns, s.soa())
		return
	}
	rrs := n.lookup(q.Qtype)
	if len(rrs) == 0 {
		reply.Ns = append(reply.Ns, s.soa())
		return
	}
	reply.Answer = ownedBy(q.Name, rrs)
	if q.Qtype == mdns.TypeNS {
		reply.Extra = append(s.glue(), reply.Extra...)
	}
}

// lookup is the set of a type; for ANY it is one of those that exist (RFC 8482 §4.1).
func (n *node) lookup(qtype uint16) []mdns.RR {
	if qtype != mdns.TypeANY {
		return n.sets[qtype]
	}
	for _, t := range []uint16{mdns.TypeSOA, mdns.TypeA, mdns.TypeAAAA} {
		if rrs := n.sets[t]; len(rrs) > 0 {
			return rrs
		}
	}
	return nil
}

// glue are the addresses of the zone's own name server.
func (s *snapshot) glue() []mdns.RR {
	sets := s.nodes[s.server()].sets
	return slices.Concat(sets[mdns.TypeA], sets[mdns.TypeAAAA])
}

// ownedBy are copies of the records under the name as it was asked, letter case
// included: resolvers check it against forgery ("0x20").
func ownedBy(asked string, rrs []mdns.RR) []mdns.RR {
	owned := make([]mdns.RR, len(rrs))
	for i, rr := range rrs {
		owned[i] = mdns.Copy(rr)
		owned[i].Header().Name = asked
	}
	return owned
}

// limit cuts a reply to what the client takes and sets TC where something was cut
// (RFC 2181 §9, RFC 6891 §6.2.5).
func limit(query, reply *mdns.Msg, transport Transport) {
	size := mdns.MaxMsgSize
	if transport == UDP {
		size = mdns.MinMsgSize
		if opt := query.IsEdns0(); opt != nil {
			size = min(udpSize, max(size, int(opt.UDPSize())))
		}
	}
	reply.Truncate(size)
	reply.Compress = true
}
