package rfc2136

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// Defaults of a Config.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultAttempts = 7
	// MaxMessage is what change sets are packed into one message up to, in bytes: where compression
	// pointers still reach every name (RFC 1035 §4.1.4: 14 bits).
	MaxMessage = 16 << 10
)

// maxWire is what one message may have at most, over TCP (RFC 1035 §4.2.2).
const maxWire = 1<<16 - 1

// Config is which server to write to, and how.
type Config struct {
	Server string // the primary, host:port; an IPv6 address in brackets
	// Zone is the zone as the server has it, which may be above the names' own; a call for another is an error.
	// Empty: whichever zone a call names, as for the reverse zones of one server.
	Zone     string
	Key      Key  // signs updates and queries; the zero Key: nothing is signed, and the server must go by addresses
	Transfer Key  // signs transfers; the zero Key: as Key
	Blind    bool // do not ask for a transfer, since it is refused: read by queries alone

	Timeout  time.Duration // for a connection, and between a request and its reply; 0: DefaultTimeout
	Attempts int           // how often a message is sent at most, where the server fails or is away for a while; 0: DefaultAttempts
	// Backoff is the wait before attempt n (1 is the second one), jitter included; nil: 100 ms, doubled up to 2 s, half of it random.
	Backoff func(n int) time.Duration
	Now     func() time.Time // of signatures; nil: time.Now
	// Dial opens connections; nil: net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *slog.Logger // nil: nothing is logged
}

// Publisher is a zone of a primary that takes DNS UPDATE. It holds no connection between calls, and may be used
// by many goroutines.
type Publisher struct {
	cfg Config

	mu    sync.Mutex
	sizes map[string]int // zone → records in it, when it was last transferred
}

var _ dns.Provider = (*Publisher)(nil)

// Open checks a Config; it needs no connection.
func Open(cfg Config) (*Publisher, error) {
	host, port, err := net.SplitHostPort(cfg.Server)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("server %q: host:port is wanted, as 192.0.2.1:53 or [2001:db8::1]:53", cfg.Server)
	}
	if cfg.Zone != "" {
		cfg.Zone = dns.Canonical(cfg.Zone)
		if _, ok := mdns.IsDomainName(cfg.Zone); !ok {
			return nil, fmt.Errorf("zone %q is no domain name", cfg.Zone)
		}
	}
	if cfg.Transfer.IsZero() {
		cfg.Transfer = cfg.Key
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = DefaultTimeout
	}
	if cfg.Attempts <= 0 {
		cfg.Attempts = DefaultAttempts
	}
	if cfg.Backoff == nil {
		cfg.Backoff = backoff
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Dial == nil {
		cfg.Dial = (&net.Dialer{}).DialContext
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Publisher{cfg: cfg, sizes: map[string]int{}}, nil
}

func backoff(n int) time.Duration {
	wait := min(50*time.Millisecond<<min(n, 10), 2*time.Second)
	return wait/2 + rand.N(wait/2)
}

// Caps of a primary that takes DNS UPDATE.
func (p *Publisher) Caps() dns.Caps {
	return dns.Caps{Atomic: true, Prerequisites: true, SRV: true, PTR: true, MaxBytes: maxWire}
}

// String names server and zone.
func (p *Publisher) String() string {
	if p.cfg.Zone == "" {
		return "server " + p.cfg.Server
	}
	return "zone " + p.cfg.Zone + " of server " + p.cfg.Server
}

// zone is the zone that a call is about.
func (p *Publisher) zone(verb, zone string) (string, error) {
	if zone == "" {
		zone = p.cfg.Zone
	}
	if _, ok := mdns.IsDomainName(zone); !ok || zone == "" {
		return "", fmt.Errorf("cannot %s zone %q of server %s: that is no domain name", verb, zone, p.cfg.Server)
	}
	zone = dns.Canonical(zone)
	if p.cfg.Zone != "" && zone != p.cfg.Zone {
		return "", fmt.Errorf("cannot %s zone %s: this publisher is for zone %s of server %s alone", verb, zone, p.cfg.Zone, p.cfg.Server)
	}
	return zone, nil
}

// transferred is how many records a zone had when it was last transferred; 0: it never was.
func (p *Publisher) transferred(zone string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sizes[zone]
}

// dial opens a connection, in time.
func (p *Publisher) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.cfg.Timeout, fmt.Errorf("no connection within %v", p.cfg.Timeout))
	defer cancel()
	conn, err := p.cfg.Dial(ctx, "tcp", p.cfg.Server)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, &dialError{server: p.cfg.Server, err: err}
	}
	return conn, nil
}

// dialError is that there is no connection, so that nothing was sent.
type dialError struct {
	server string
	err    error
}

func (e *dialError) Error() string {
	return fmt.Sprintf("connecting to name server %s over TCP: %v", e.server, e.err)
}

func (e *dialError) Unwrap() error { return e.err }

// pause waits before the next attempt, or until ctx ends.
func (p *Publisher) pause(ctx context.Context, attempt int) error {
	timer := time.NewTimer(p.cfg.Backoff(attempt))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// placed adds the server to an error of verification.
func (p *Publisher) placed(err error) error {
	if sig, ok := errors.AsType[*TSIGError](err); ok {
		sig.Server = p.cfg.Server
		return err
	}
	return fmt.Errorf("server %s: %w", p.cfg.Server, err)
}

func listed(values []string) string {
	switch len(values) {
	case 0:
		return "nothing"
	case 1:
		return values[0]
	}
	return fmt.Sprintf("%s and %d more", values[0], len(values)-1)
}
