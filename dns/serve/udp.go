package serve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	mdns "github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// batchSize is how many queries are read, and their replies sent, with one system call each.
	batchSize = 64
	// querySize is the largest query over UDP; longer ones are cut, and then malformed.
	querySize = 4096
	// socketBuffer is asked of the system for queries that wait, of a burst.
	socketBuffer = 1 << 20
	oobSize      = 128 // of the address that a query was sent to
)

// packetReader answers the queries of one UDP socket, one after the other; several share a port.
type packetReader struct {
	answerer
	limiter   *limiter
	transfers *transfers
	now       func() time.Time
	conn      *net.UDPConn
	packets   *ipv4.PacketConn
	// anyAddress: the socket takes queries to every address of the machine, and replies must come from the one asked.
	anyAddress bool

	in, out []ipv4.Message
	replies [][]byte
	slip    bool // whether the next query over the limit is answered with TC
}

// newPacketReader prepares a socket for batches.
func newPacketReader(a answerer, l *limiter, t *transfers, now func() time.Time, conn *net.UDPConn) *packetReader {
	r := &packetReader{answerer: a, limiter: l, transfers: t, now: now, conn: conn, packets: ipv4.NewPacketConn(conn)}
	_ = conn.SetReadBuffer(socketBuffer) // as far as the system lets one
	_ = conn.SetWriteBuffer(socketBuffer)
	if local, ok := conn.LocalAddr().(*net.UDPAddr); ok && local.IP.IsUnspecified() {
		r.anyAddress = true
		_ = r.packets.SetControlMessage(ipv4.FlagDst, true) // an IPv6 socket may refuse the one, an IPv4 socket the other
		_ = ipv6.NewPacketConn(conn).SetControlMessage(ipv6.FlagDst, true)
	}
	r.in, r.out = make([]ipv4.Message, batchSize), make([]ipv4.Message, batchSize)
	r.replies = make([][]byte, batchSize)
	for i := range r.in {
		r.in[i].Buffers = [][]byte{make([]byte, querySize)}
		r.out[i].Buffers = [][]byte{nil}
		r.replies[i] = make([]byte, 0, 2*udpSize)
		if r.anyAddress {
			r.in[i].OOB = make([]byte, oobSize)
		}
	}
	return r
}

func (r *packetReader) String() string { return "udp " + r.conn.LocalAddr().String() }

// stop ends serve; queries that were read are answered.
func (r *packetReader) stop(context.Context) error { return r.conn.SetReadDeadline(time.Unix(1, 0)) }

// serve answers until stop is called.
func (r *packetReader) serve() error {
	defer func() { _ = r.conn.Close() }()
	for {
		n, err := r.packets.ReadBatch(r.in, 0)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("name server: %s stopped answering: %w", r, err)
		case err != nil:
			r.log.Debug("queries could not be read", "socket", r, "error", err)
			continue // such as the report of an earlier reply that did not arrive
		}
		r.send(r.answerBatch(r.in[:n]))
	}
}

// answerBatch puts the replies to queries into out and tells how many there are.
func (r *packetReader) answerBatch(queries []ipv4.Message) int {
	now := uint32(r.now().UnixMilli()) //nolint:gosec // the limiter reckons modulo 2^32
	replies := 0
	for i := range queries {
		m := &queries[i]
		reply := r.answerOne(r.replies[i][:0], m.Buffers[0][:m.N], m.Addr, now)
		if len(reply) == 0 {
			continue
		}
		r.replies[i] = reply
		to := &r.out[replies]
		to.Buffers[0], to.Addr, to.OOB = reply, m.Addr, nil
		if r.anyAddress {
			to.OOB = replySource(m.OOB[:m.NN])
		}
		replies++
	}
	return replies
}

func (r *packetReader) answerOne(dst, query []byte, from net.Addr, now uint32) []byte {
	if r.limiter.take(addressOf(from), now) {
		if questionType(query) == mdns.TypeIXFR {
			if asked, ok := r.read(query); ok {
				return r.transfers.single(dst, &r.answerer, asked, addressOf(from))
			}
		}
		return r.reply(dst, query, UDP)
	}
	if r.slip = !r.slip; r.slip {
		if out := r.truncated(dst, query); len(out) > 0 {
			r.counters.dropped(truncatedOverLimit)
			return out
		}
	}
	r.counters.dropped(droppedOverLimit)
	return dst
}

// send sends the replies. One that cannot be sent is left out: its query will be asked again.
func (r *packetReader) send(count int) {
	for rest := r.out[:count]; len(rest) > 0; {
		n, err := r.packets.WriteBatch(rest, 0)
		if err != nil {
			r.log.Debug("an answer could not be sent", "to", rest[0].Addr, "error", err)
			n = max(n, 1)
		}
		rest = rest[n:]
	}
}

func addressOf(a net.Addr) netip.Addr {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.AddrPort().Addr().Unmap()
	case *net.TCPAddr:
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// replySource turns what says where a query was sent to into what has the reply come from there.
func replySource(oob []byte) []byte {
	var six ipv6.ControlMessage
	if six.Parse(oob) == nil && six.Dst != nil && six.Dst.To4() == nil {
		return (&ipv6.ControlMessage{Src: six.Dst}).Marshal()
	}
	var four ipv4.ControlMessage
	if four.Parse(oob) == nil && four.Dst != nil {
		return (&ipv4.ControlMessage{Src: four.Dst}).Marshal()
	}
	if six.Dst != nil {
		return (&ipv4.ControlMessage{Src: six.Dst}).Marshal() // an IPv4 query to a socket for both
	}
	return nil
}
