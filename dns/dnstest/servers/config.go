package servers

import (
	"fmt"
	"strings"
)

// Kind is a product.
type Kind string

// The products. CoreDNS and NSD take no DNS UPDATE; Unbound is a resolver, or a secondary (auth-zone).
const (
	BIND     Kind = "bind"
	Knot     Kind = "knot"
	PowerDNS Kind = "powerdns"
	NSD      Kind = "nsd"
	Unbound  Kind = "unbound"
	CoreDNS  Kind = "coredns"
)

// Updatable are the products that take DNS UPDATE.
func Updatable() []Kind { return []Kind{BIND, Knot, PowerDNS} }

// Secondaries are the products that follow a primary by transfers.
func Secondaries() []Kind { return []Kind{BIND, Knot, NSD, CoreDNS} }

// DefaultZone is the zone where a Config names none.
const DefaultZone = "bank.test."

// Config is what a primary serves and to whom. The zero Config is an unsigned zone DefaultZone with SOA, NS and
// the address of ns1 alone, which holders of a new key of hmac-sha256 may change and transfer.
type Config struct {
	Zone    string   // absolute
	Serial  uint32   // of the SOA at first; 0: 1
	Records []string // lines of a zone file, names relative to the zone, such as "api 60 A 192.0.2.1"
	Reverse []string // more zones, empty but for SOA and NS, such as "10.in-addr.arpa.", with the same rights
	Key     TSIGKey  // zero: a new one, name "quorate."
	// Algorithm is of the new key; empty: hmac-sha256.
	Algorithm  string
	NoTransfer bool     // nobody may transfer
	AnyReader  bool     // everybody may transfer, without a key
	Signed     bool     // DNSSEC, by the server: BIND dnssec-policy, Knot dnssec-signing, PowerDNS secure-zone
	IPv6       bool     // listen on ::1 instead of 127.0.0.1
	Views      bool     // BIND: Key and Outside each see and change a zone of their own by the same name
	Outside    TSIGKey  // the second view's; zero with Views: a new one, name "outside."
	NotifyTo   []string // addresses of secondaries, host:port
}

// withDefaults fills what is not given.
func (c Config) withDefaults() Config {
	if c.Zone == "" {
		c.Zone = DefaultZone
	}
	if c.Serial == 0 {
		c.Serial = 1
	}
	if c.Algorithm == "" {
		c.Algorithm = "hmac-sha256"
	}
	if c.Key.IsZero() {
		c.Key = NewKey("quorate.", c.Algorithm)
	}
	if c.Views && c.Outside.IsZero() {
		c.Outside = NewKey("outside.", c.Algorithm)
	}
	return c
}

// Zones are all zones of the primary; the first is Zone.
func (c Config) Zones() []string { return append([]string{c.Zone}, c.Reverse...) }

// ZoneFile is the text of a zone: a SOA with a MINIMUM of 5 s, an NS, and for Zone its Records.
func (c Config) ZoneFile(zone string) string {
	ns, address := "ns1."+c.Zone, "A 127.0.0.1"
	if c.IPv6 {
		address = "AAAA ::1"
	}
	lines := []string{
		"$ORIGIN " + zone,
		"$TTL 60",
		fmt.Sprintf("@ 60 IN SOA %s hostmaster.%s %d 15 5 86400 5", ns, c.Zone, c.Serial),
		"@ 60 IN NS " + ns,
	}
	if zone == c.Zone {
		lines = append(lines, "ns1 60 IN "+address)
		lines = append(lines, c.Records...)
	}
	return strings.Join(lines, "\n") + "\n"
}
