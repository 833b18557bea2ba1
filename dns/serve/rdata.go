package serve

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// typeOf is the number of a type; false where there is none.
func typeOf(t dns.Type) (uint16, bool) {
	switch t {
	case dns.TypeA:
		return mdns.TypeA, true
	case dns.TypeAAAA:
		return mdns.TypeAAAA, true
	default:
		number, ok := mdns.StringToType[string(t)]
		return number, ok
	}
}

// appendData appends what a record of the type holds, from its presentation form; names in it in full.
// False where the text is nothing of that type.
func appendData(b []byte, rrtype uint16, text string) ([]byte, bool) {
	switch rrtype {
	case mdns.TypeA, mdns.TypeAAAA:
		return appendAddress(b, rrtype, text)
	case mdns.TypeSRV:
		return appendSRV(b, text)
	case mdns.TypeNS, mdns.TypePTR, mdns.TypeCNAME:
		return appendName(b, text)
	default:
		return appendOther(b, rrtype, text)
	}
}

func appendAddress(b []byte, rrtype uint16, text string) ([]byte, bool) {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return b, false
	}
	if ip = ip.Unmap(); ip.Is4() != (rrtype == mdns.TypeA) {
		return b, false
	}
	if ip.Is4() {
		four := ip.As4()
		return append(b, four[:]...), true
	}
	sixteen := ip.As16()
	return append(b, sixteen[:]...), true
}

// appendSRV is priority, weight, port, and the target, which is never compressed (RFC 2782).
func appendSRV(b []byte, text string) ([]byte, bool) {
	for range 3 {
		number, rest, ok := strings.Cut(text, " ")
		n, err := strconv.ParseUint(number, 10, 16)
		if !ok || err != nil {
			return b, false
		}
		b, text = binary.BigEndian.AppendUint16(b, uint16(n)), rest
	}
	return appendName(b, text)
}

func appendOther(b []byte, rrtype uint16, text string) ([]byte, bool) {
	rr, err := mdns.NewRR(". 0 IN " + mdns.TypeToString[rrtype] + " " + text)
	if err != nil || rr == nil {
		return b, false
	}
	wire := make([]byte, mdns.Len(rr))
	n, err := mdns.PackRR(rr, wire, 0, nil, false)
	if err != nil {
		return b, false
	}
	const header = 11 // the root's one octet, type, class, TTL, length
	return append(b, wire[header:n]...), true
}

// appendName appends an absolute name on the wire, letters as they are.
func appendName(b []byte, name string) ([]byte, bool) {
	if strings.Contains(name, `\`) {
		return appendEscaped(b, name)
	}
	start := len(b)
	for rest := strings.TrimSuffix(name, "."); rest != ""; {
		label, more, _ := strings.Cut(rest, ".")
		if label == "" || len(label) > dns.MaxLabel {
			return b[:start], false
		}
		b = append(append(b, byte(len(label))), label...)
		rest = more
	}
	b = append(b, 0)
	const most = 255 // RFC 1035 §2.3.4
	return b, len(b)-start <= most
}

func appendEscaped(b []byte, name string) ([]byte, bool) {
	var wire [256]byte
	n, err := mdns.PackDomainName(mdns.Fqdn(name), wire[:], 0, nil, false)
	if err != nil {
		return b, false
	}
	return append(b, wire[:n]...), true
}

// lower turns ASCII letters of a name on the wire into lower case, in place (RFC 4343). Lengths of labels are below 'A'.
func lower(name []byte) []byte {
	for i, c := range name {
		if 'A' <= c && c <= 'Z' {
			name[i] = c + 'a' - 'A'
		}
	}
	return name
}

// isBelow tells whether a name is the other or lies below it; both on the wire in lower case.
func isBelow(name, parent []byte) bool {
	for i := 0; len(name)-i >= len(parent); i += 1 + int(name[i]) {
		if len(name)-i == len(parent) {
			return string(name[i:]) == string(parent)
		}
	}
	return false
}
