package query

import (
	"context"
	"fmt"
	"net"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// LookupAddressesOver is LookupAddresses over a stream that is open already, such as one into
// a pod: questions and answers are framed as over TCP (RFC 7766 §8). The stream may be asked
// again, one question at a time; where ctx ends before the answer, it is closed. Errors name the
// question, not the server.
func LookupAddressesOver(ctx context.Context, stream net.Conn, name string) (Answer, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	return addresses(name, func(q mdns.Question) (*mdns.Msg, error) {
		reply, err := over(ctx, stream, q)
		if err != nil {
			return nil, fmt.Errorf("asking for %s %s: %w", name, mdns.TypeToString[q.Qtype], err)
		}
		return reply, nil
	})
}

// SpeaksForOver is nil where the server behind the stream answers the SOA of the zone with authority
// (RFC 1035 §3.3.13, §4.1.1: the AA bit). The stream is treated as by LookupAddressesOver.
func SpeaksForOver(ctx context.Context, stream net.Conn, zone string) error {
	ctx, cancel := limited(ctx)
	defer cancel()
	q := mdns.Question{Name: mdns.Fqdn(zone), Qtype: mdns.TypeSOA, Qclass: mdns.ClassINET}
	reply, err := over(ctx, stream, q)
	switch {
	case err != nil:
		return fmt.Errorf("asking for %s SOA: %w", zone, err)
	case reply.Rcode != mdns.RcodeSuccess:
		return fmt.Errorf("%s SOA is answered with %s", zone, rcode(reply))
	case !reply.Authoritative:
		return fmt.Errorf("%s SOA is not answered with authority", zone)
	}
	for _, rr := range reply.Answer {
		if soa, ok := rr.(*mdns.SOA); ok && strings.EqualFold(soa.Hdr.Name, q.Name) {
			return nil
		}
	}
	return fmt.Errorf("%s SOA is answered without one", zone)
}

// limited gives a context without a deadline the default one.
func limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, DefaultTimeout)
}

// over asks one question over an open stream.
func over(ctx context.Context, stream net.Conn, q mdns.Question) (*mdns.Msg, error) {
	attempt := DefaultTimeout
	if deadline, ok := ctx.Deadline(); ok {
		attempt = time.Until(deadline)
	}
	return converse(ctx, mdns.Client{Net: "tcp", Timeout: attempt}, &mdns.Conn{Conn: stream}, q, false)
}

// converse is one question and its answer over one connection, which is closed where ctx ends first. Recursion is
// desired of a resolver alone (RFC 1035 §4.1.1: the RD bit).
func converse(ctx context.Context, client mdns.Client, conn *mdns.Conn, q mdns.Question, recursive bool) (*mdns.Msg, error) {
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // the client heeds deadlines alone
	query := &mdns.Msg{MsgHdr: mdns.MsgHdr{Id: mdns.Id(), RecursionDesired: recursive}, Question: []mdns.Question{q}}
	query.SetEdns0(udpSize, false)
	reply, _, err := client.ExchangeWithConnContext(ctx, query, conn)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", client.Net, err)
	}
	if !reply.Response || len(reply.Question) != 1 || !same(reply.Question[0], q) {
		return nil, fmt.Errorf("%s: the answer is to another question: %v", client.Net, reply.Question)
	}
	return reply, nil
}

// rcode names an answer's code (RFC 1035 §4.1.1).
func rcode(reply *mdns.Msg) string {
	if name := mdns.RcodeToString[reply.Rcode]; name != "" {
		return name
	}
	return fmt.Sprintf("RCODE%d", reply.Rcode)
}
