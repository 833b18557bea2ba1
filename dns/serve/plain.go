package serve

import (
	"encoding/binary"

	mdns "github.com/miekg/dns"
)

// The plain path answers what nearly every query is, one question of class IN with or without EDNS,
// from the octets of the query to those of the reply, without memory of its own. Whatever else comes, and an
// answer that would not fit, goes the careful way through Zone.Answer; both say the same.

// plainQuery is a query as far as the plain path reads it; it is used again and again.
type plainQuery struct {
	space [256]byte
	name  []byte // the name asked for, lower case, in space
	qtype uint16
	end   int // of the question
	limit int // octets that the reply may have
	edns  bool
	flag  byte // the octet of the OPT record that holds DO, to be sent back
}

// Bits of a message's octets 2 and 3, and of the OPT record's flags (RFC 1035 §4.1.1, RFC 4035 §3.1.6, RFC 3225).
const (
	bitResponse, bitAuthoritative, bitRecursionDesired = 0x80, 0x04, 0x01
	bitAuthentic, bitCheckingDisabled                  = 0x20, 0x10
	bitDNSSEC                                          = 0x80
)

// parse reads a query; false where the plain path has no business with it.
func (q *plainQuery) parse(b []byte, transport Transport) bool {
	const oneQuestion = 1 << 48 // and no record but one of the last section
	return len(b) >= headerSize &&
		b[2]&^bitRecursionDesired == 0 && b[3]&^(bitAuthentic|bitCheckingDisabled) == 0 &&
		binary.BigEndian.Uint64(b[4:])&^1 == oneQuestion &&
		q.parseQuestion(b) && q.parseEDNS(b, transport)
}

// parseQuestion reads name, type and class.
func (q *plainQuery) parseQuestion(b []byte) bool {
	i := headerSize
	for {
		if i >= len(b) || b[i] > 63 {
			return false // cut off, or a pointer
		}
		n := int(b[i])
		i += 1 + n
		if n == 0 {
			break
		}
	}
	q.end = i + 4
	if i-headerSize > 255 || q.end > len(b) {
		return false
	}
	q.name = lower(append(q.space[:0], b[headerSize:i]...))
	q.qtype = binary.BigEndian.Uint16(b[i:])
	return binary.BigEndian.Uint16(b[i+2:]) == mdns.ClassINET && isPlainType(q.qtype)
}

// isPlainType: not a meta type, and not NS, whose answer carries addresses beside it.
func isPlainType(t uint16) bool {
	return t != mdns.TypeNone && t != mdns.TypeOPT && t != mdns.TypeNS && (t < 128 || t > mdns.TypeANY)
}

// parseEDNS reads what follows the question: nothing, or an OPT record whose options need no heed.
func (q *plainQuery) parseEDNS(b []byte, transport Transport) bool {
	q.edns, q.flag, q.limit = b[11] == 1, 0, mdns.MinMsgSize
	rest := b[q.end:]
	size := 0
	if q.edns {
		if len(rest) < ednsSize || rest[0] != 0 || binary.BigEndian.Uint16(rest[1:]) != mdns.TypeOPT ||
			rest[6] != 0 || !plainOptions(rest[9:]) {
			return false
		}
		size = int(binary.BigEndian.Uint16(rest[3:]))
		q.flag = rest[7] & bitDNSSEC
		q.limit = min(udpSize, max(q.limit, size))
	} else if len(rest) != 0 {
		return false
	}
	if transport == TCP {
		q.limit = mdns.MaxMsgSize
	}
	return true
}

// plainOptions: there are none but cookies, which a server that knows none may ignore (RFC 7873 §5.2), to the message's end.
func plainOptions(b []byte) bool {
	if int(binary.BigEndian.Uint16(b))+2 != len(b) {
		return false
	}
	for b = b[2:]; len(b) > 0; {
		if len(b) < 4 || binary.BigEndian.Uint16(b) != mdns.EDNS0COOKIE {
			return false
		}
		size := 4 + int(binary.BigEndian.Uint16(b[2:]))
		if size > len(b) {
			return false
		}
		b = b[size:]
	}
	return true
}

// plain appends the reply to a query that was parsed, and gives its rcode; false where it must go the careful way.
// The query's octets and dst must not overlap.
func (s *snapshot) plain(dst, query []byte, q *plainQuery) ([]byte, int, bool) {
	found, exists := s.find(q.name)
	size := q.end
	if q.edns {
		size += ednsSize
	}
	rcode, authority := mdns.RcodeSuccess, false
	var answer set
	switch {
	case exists && !found.unknown():
		var ok bool
		answer, ok = found.of(q.qtype)
		authority = !ok
	case exists || len(s.unread) > 0 || !isBelow(q.name, s.apex):
		return dst, 0, false
	default:
		rcode, authority = mdns.RcodeNameError, true
	}
	if size += len(answer.records); authority {
		size += soaSize
	}
	if size > q.limit || answer.count > 0xffff {
		return dst, 0, false
	}
	start := len(dst)
	dst = append(dst, query[:q.end]...)
	head := dst[start:]
	head[2] = bitResponse | bitAuthoritative | query[2]&bitRecursionDesired
	head[3] = query[3]&bitCheckingDisabled | byte(rcode)
	binary.BigEndian.PutUint16(head[6:], uint16(answer.count)) //nolint:gosec // it was compared
	head[9], head[11] = 0, 0
	dst = append(dst, answer.records...)
	if authority {
		head[9] = 1
		dst = s.appendDenial(dst, q)
	}
	if q.edns {
		dst[start+11] = 1
		dst = append(dst, 0, 0, byte(mdns.TypeOPT), udpSize>>8, udpSize&0xff, 0, 0, q.flag, 0, 0, 0)
	}
	return dst, rcode, true
}

// The SOA record of a denial: its owner and its two names end in pointers to the zone's name in the question.
const (
	soaServer, soaMailbox = "\x03ns1", "\x0ahostmaster"
	soaData               = len(soaServer) + 2 + len(soaMailbox) + 2 + 20
	soaSize               = recordFixed + soaData
)

// appendDenial appends the SOA record for a name in or at the apex.
func (s *snapshot) appendDenial(dst []byte, q *plainQuery) []byte {
	zone := uint16(0xc000 + headerSize + len(q.name) - len(s.apex)) //nolint:gosec // a name is 255 octets at most
	dst = binary.BigEndian.AppendUint16(dst, zone)
	dst = append(dst, 0, byte(mdns.TypeSOA), 0, mdns.ClassINET, 0, 0, 0, NegativeTTL, 0, byte(soaData))
	dst = append(dst, soaServer...)
	dst = binary.BigEndian.AppendUint16(dst, zone)
	dst = append(dst, soaMailbox...)
	dst = binary.BigEndian.AppendUint16(dst, zone)
	return s.appendTimers(dst)
}

// appendTimers appends the numbers of the SOA (RFC 1035 §3.3.13).
func (s *snapshot) appendTimers(dst []byte) []byte {
	for _, n := range [...]uint32{s.serial, refresh, retry, expire, NegativeTTL} {
		dst = binary.BigEndian.AppendUint32(dst, n)
	}
	return dst
}

// appendSOA appends what the SOA at the apex holds, names in full.
func (s *snapshot) appendSOA(dst []byte) ([]byte, bool) {
	dst = append(append(dst, soaServer...), s.apex...)
	dst = append(append(dst, soaMailbox...), s.apex...)
	return s.appendTimers(dst), true
}
