package serve

import (
	"hash/maphash"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits bound what clients may cost. The zero value means the defaults; a negative number lifts a limit.
type Limits struct {
	// QueriesPerSecond is how many UDP queries a client (an IPv4 address, an IPv6 /56) may send for long, and Burst
	// how many at once. Above it half of the queries are answered with TC alone, so that whoever
	// really asks comes back over TCP, and half are not answered: a forged
	// address is sent less than was sent in its name. Loopback is not limited.
	QueriesPerSecond int // default 5,000
	Burst            int // default twice QueriesPerSecond
	// Connections is how many TCP connections may be open, and ConnectionsPerClient of one client; the newest is closed.
	Connections          int           // default 1,000
	ConnectionsPerClient int           // default 100
	Idle                 time.Duration // for which a TCP connection may say nothing (RFC 7766 §6.2.3); default 10 s
	// Transfers is how many may be under way at once; further ones are answered SERVFAIL, and the secondary comes again.
	Transfers int // default 16
}

const (
	defaultQueries     = 5000
	defaultConnections = 1000
	defaultPerClient   = 100
	defaultIdle        = 10 * time.Second
	defaultTransfers   = 16
	unlimited          = 1 << 30
)

// filled are the limits with their defaults.
func (l Limits) filled() Limits {
	l.QueriesPerSecond = orDefault(l.QueriesPerSecond, defaultQueries)
	l.Burst = orDefault(l.Burst, 2*l.QueriesPerSecond)
	l.Connections = orDefault(l.Connections, defaultConnections)
	l.ConnectionsPerClient = orDefault(l.ConnectionsPerClient, defaultPerClient)
	l.Transfers = orDefault(l.Transfers, defaultTransfers)
	if l.Idle <= 0 {
		l.Idle = defaultIdle
	}
	return l
}

func orDefault(value, standard int) int {
	switch {
	case value < 0:
		return unlimited
	case value == 0:
		return standard
	}
	return value
}

// Prefixes that count as one client: one address, and what one customer is given (RFC 6177).
const (
	clientBits4 = 32
	clientBits6 = 56
)

// client is the prefix that an address counts for.
func client(address netip.Addr) netip.Addr {
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address
	}
	prefix, err := address.Prefix(clientBits6)
	if err != nil {
		return address
	}
	return prefix.Addr()
}

// limiter is a token bucket for each client, in memory that never grows: clients that share a place, which a secret
// seed chooses, share its tokens. It takes no lock.
type limiter struct {
	seed    maphash.Seed
	rate    uint64 // milli-tokens a millisecond, which are tokens a second
	burst   uint64 // milli-tokens
	buckets []atomic.Uint64
}

const (
	buckets    = 1 << 16 // of eight octets: half a megabyte
	milli      = 1000
	tokenBits  = 32 // of a bucket: milli-tokens spent below, the millisecond of that reading above
	maxSeconds = 1 << tokenBits / milli
)

// newLimiter gives nil, which limits nothing, where there is no limit.
func newLimiter(l Limits) *limiter {
	if l.QueriesPerSecond >= unlimited || l.Burst >= maxSeconds {
		return nil
	}
	return &limiter{
		seed: maphash.MakeSeed(), rate: uint64(l.QueriesPerSecond), burst: uint64(l.Burst) * milli, //nolint:gosec // both are positive
		buckets: make([]atomic.Uint64, buckets),
	}
}

// take spends a token of the client's at a time in milliseconds of any origin; false where it has none left.
func (l *limiter) take(address netip.Addr, now uint32) bool {
	if l == nil || address.IsLoopback() {
		return true
	}
	bytes := client(address).As16()
	bucket := &l.buckets[maphash.Bytes(l.seed, bytes[:])%buckets]
	for {
		old := bucket.Load()
		spent, read, elapsed := old&(1<<tokenBits-1), now, now-uint32(old>>tokenBits) //nolint:gosec // halves of a word
		if elapsed > 1<<31 {                                                          // another reader's clock is ahead: what it counted is not counted again
			read, elapsed = uint32(old>>tokenBits), 0 //nolint:gosec // half of a word
		}
		spent -= min(spent, uint64(elapsed)*l.rate)
		allowed := spent+milli <= l.burst
		if allowed {
			spent += milli
		}
		if bucket.CompareAndSwap(old, uint64(read)<<tokenBits|spent) {
			return allowed
		}
	}
}
