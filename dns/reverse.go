package dns

import (
	"fmt"
	"net/netip"
	"strings"
)

// ReverseName is the name under which an address is looked up: in-addr.arpa (RFC 1035 §3.5) or
// ip6.arpa (RFC 3596 §2.5).
func ReverseName(ip netip.Addr) string {
	ip = ip.Unmap()
	var name strings.Builder
	if ip.Is4() {
		b := ip.As4()
		return fmt.Sprintf("%d.%d.%d.%d.in-addr.arpa.", b[3], b[2], b[1], b[0])
	}
	b := ip.As16()
	for i := len(b) - 1; i >= 0; i-- {
		fmt.Fprintf(&name, "%x.%x.", b[i]&0xf, b[i]>>4)
	}
	return name.String() + "ip6.arpa."
}

// Reverse are the PTR sets of the replicas among the sets of a topology's zone, by the reverse zone that holds them. Only
// names <pod>.<cluster>.<zone> count, so that every address has one PTR record; an address outside of
// the reverse zones has none, and the longest zone that encloses it takes it. The zones are those that are delegated
// to the user: quorate never guesses one.
func Reverse(sets []RecordSet, zone string, reverseZones []string) map[string][]RecordSet {
	out := map[string][]RecordSet{}
	for _, s := range sets {
		if s.Type != TypeA && s.Type != TypeAAAA || clusterLabel(zone, s.Name) == "" {
			continue
		}
		for _, v := range s.Values {
			ip, err := netip.ParseAddr(v)
			if err != nil {
				continue
			}
			name := ReverseName(ip)
			if in := enclosing(name, reverseZones); in != "" {
				out[in] = append(out[in], RecordSet{Name: name, Type: TypePTR, TTL: s.TTL, Values: []string{Canonical(s.Name)}, Cluster: s.Cluster})
			}
		}
	}
	for in, ptrs := range out {
		out[in] = sorted(index(ptrs))
	}
	return out
}

// enclosing is the longest of the zones that the name lies in, canonical; empty for none.
func enclosing(name string, zones []string) string {
	best := ""
	for _, z := range zones {
		if z = Canonical(z); Within(name, z) && len(z) > len(best) {
			best = z
		}
	}
	return best
}

// Within tells whether a name is the zone's apex or lies below it, label by label.
func Within(name, zone string) bool {
	name, zone = Canonical(name), Canonical(zone)
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}
