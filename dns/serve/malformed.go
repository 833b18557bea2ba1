package serve

import (
	"encoding/binary"
	"slices"

	mdns "github.com/miekg/dns"
)

// wellFormed tells of a message that was unpacked from wire whether it holds what its header counts, and each meta record where
// it belongs: OPT among the additional records (RFC 6891 §6.1.1), TSIG as the last of them and once (RFC 8945 §5.1).
// Unpacking is more lenient; a signature passed over would make a query one that nobody signed.
func wellFormed(wire []byte, m *mdns.Msg) bool {
	for i, held := range []int{len(m.Question), len(m.Answer), len(m.Ns), len(m.Extra)} {
		if int(binary.BigEndian.Uint16(wire[4+2*i:])) != held {
			return false
		}
	}
	meta := func(rr mdns.RR) bool { return isType(rr, mdns.TypeOPT) || isType(rr, mdns.TypeTSIG) }
	if slices.ContainsFunc(m.Answer, meta) || slices.ContainsFunc(m.Ns, meta) {
		return false
	}
	at := slices.IndexFunc(m.Extra, func(rr mdns.RR) bool { return isType(rr, mdns.TypeTSIG) })
	return at < 0 || at == len(m.Extra)-1
}

func isType(rr mdns.RR, t uint16) bool { return rr.Header().Rrtype == t }
