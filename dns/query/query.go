// Package query asks a name server for addresses over the wire, to prove that it
// answers as it should. It asks the server it is told to, never a resolver of the system.
package query

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"
)

// Defaults of a Client.
const (
	// DefaultTimeout bounds a lookup whose context has no deadline.
	DefaultTimeout = 5 * time.Second
	// DefaultAttempt is how long one datagram is waited for before it is sent anew.
	DefaultAttempt = time.Second
)

// udpSize is the answer size offered to servers (DNS flag day 2020).
const udpSize = 1232

// Client asks name servers. The zero value is ready for use.
type Client struct {
	Attempt time.Duration // wait for one datagram's answer; 0: DefaultAttempt
	// Recursive: the servers are resolvers, which are to find the answer elsewhere, and may have it from a cache.
	Recursive bool
}

// Answer is what a server said of a name's addresses.
type Answer struct {
	Rcode string // NOERROR, NXDOMAIN, SERVFAIL, REFUSED, … (RFC 1035 §4.1.1)
	// Authoritative: the server speaks for the zone and not from a cache. What is not
	// authoritative proves nothing about the zone.
	Authoritative bool
	Addresses     []netip.Addr  // IPv4 and IPv6 of that very name, sorted
	TTL           time.Duration // the least of the records; 0 without any
}

// Prove is nil where the answer shows, with authority, that the name has exactly the
// wanted addresses, of which there must be one at least. Otherwise it says what differs.
func (a Answer) Prove(wanted ...netip.Addr) error {
	want := make([]netip.Addr, len(wanted))
	for i, ip := range wanted {
		want[i] = ip.Unmap()
	}
	slices.SortFunc(want, netip.Addr.Compare)
	want = slices.Compact(want)
	switch {
	case len(want) == 0:
		return errors.New("no address is wanted, so no answer can prove one")
	case a.Rcode != "NOERROR":
		return fmt.Errorf("the server answers %s, want %s", a.Rcode, list(want))
	case !a.Authoritative:
		return fmt.Errorf("the answer %s is not authoritative: ask a server of the zone itself", list(a.Addresses))
	case !slices.Equal(a.Addresses, want):
		return fmt.Errorf("the server answers %s, want %s", list(a.Addresses), list(want))
	}
	return nil
}

func list(ips []netip.Addr) string {
	if len(ips) == 0 {
		return "no address"
	}
	texts := make([]string, len(ips))
	for i, ip := range ips {
		texts[i] = ip.String()
	}
	return strings.Join(texts, ", ")
}

// LookupAddresses asks server (host:port) for the A and AAAA records of an absolute name, over
// UDP and, where the answer is cut, over TCP (RFC 7766). Lost datagrams are sent anew until ctx ends.
// An answer other than NOERROR is no error. Errors name the server and the question.
func (c Client) LookupAddresses(ctx context.Context, server, name string) (Answer, error) {
	ctx, cancel := limited(ctx)
	defer cancel()
	return addresses(name, func(q mdns.Question) (*mdns.Msg, error) {
		reply, err := c.ask(ctx, server, q)
		if err != nil {
			return nil, fmt.Errorf("asking name server %s for %s %s: %w", server, name, mdns.TypeToString[q.Qtype], err)
		}
		return reply, nil
	})
}

// addresses gathers the addresses of a name, of both families.
func addresses(name string, ask func(mdns.Question) (*mdns.Msg, error)) (Answer, error) {
	answer := Answer{Authoritative: true}
	for _, qtype := range []uint16{mdns.TypeA, mdns.TypeAAAA} {
		reply, err := ask(mdns.Question{Name: mdns.Fqdn(name), Qtype: qtype, Qclass: mdns.ClassINET})
		if err != nil {
			return Answer{}, err
		}
		answer.add(reply)
		if reply.Rcode != mdns.RcodeSuccess {
			return answer, nil // the other family is no better off: the rcode is about the name
		}
	}
	slices.SortFunc(answer.Addresses, netip.Addr.Compare)
	answer.Addresses = slices.Compact(answer.Addresses)
	return answer, nil
}

// add takes up the reply to one question. Records of other names, behind a CNAME, are
// not the name's own and do not count.
func (a *Answer) add(reply *mdns.Msg) {
	a.Rcode = rcode(reply)
	a.Authoritative = a.Authoritative && reply.Authoritative
	for _, rr := range reply.Answer {
		h := rr.Header()
		ip, ok := address(rr)
		if !ok || h.Rrtype != reply.Question[0].Qtype || h.Class != mdns.ClassINET || !strings.EqualFold(h.Name, reply.Question[0].Name) {
			continue
		}
		if ttl := time.Duration(h.Ttl) * time.Second; len(a.Addresses) == 0 || ttl < a.TTL {
			a.TTL = ttl
		}
		a.Addresses = append(a.Addresses, ip)
	}
}

func address(rr mdns.RR) (netip.Addr, bool) {
	var raw net.IP
	switch rr := rr.(type) {
	case *mdns.A:
		raw = rr.A
	case *mdns.AAAA:
		raw = rr.AAAA
	}
	ip, ok := netip.AddrFromSlice(raw)
	return ip.Unmap(), ok
}

// ask sends one question until it is answered or ctx ends.
func (c Client) ask(ctx context.Context, server string, q mdns.Question) (*mdns.Msg, error) {
	if _, _, err := net.SplitHostPort(server); err != nil {
		return nil, fmt.Errorf("host:port is wanted: %w", err)
	}
	for {
		reply, err := c.exchange(ctx, "udp", server, q)
		if err == nil && reply.Truncated {
			reply, err = c.exchange(ctx, "tcp", server, q)
		}
		if err == nil {
			return reply, nil
		}
		if ctx.Err() != nil {
			return nil, errors.Join(context.Cause(ctx), err)
		}
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			return nil, err
		}
	}
}

// exchange is one question and its answer over one connection.
func (c Client) exchange(ctx context.Context, network, server string, q mdns.Question) (*mdns.Msg, error) {
	attempt := c.Attempt
	if attempt <= 0 {
		attempt = DefaultAttempt
	}
	client := mdns.Client{Net: network, Timeout: attempt}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be written
	return converse(ctx, client, conn, q, c.Recursive)
}

func same(a, b mdns.Question) bool {
	return strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}
