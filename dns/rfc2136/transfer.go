package rfc2136

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// transfer reads a whole zone (AXFR, RFC 5936), or fails: whatever goes wrong on the way, nothing of it is used.
func (p *Publisher) transfer(ctx context.Context, zone string) (dns.Snapshot, error) {
	conn, err := p.dial(ctx)
	if err != nil {
		return dns.Snapshot{}, err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // reading ends by it
	defer conn.Close()                                          //nolint:errcheck // it was only read
	r, err := p.transferOver(&pacedConn{conn: conn, timeout: p.cfg.Timeout}, zone)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		return dns.Snapshot{}, p.transferError(zone, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sizes[zone] = r.records
	return dns.Snapshot{Serial: r.first.Serial, Sets: r.sets.list()}, nil
}

func (p *Publisher) transferOver(stream io.ReadWriter, zone string) (*transferReader, error) {
	query := new(mdns.Msg).SetAxfr(zone)
	wire, mac, err := sign(query, p.cfg.Transfer, p.cfg.Now())
	if err != nil {
		return nil, fmt.Errorf("packing a message: %w", err)
	}
	if _, err := stream.Write(frame(nil, wire)); err != nil {
		return nil, err
	}
	r := &transferReader{zone: zone, id: query.Id, sets: sets{}, chain: chain{key: p.cfg.Transfer, now: p.cfg.Now, mac: mac}}
	return r, r.read(bufio.NewReaderSize(stream, 1<<16))
}

func (p *Publisher) transferError(zone string, err error) error {
	if rcode, ok := errors.AsType[*RcodeError](err); ok {
		rcode.Server, rcode.Key = p.cfg.Server, keyText(p.cfg.Transfer)
		return err
	}
	return fmt.Errorf("transferring zone %s: %w", zone, p.placed(err))
}

// pacedConn ends where nothing moves for a while.
type pacedConn struct {
	conn    net.Conn
	timeout time.Duration
}

func (c *pacedConn) Read(b []byte) (int, error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.conn.Read(b)
}

func (c *pacedConn) Write(b []byte) (int, error) {
	if err := c.conn.SetWriteDeadline(time.Now().Add(c.timeout)); err != nil {
		return 0, err
	}
	return c.conn.Write(b)
}

// transferReader gathers the messages of a transfer.
type transferReader struct {
	zone  string
	id    uint16
	chain chain
	sets  sets

	messages, records int
	first             *mdns.SOA // the zone's, which begins and ends the transfer (RFC 5936 §2.2)
	done              bool
}

// read takes messages until the transfer is complete and signed to its end.
func (r *transferReader) read(stream io.Reader) error {
	for !r.done {
		wire, err := readMessage(stream)
		if err != nil {
			return fmt.Errorf("the transfer broke off after %d messages: %w", r.messages, err)
		}
		if err := r.message(wire); err != nil {
			return err
		}
	}
	return nil
}

func (r *transferReader) message(wire []byte) error {
	var m mdns.Msg
	if err := m.Unpack(wire); err != nil {
		return fmt.Errorf("message %d of the transfer is malformed: %w", r.messages+1, err)
	}
	if err := r.checkHeader(&m); err != nil {
		return err
	}
	signed, err := r.chain.verify(wire)
	if errors.Is(err, errUnsigned) && r.messages == 0 && believedUnsigned(m.Rcode) {
		err = nil
	}
	if err != nil {
		return err
	}
	if m.Rcode != mdns.RcodeSuccess {
		return &RcodeError{Zone: r.zone, Verb: "transfer", Rcode: m.Rcode, Unsigned: !signed && !r.chain.key.IsZero()}
	}
	r.messages++
	for _, rr := range m.Answer {
		if err := r.record(rr); err != nil {
			return err
		}
	}
	if r.done && !signed {
		return fmt.Errorf("the last message of the transfer: %w (RFC 8945 §5.3.1)", errUnsigned)
	}
	return nil
}

// checkHeader does not ask for the AA bit, which Knot DNS 3.2 leaves out of transfers (RFC 5936 §2.2.1 demands it): only
// who holds a zone can transfer it.
func (r *transferReader) checkHeader(m *mdns.Msg) error {
	switch {
	case !m.Response || m.Opcode != mdns.OpcodeQuery || m.Id != r.id:
		return fmt.Errorf("message %d is no reply to this transfer", r.messages+1)
	case m.Truncated:
		return fmt.Errorf("message %d of the transfer is truncated", r.messages+1)
	case len(m.Question) > 0 && !sameName(m.Question[0].Name, r.zone):
		return fmt.Errorf("message %d transfers zone %s", r.messages+1, m.Question[0].Name)
	}
	return nil
}

func (r *transferReader) record(rr mdns.RR) error {
	soa, isSOA := rr.(*mdns.SOA)
	isSOA = isSOA && sameName(soa.Hdr.Name, r.zone)
	switch {
	case r.done:
		return errors.New("the transfer goes on after its end")
	case rr.Header().Class != mdns.ClassINET: // a zone is of one class, RFC 1034 §4.2
		return fmt.Errorf("the transfer holds %s of class %s, not of IN", rr.Header().Name, mdns.Class(rr.Header().Class))
	case r.first == nil && !isSOA:
		return errors.New("the transfer does not begin with the zone's SOA")
	case r.first == nil:
		r.first = soa
	case isSOA:
		if soa.Serial != r.first.Serial {
			return fmt.Errorf("the zone changed while it was transferred: serial %d at its begin, %d at its end; read it again", r.first.Serial, soa.Serial)
		}
		r.done = true
		return nil
	case !within(r.zone, rr.Header().Name):
		return fmt.Errorf("the transfer holds %s, which is outside the zone", rr.Header().Name)
	}
	r.records++
	r.sets.add(rr)
	return nil
}
