package serve

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"quorate.dev/quorate/dns"
)

// Zone answers queries for the names of one deployment. Queries read a snapshot
// without a lock; Update replaces it whole.
type Zone struct {
	now     func() time.Time
	seed    maphash.Seed
	writing sync.Mutex
	current atomic.Pointer[snapshot]
}

// NewZone is a zone with its first contents. The serial starts at now's Unix time and
// never goes back, so that it stays monotonic over restarts.
func NewZone(c Contents, now func() time.Time) *Zone { return newZone(c, now, nil) }

// newZone begins with a serial after that of a former run, where it is known.
func newZone(c Contents, now func() time.Time, after *uint32) *Zone {
	z := &Zone{now: now, seed: maphash.MakeSeed()}
	first := newSnapshot(c)
	first.serial = uint32(now().Unix()) //nolint:gosec // seconds modulo 2^32 are what serial arithmetic wants
	if after != nil {
		first.serial = nextSerial(*after, now())
	}
	z.current.Store(first.seal(z.seed))
	return z
}

// Update replaces the contents; queries that begin after it returned see them. The
// serial moves if and only if the records do. It reports whether they did.
func (z *Zone) Update(c Contents) bool {
	z.writing.Lock()
	defer z.writing.Unlock()
	old, next := z.current.Load(), newSnapshot(c)
	if next.sameAnswers(old) {
		return false
	}
	changed := !next.sameRecords(old)
	next.serial, next.history = old.serial, old.history
	if changed {
		next.serial = nextSerial(old.serial, z.now())
		next.history = remember(old.history, old, next)
	}
	z.current.Store(next.seal(z.seed))
	return changed
}

// Records are the records of the deployment served now, sorted by name and type.
func (z *Zone) Records() []dns.RecordSet { return z.current.Load().records }

// Serial is the serial of the SOA served now.
func (z *Zone) Serial() uint32 { return z.current.Load().serial }

// nextSerial is a serial after prev: the Unix time, or one more than prev where that
// is not after it (RFC 1982 serial number arithmetic, so it wraps).
func nextSerial(prev uint32, now time.Time) uint32 {
	clock := uint32(now.Unix()) //nolint:gosec // seconds modulo 2^32 are what serial arithmetic wants
	if serialLess(prev, clock) {
		return clock
	}
	return prev + 1
}

// serialLess tells whether serial a comes before b (RFC 1982 §3.2). Serials half
// the circle apart, for which the RFC defines no order, are not less either way.
func serialLess(a, b uint32) bool {
	ahead := b - a
	return ahead != 0 && ahead < 1<<31
}
