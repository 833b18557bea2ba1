package rfc2136

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// line is one TCP connection, with many questions under way at once and answers in any
// order (RFC 7766 §6.2.1.1).
type line struct {
	conn    net.Conn
	timeout time.Duration

	writing sync.Mutex

	mu      sync.Mutex
	waiting map[uint16]chan []byte
	silence *time.Timer // runs while an answer is waited for, anew from each one that comes
	err     error       // why it ended
	ended   chan struct{}
}

// newLine takes over a connection. Servers may carry out one request after the other, so the timeout is not of
// each, but of the time in which not one of them is answered.
func newLine(conn net.Conn, timeout time.Duration) *line {
	l := &line{conn: conn, timeout: timeout, waiting: map[uint16]chan []byte{}, ended: make(chan struct{})}
	l.silence = time.AfterFunc(timeout, func() { l.end(fmt.Errorf("no reply within %v", timeout)) })
	l.silence.Stop()
	go l.read()
	return l
}

// read hands out answers until the connection ends.
func (l *line) read() {
	stream := bufio.NewReaderSize(promptly(l.conn), 1<<16)
	for {
		wire, err := readMessage(stream)
		if err == nil {
			err = l.hand(wire)
		}
		if err != nil {
			l.end(err)
			return
		}
	}
}

func (l *line) hand(wire []byte) error {
	if len(wire) < headerLen {
		return errShort
	}
	id := binary.BigEndian.Uint16(wire)
	l.mu.Lock()
	defer l.mu.Unlock()
	answer, ok := l.waiting[id]
	if !ok {
		return fmt.Errorf("a message came with ID %d, which nobody waits for", id)
	}
	delete(l.waiting, id)
	if l.silence.Stop(); len(l.waiting) > 0 {
		l.silence.Reset(l.timeout)
	}
	answer <- wire // it has room for one
	return nil
}

// end closes the connection; what still waits learns why.
func (l *line) end(why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = why
		l.silence.Stop()
		_ = l.conn.Close() // nothing is left to be written
		close(l.ended)
	}
}

// reserve takes an ID that no other question under way has.
func (l *line) reserve() (uint16, chan []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		id := mdns.Id()
		if _, taken := l.waiting[id]; !taken {
			if len(l.waiting) == 0 && l.err == nil {
				l.silence.Reset(l.timeout)
			}
			answer := make(chan []byte, 1)
			l.waiting[id] = answer
			return id, answer
		}
	}
}

// write sends framed messages, all at once.
func (l *line) write(framed []byte) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.conn.SetWriteDeadline(time.Now().Add(l.timeout)); err != nil {
		return err
	}
	_, err := l.conn.Write(framed)
	return err
}

// wait is the answer. Where the context ends before it comes, the line ends: a late answer would find nobody.
func (l *line) wait(ctx context.Context, answer chan []byte) ([]byte, error) {
	select {
	case wire := <-answer:
		return wire, nil
	case <-l.ended:
	case <-ctx.Done():
		l.end(context.Cause(ctx))
	}
	select {
	case wire := <-answer: // it came before the end
		return wire, nil
	default:
		return nil, l.err
	}
}

// frame is a message as TCP carries it (RFC 1035 §4.2.2).
func frame(framed, wire []byte) []byte {
	framed = binary.BigEndian.AppendUint16(framed, uint16(len(wire)))
	return append(framed, wire...)
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the server closed the connection")
		}
		return nil, err
	}
	wire := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(r, wire); err != nil {
		return nil, fmt.Errorf("the connection ended amid a message: %w", err)
	}
	return wire, nil
}
