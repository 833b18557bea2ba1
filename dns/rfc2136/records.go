package rfc2136

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// setKey identifies a record set; name is canonical.
type setKey struct {
	name  string
	rtype dns.Type
}

// recordsOf are the records of a set, sorted by value, and these values as a server prints them, each once.
// An error names the value that is none of its type.
func recordsOf(name string, rtype dns.Type, ttl int, values []string) ([]mdns.RR, []string, error) {
	rrs := make(map[string]mdns.RR, len(values))
	texts := make([]string, 0, len(values))
	for _, v := range values {
		rr, err := recordOf(name, rtype, ttl, v)
		if err != nil {
			return nil, nil, err
		}
		text := valueOf(rr)
		if rrs[text] == nil {
			rrs[text], texts = rr, append(texts, text)
		}
	}
	slices.Sort(texts)
	sorted := make([]mdns.RR, len(texts))
	for i, text := range texts {
		sorted[i] = rrs[text]
	}
	return sorted, texts, nil
}

func recordOf(name string, rtype dns.Type, ttl int, value string) (mdns.RR, error) {
	code, ok := typeCode(rtype)
	if !ok {
		return nil, fmt.Errorf("%s %s: the type is not known", name, rtype)
	}
	if rr := plainRecord(name, code, ttl, value); rr != nil {
		return rr, nil
	}
	if strings.ContainsAny(value, "\r\n") {
		return nil, fmt.Errorf("%s %s: value %q has more than one line", name, rtype, value)
	}
	rr, err := mdns.NewRR(fmt.Sprintf("%s %d IN %s %s", name, ttl, rtype, value))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: value %q is none of this type: %w", name, rtype, value, err)
	case rr == nil || rr.Header().Rrtype != code:
		return nil, fmt.Errorf("%s %s: value %q is none of this type", name, rtype, value)
	}
	return rr, nil
}

// plainRecord is an address, or a text that is written plainly; nil for anything else. Nearly all records are
// of these, and the library takes long to parse a line of a zone file.
func plainRecord(name string, code uint16, ttl int, value string) mdns.RR {
	header := mdns.RR_Header{Name: name, Rrtype: code, Class: mdns.ClassINET, Ttl: uint32(ttl)}
	if code == mdns.TypeTXT {
		if n := len(value); n >= 2 && n <= 257 && value[0] == '"' && value[n-1] == '"' && isPlain(value[1:n-1]) {
			return &mdns.TXT{Hdr: header, Txt: []string{value[1 : n-1]}}
		}
		return nil
	}
	ip, err := netip.ParseAddr(value)
	switch {
	case err != nil || ip.Zone() != "":
		return nil
	case code == mdns.TypeA && ip.Is4():
		return &mdns.A{Hdr: header, A: ip.AsSlice()}
	case code == mdns.TypeAAAA && ip.Is6() && !ip.Is4In6():
		return &mdns.AAAA{Hdr: header, AAAA: ip.AsSlice()}
	}
	return nil
}

// isPlain tells that a text is written as it is, without escapes (RFC 1035 §5.1).
func isPlain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// typeCode is a type's number; unknown types are written TYPE123 (RFC 3597 §5).
func typeCode(t dns.Type) (uint16, bool) {
	if code, ok := mdns.StringToType[strings.ToUpper(string(t))]; ok {
		return code, true
	}
	var code uint16
	_, err := fmt.Sscanf(strings.ToUpper(string(t)), "TYPE%d", &code)
	return code, err == nil
}

func typeOf(rr mdns.RR) dns.Type { return dns.Type(mdns.Type(rr.Header().Rrtype).String()) }

// valueOf is a record's data as dns.RecordSet has it: names in it in lower case. It may change the record.
func valueOf(rr mdns.RR) string {
	switch rr := rr.(type) {
	case *mdns.A:
		return rr.A.String()
	case *mdns.TXT:
		if len(rr.Txt) == 1 && isPlain(rr.Txt[0]) {
			return `"` + rr.Txt[0] + `"`
		}
	case *mdns.SRV:
		rr.Target = mdns.CanonicalName(rr.Target)
	case *mdns.PTR:
		rr.Ptr = mdns.CanonicalName(rr.Ptr)
	case *mdns.CNAME:
		rr.Target = mdns.CanonicalName(rr.Target)
	case *mdns.DNAME:
		rr.Target = mdns.CanonicalName(rr.Target)
	case *mdns.NS:
		rr.Ns = mdns.CanonicalName(rr.Ns)
	case *mdns.MX:
		rr.Mx = mdns.CanonicalName(rr.Mx)
	case *mdns.SOA:
		rr.Ns, rr.Mbox = mdns.CanonicalName(rr.Ns), mdns.CanonicalName(rr.Mbox)
	case *mdns.RFC3597:
		return fmt.Sprintf(`\# %d %s`, len(rr.Rdata)/2, rr.Rdata)
	}
	return strings.TrimPrefix(rr.String(), rr.Header().String())
}

// sets gathers records into sets.
type sets map[setKey]*dns.RecordSet

// add takes a record in; those that a signed zone's server makes by itself are none of a zone's content.
func (s sets) add(rr mdns.RR) {
	if rr.Header().Class != mdns.ClassINET || madeBySigner(rr.Header().Rrtype) {
		return
	}
	if h, ok := rr.(*mdns.HINFO); ok && h.Cpu == "RFC8482" { // an answer to ANY that says nothing, RFC 8482 §4.2
		return
	}
	key := setKey{dns.Canonical(rr.Header().Name), typeOf(rr)}
	set := s[key]
	if set == nil {
		set = &dns.RecordSet{Name: key.name, Type: key.rtype, TTL: int(rr.Header().Ttl)}
		s[key] = set
	}
	set.TTL = min(set.TTL, int(rr.Header().Ttl)) // one TTL a set, RFC 2181 §5.2
	set.Values = append(set.Values, valueOf(rr))
}

// list are the sets by name and type, their values sorted.
func (s sets) list() []dns.RecordSet {
	list := make([]dns.RecordSet, 0, len(s))
	for _, set := range s {
		slices.Sort(set.Values)
		set.Values = slices.Compact(set.Values)
		list = append(list, *set)
	}
	slices.SortFunc(list, func(a, b dns.RecordSet) int {
		if c := strings.Compare(a.Name, b.Name); c != 0 {
			return c
		}
		return strings.Compare(string(a.Type), string(b.Type))
	})
	return list
}

// typePrivate is where BIND keeps the state of signing (RFC 6895 §3.1 private use; BIND's sig-signing-type).
const typePrivate = 65534

func madeBySigner(rtype uint16) bool {
	switch rtype {
	case mdns.TypeRRSIG, mdns.TypeNSEC, mdns.TypeNSEC3, mdns.TypeNSEC3PARAM, mdns.TypeDNSKEY, mdns.TypeCDS, mdns.TypeCDNSKEY, typePrivate:
		return true
	}
	return false
}

// sameName compares names as RFC 4343 has it.
func sameName(a, b string) bool { return dns.Canonical(a) == dns.Canonical(b) }

// within tells by labels whether a name is in a zone: xexample.com is not in example.com.
func within(zone, name string) bool { return mdns.IsSubDomain(zone, name) }
