package serve

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

const (
	// notifyAfter is how long changes are collected before secondaries are told.
	notifyAfter = 200 * time.Millisecond
	// notifyTimeout bounds the wait for an acknowledgement.
	notifyTimeout = 2 * time.Second
	// notifyRetry is how soon one that did not acknowledge is told again, doubled each time up to notifyRetryMost:
	// without the word it finds out by itself after its refresh time, which some lengthen to five minutes.
	notifyRetry     = time.Second
	notifyRetryMost = time.Minute
)

// notifier tells one secondary of new serials (RFC 1996).
type notifier struct {
	server *Server
	target NotifyTarget
	key    keyEntry
	log    *slog.Logger

	acknowledged, failed atomic.Uint64
}

func newNotifier(s *Server, target NotifyTarget) *notifier {
	return &notifier{server: s, target: target, key: s.keys[dns.Canonical(target.Key)], log: s.log.With("secondary", target.Address)}
}

// run tells the secondary of what is served at first and of every change, until ctx is done.
func (n *notifier) run(ctx context.Context) {
	var told *uint32 // the serial that was acknowledged
	for ctx.Err() == nil {
		_, replaced := n.server.View()
		s := n.server.zone.current.Load()
		if !s.complete() || told != nil && *told == s.serial {
			select {
			case <-replaced:
			case <-ctx.Done():
			}
			continue
		}
		if told != nil {
			idle(ctx, notifyAfter)
			if s = n.server.zone.current.Load(); !s.complete() {
				continue
			}
		}
		if n.tell(ctx, s) {
			told = &s.serial
		}
	}
}

// tell repeats until the secondary acknowledged, of the serial that is served by then, with longer and longer pauses.
func (n *notifier) tell(ctx context.Context, s *snapshot) bool {
	pause := notifyRetry
	for {
		err := n.send(ctx, s)
		if err == nil {
			n.acknowledged.Add(1)
			n.log.Debug("secondary was told of a change", "serial", s.serial)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		n.failed.Add(1)
		if pause == notifyRetry {
			n.log.Warn("a secondary does not acknowledge that the zone changed; it is told again until it does", "serial", s.serial, "error", err)
		}
		idle(ctx, pause)
		if pause = min(2*pause, notifyRetryMost); n.server.zone.current.Load() != s {
			return false // something newer is to be told
		}
	}
}

// send sends one NOTIFY and waits for its acknowledgement.
func (n *notifier) send(ctx context.Context, s *snapshot) error {
	m := new(mdns.Msg).SetNotify(s.origin)
	m.Answer = []mdns.RR{s.soa(apexTTL)}
	c := mdns.Client{Timeout: notifyTimeout, Dialer: &net.Dialer{Timeout: notifyTimeout, LocalAddr: n.source()}}
	if n.key.provider != nil {
		c.TsigProvider = n.key.provider
		m.SetTsig(n.key.name, n.key.algorithm, fudge, time.Now().Unix())
	}
	reply, _, err := c.ExchangeContext(ctx, m, n.target.Address)
	switch {
	case err != nil:
		return fmt.Errorf("notify %s: %w", n.target.Address, err)
	case n.key.provider != nil && reply.IsTsig() == nil:
		return fmt.Errorf("notify %s: its acknowledgement is not signed", n.target.Address)
	case reply.Rcode != mdns.RcodeSuccess:
		return fmt.Errorf("notify %s: it answers %s: check that it is a secondary of %s and takes notifies from this address", n.target.Address, mdns.RcodeToString[reply.Rcode], s.origin)
	case reply.Opcode != mdns.OpcodeNotify:
		return errors.New("notify " + n.target.Address + ": it answers another question")
	}
	return nil
}

// source is the address that the server listens on, where that is one that can reach the secondary: some take notifies
// from the address of their primary alone. Nil leaves it to the system.
func (n *notifier) source() net.Addr {
	target, err := netip.ParseAddrPort(n.target.Address)
	if err != nil {
		return nil
	}
	for _, from := range n.server.addresses() {
		if !from.IsUnspecified() && from.Is4() == target.Addr().Unmap().Is4() && from.IsLoopback() == target.Addr().IsLoopback() {
			return net.UDPAddrFromAddrPort(netip.AddrPortFrom(from, 0))
		}
	}
	return nil
}

// addresses are those that the server listens on.
func (s *Server) addresses() []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bound
}
