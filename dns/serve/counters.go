package serve

import (
	"sync/atomic"

	mdns "github.com/miekg/dns"
)

// counters count what one reader of queries did; each reader has its own, and whoever looks adds them up.
type counters struct {
	queries [2][len(countedTypes) + 1][len(countedRcodes) + 1]atomic.Uint64
	drops   [dropReasons]atomic.Uint64
	_       [64]byte // another reader's counters do not share the cache line
}

// countedTypes are those that are counted by name, the others together.
var countedTypes = [...]uint16{ //nolint:gochecknoglobals // constant
	mdns.TypeA, mdns.TypeAAAA, mdns.TypeSRV, mdns.TypeNS, mdns.TypeSOA, mdns.TypeTXT, mdns.TypePTR, mdns.TypeANY, mdns.TypeAXFR, mdns.TypeIXFR,
}

var countedRcodes = [...]int{ //nolint:gochecknoglobals // constant
	mdns.RcodeSuccess, mdns.RcodeNameError, mdns.RcodeServerFailure, mdns.RcodeRefused,
	mdns.RcodeFormatError, mdns.RcodeNotImplemented, mdns.RcodeNotAuth, mdns.RcodeBadVers,
}

// dropReason is why a query was not answered as it was asked.
type dropReason int

const (
	droppedOverLimit   dropReason = iota // not answered
	truncatedOverLimit                   // answered with TC alone
	droppedMalformed                     // no query at all
	refusedConnections                   // TCP connections beyond the limit
	dropReasons        = iota
)

func (r dropReason) String() string {
	return [...]string{"limit", "limit_truncated", "malformed", "connections"}[r]
}

// answered counts a query with its answer.
func (c *counters) answered(transport Transport, qtype uint16, rcode int) {
	t, r := len(countedTypes), len(countedRcodes)
	for i, counted := range countedTypes {
		if counted == qtype {
			t = i
			break
		}
	}
	for i, counted := range countedRcodes {
		if counted == rcode {
			r = i
			break
		}
	}
	c.queries[transport][t][r].Add(1)
}

func (c *counters) dropped(why dropReason) { c.drops[why].Add(1) }

// add adds what another counted.
func (c *counters) add(other *counters) {
	for transport := range other.queries {
		for t := range other.queries[transport] {
			for r := range other.queries[transport][t] {
				c.queries[transport][t][r].Add(other.queries[transport][t][r].Load())
			}
		}
	}
	for why := range other.drops {
		c.drops[why].Add(other.drops[why].Load())
	}
}
