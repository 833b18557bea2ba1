package serve

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// streamBuffer is what a connection holds for reading and for writing; a longer message takes more while it is read.
const streamBuffer = 4 << 10

// streams answers the queries of TCP connections (RFC 7766): those of one connection in their order, as
// many as it sends before it reads.
type streams struct {
	answerer
	limits    Limits
	transfers *transfers
	listener  net.Listener

	mu      sync.Mutex
	open    map[net.Conn]netip.Addr // the client of each connection
	clients map[netip.Addr]int      // how many each has
	ending  bool
	group   sync.WaitGroup
}

func newStreams(a answerer, l Limits, t *transfers, listener net.Listener) *streams {
	return &streams{answerer: a, limits: l, transfers: t, listener: listener, open: map[net.Conn]netip.Addr{}, clients: map[netip.Addr]int{}}
}

func (s *streams) String() string { return "tcp " + s.listener.Addr().String() }

// acceptPause is how long nothing is accepted after a connection could not be, for want of descriptors as a rule.
const acceptPause = 50 * time.Millisecond

// serve answers until stop is called.
func (s *streams) serve() error {
	defer s.group.Wait()
	for {
		conn, err := s.listener.Accept()
		switch {
		case err == nil:
			s.begin(conn)
		case errors.Is(err, net.ErrClosed) && s.isEnding():
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("name server: %s stopped answering: %w", s, err)
		default:
			s.log.Warn("a connection could not be accepted", "socket", s, "error", err)
			<-time.After(acceptPause)
		}
	}
}

// begin answers a connection, if its client may have one more.
func (s *streams) begin(conn net.Conn) {
	of := client(addressOf(conn.RemoteAddr()))
	s.mu.Lock()
	refused := s.ending || len(s.open) >= s.limits.Connections || s.clients[of] >= s.limits.ConnectionsPerClient
	if !refused {
		s.open[conn] = of
		s.clients[of]++
	}
	s.mu.Unlock()
	if refused {
		s.counters.dropped(refusedConnections)
		_ = conn.Close()
		return
	}
	s.group.Go(func() {
		defer s.end(conn)
		c := &stream{streams: s, answerer: s.answerer, conn: conn, from: addressOf(conn.RemoteAddr())}
		if err := c.serve(); err != nil {
			s.log.Debug("a connection ended", "from", conn.RemoteAddr(), "error", err)
		}
	})
}

func (s *streams) end(conn net.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.open[conn]
	delete(s.open, conn)
	if s.clients[of]--; s.clients[of] == 0 {
		delete(s.clients, of)
	}
}

func (s *streams) isEnding() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ending
}

// stop ends serve: connections that wait for a query at once, those that send when ctx ends.
func (s *streams) stop(ctx context.Context) error {
	s.mu.Lock()
	s.ending = true
	for conn := range s.open {
		_ = conn.SetReadDeadline(time.Unix(1, 0))
	}
	s.mu.Unlock()
	err := s.listener.Close()
	context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for conn := range s.open {
			_ = conn.Close()
		}
	})
	return err
}

// stream is one connection.
type stream struct {
	answerer
	*streams
	conn  net.Conn
	from  netip.Addr
	query []byte
	out   []byte
}

// serve answers the connection's queries until it ends, is silent for too long, or sends what is none.
func (c *stream) serve() error {
	reader, writer := bufio.NewReaderSize(c.conn, streamBuffer), bufio.NewWriterSize(c.conn, streamBuffer)
	for {
		query, err := c.read(reader)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := c.answer(writer, query); err != nil {
			return err
		}
		if reader.Buffered() > 0 {
			continue // several replies go together
		}
		if err := writer.Flush(); err != nil {
			return err
		}
	}
}

// read is the next query; it and the wait for it may take the idle time.
func (c *stream) read(reader *bufio.Reader) ([]byte, error) {
	if c.isEnding() {
		return nil, io.EOF
	}
	now := time.Now()
	if err := errors.Join(c.conn.SetReadDeadline(now.Add(c.limits.Idle)), c.conn.SetWriteDeadline(now.Add(c.limits.Idle))); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(reader, length[:]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(length[:]))
	if size < headerSize {
		c.streams.counters.dropped(droppedMalformed)
		return nil, fmt.Errorf("a message of %d octets is none", size)
	}
	if size > streamBuffer {
		query := make([]byte, size)
		_, err := io.ReadFull(reader, query)
		return query, err
	}
	if c.query == nil {
		c.query = make([]byte, streamBuffer)
	}
	_, err := io.ReadFull(reader, c.query[:size])
	return c.query[:size], err
}

// answer writes the reply to a query, or the zone where that is asked for. A reply to what is no query at all ends the connection.
func (c *stream) answer(writer *bufio.Writer, wire []byte) error {
	if isTransfer(wire) {
		if query, ok := c.answerer.read(wire); ok {
			allowed := pace{began: time.Now(), idle: c.limits.Idle}
			return c.transfers.answer(&c.answerer, query, c.from, func(message []byte) error {
				if err := c.conn.SetWriteDeadline(allowed.until(time.Now(), len(message))); err != nil {
					return err
				}
				return writeMessage(writer, message)
			})
		}
	}
	c.out = c.reply(c.out[:0], wire, TCP)
	if len(c.out) == 0 {
		return errors.New("a message is no query")
	}
	return writeMessage(writer, c.out)
}

// writeMessage writes a message with its length before it (RFC 1035 §4.2.2).
func writeMessage(w *bufio.Writer, message []byte) error {
	var length [2]byte
	binary.BigEndian.PutUint16(length[:], uint16(len(message))) //nolint:gosec // no message is longer
	if _, err := w.Write(length[:]); err != nil {
		return err
	}
	_, err := w.Write(message)
	return err
}
