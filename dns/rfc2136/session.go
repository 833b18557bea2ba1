package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"sync"

	mdns "github.com/miekg/dns"
)

// errLost is that a request was sent and no reply came: whether it was carried out is not known.
var errLost = errors.New("no reply came")

// session is what one call asks a server: over one connection, opened anew where it breaks.
type session struct {
	p    *Publisher
	zone string
	key  Key

	mu   sync.Mutex
	line *line
}

func (p *Publisher) session(zone string, key Key) *session {
	return &session{p: p, zone: zone, key: key}
}

func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil {
		s.line.end(errors.New("the call is over"))
	}
}

// connect is the connection in use, or a new one.
func (s *session) connect(ctx context.Context) (*line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line != nil {
		select {
		case <-s.line.ended:
		default:
			return s.line, nil
		}
	}
	conn, err := s.p.dial(ctx)
	if err != nil {
		return nil, err
	}
	s.line = newLine(conn, s.p.cfg.Timeout)
	return s.line, nil
}

// request is a question under way.
type request struct {
	msg    *mdns.Msg
	mac    []byte
	answer chan []byte
}

// send signs messages and sends them at once; with errLost in the error, some may have arrived.
func (s *session) send(ctx context.Context, msgs []*mdns.Msg) (*line, []request, error) {
	l, err := s.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	requests := make([]request, len(msgs))
	var framed []byte
	for i, m := range msgs {
		requests[i].msg = m
		m.Id, requests[i].answer = l.reserve()
		wire, mac, err := sign(m, s.key, s.p.cfg.Now())
		if err != nil {
			l.end(err)
			return nil, nil, fmt.Errorf("packing a message: %w", err)
		}
		requests[i].mac = mac
		framed = frame(framed, wire)
	}
	if err := l.write(framed); err != nil {
		l.end(err)
		return nil, nil, fmt.Errorf("%w: sending to server %s: %w", errLost, s.p.cfg.Server, err)
	}
	return l, requests, nil
}

// receive is the reply to a request, verified. What fails on the way has errLost in its error; what was
// received and cannot be believed has not.
func (s *session) receive(ctx context.Context, l *line, r request) (*mdns.Msg, error) {
	wire, err := l.wait(ctx, r.answer)
	if err != nil {
		return nil, fmt.Errorf("%w: server %s: %w", errLost, s.p.cfg.Server, err)
	}
	reply := new(mdns.Msg)
	if err := reply.Unpack(wire); err != nil {
		return nil, fmt.Errorf("server %s: the reply is malformed: %w", s.p.cfg.Server, err)
	}
	if !reply.Response || reply.Opcode != r.msg.Opcode {
		return nil, fmt.Errorf("server %s: what came is no reply to this request", s.p.cfg.Server)
	}
	c := chain{key: s.key, now: s.p.cfg.Now, mac: r.mac}
	_, err = c.verify(wire)
	if errors.Is(err, errUnsigned) && believedUnsigned(reply.Rcode) {
		err = nil
	}
	if err != nil {
		return nil, s.p.placed(err)
	}
	return reply, nil
}

// believedUnsigned are the rcodes that servers send unsigned, where they do not come as far as the
// signature (RFC 8945 §5.2, RFC 2136 §3.1). All of them only stop us.
func believedUnsigned(rcode int) bool {
	switch rcode {
	case mdns.RcodeFormatError, mdns.RcodeServerFailure, mdns.RcodeNotImplemented, mdns.RcodeRefused, mdns.RcodeNotAuth:
		return true
	}
	return false
}

func (s *session) rcodeError(verb string, rcode int, unsigned bool) error {
	return &RcodeError{Server: s.p.cfg.Server, Zone: s.zone, Verb: verb, Key: keyText(s.key), Rcode: rcode, Unsigned: unsigned}
}

// isUnsigned tells whether a reply lacks the signature that its request had.
func (s *session) isUnsigned(reply *mdns.Msg) bool { return !s.key.IsZero() && reply.IsTsig() == nil }

func keyText(key Key) string {
	if key.IsZero() {
		return "no key"
	}
	return "key " + key.Name
}

// atOnce is how many questions are sent in one go.
const atOnce = 256

// ask puts questions to the server itself (no recursion; RFC 1035 §4.1.1) and gives the replies in their
// order. A connection that breaks, or a server that fails for a moment, is asked again.
func (s *session) ask(ctx context.Context, questions []mdns.Question) ([]*mdns.Msg, error) {
	replies := make([]*mdns.Msg, 0, len(questions))
	for len(questions) > 0 {
		n := min(atOnce, len(questions))
		some, err := s.askAgain(ctx, questions[:n])
		if err != nil {
			return nil, err
		}
		replies, questions = append(replies, some...), questions[n:]
	}
	return replies, nil
}

func (s *session) askAgain(ctx context.Context, questions []mdns.Question) ([]*mdns.Msg, error) {
	for attempt := 1; ; attempt++ {
		replies, err := s.askOnce(ctx, questions)
		if err == nil || attempt >= s.p.cfg.Attempts || ctx.Err() != nil || !passing(err) {
			return replies, err
		}
		s.p.cfg.Log.WarnContext(ctx, "a name server did not answer queries and is asked again", "server", s.p.cfg.Server, "attempt", attempt, "err", err)
		if err := s.p.pause(ctx, attempt); err != nil {
			return nil, err
		}
	}
}

// passing tells whether the same request may succeed a moment later.
func passing(err error) bool {
	if rcode, ok := errors.AsType[*RcodeError](err); ok {
		return rcode.Rcode == mdns.RcodeServerFailure
	}
	_, unsent := errors.AsType[*dialError](err)
	return unsent || errors.Is(err, errLost)
}

func (s *session) askOnce(ctx context.Context, questions []mdns.Question) ([]*mdns.Msg, error) {
	msgs := make([]*mdns.Msg, len(questions))
	for i, q := range questions {
		msgs[i] = &mdns.Msg{MsgHdr: mdns.MsgHdr{CheckingDisabled: true}, Question: []mdns.Question{q}}
	}
	l, requests, err := s.send(ctx, msgs)
	if err != nil {
		return nil, err
	}
	replies := make([]*mdns.Msg, len(questions))
	for i, r := range requests {
		if replies[i], err = s.receive(ctx, l, r); err == nil {
			err = s.checkAnswer(replies[i], questions[i])
		}
		if err != nil {
			l.end(err) // the other answers find nobody any more
			return nil, err
		}
	}
	return replies, nil
}

// checkAnswer is nil for NOERROR and NXDOMAIN, in reply to that very question.
func (s *session) checkAnswer(reply *mdns.Msg, q mdns.Question) error {
	if reply.Rcode != mdns.RcodeSuccess && reply.Rcode != mdns.RcodeNameError {
		return s.rcodeError("query", reply.Rcode, s.isUnsigned(reply))
	}
	if len(reply.Question) != 1 || !sameName(reply.Question[0].Name, q.Name) || reply.Question[0].Qtype != q.Qtype {
		return fmt.Errorf("server %s: the answer is to another question", s.p.cfg.Server)
	}
	if reply.Truncated {
		return fmt.Errorf("server %s: the answer for %s is truncated, over TCP", s.p.cfg.Server, q.Name)
	}
	return nil
}
