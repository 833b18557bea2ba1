package query

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// Records is what a server said of the records of one type at a name.
type Records struct {
	Rcode         string   // as of Answer
	Authoritative bool     // as of Answer
	Values        []string // RDATA in presentation form (RFC 1035 §5.1), lower case, sorted, of that very name
}

// LookupRecords asks server (host:port) for the records of one type, such as SRV or PTR, of an absolute name, in the way of
// LookupAddresses. Names in answers compare without case (RFC 4343), so values are in lower case: types whose text has case
// of its own, such as TXT, are refused.
func (c Client) LookupRecords(ctx context.Context, server, name, kind string) (Records, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	q, err := question(name, kind)
	if err != nil {
		return Records{}, err
	}
	reply, err := c.ask(ctx, server, q)
	if err != nil {
		return Records{}, fmt.Errorf("asking name server %s for %s %s: %w", server, name, kind, err)
	}
	return records(reply), nil
}

// LookupRecordsOver is LookupRecords over a stream that is open already, as LookupAddressesOver is.
func LookupRecordsOver(ctx context.Context, stream net.Conn, name, kind string) (Records, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	q, err := question(name, kind)
	if err != nil {
		return Records{}, err
	}
	reply, err := over(ctx, stream, q)
	if err != nil {
		return Records{}, fmt.Errorf("asking for %s %s: %w", name, kind, err)
	}
	return records(reply), nil
}

func question(name, kind string) (mdns.Question, error) {
	qtype := mdns.StringToType[kind]
	switch qtype {
	case mdns.TypeSRV, mdns.TypePTR, mdns.TypeNS, mdns.TypeCNAME, mdns.TypeA, mdns.TypeAAAA:
		return mdns.Question{Name: mdns.Fqdn(name), Qtype: qtype, Qclass: mdns.ClassINET}, nil
	}
	return mdns.Question{}, fmt.Errorf("records of type %q at %s cannot be compared", kind, name)
}

// records gathers those of the question's name and type.
func records(reply *mdns.Msg) Records {
	out := Records{Rcode: rcode(reply), Authoritative: reply.Authoritative}
	q := reply.Question[0]
	for _, rr := range reply.Answer {
		if h := rr.Header(); h.Rrtype == q.Qtype && h.Class == q.Qclass && strings.EqualFold(h.Name, q.Name) {
			out.Values = append(out.Values, strings.ToLower(strings.TrimPrefix(rr.String(), h.String())))
		}
	}
	slices.Sort(out.Values)
	out.Values = slices.Compact(out.Values)
	return out
}
