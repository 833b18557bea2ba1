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

// Config is what a primary serves and to whom. The zero Config is an unsigned zone DefaultZone with SOA and NS
// alone, which holders of a new key of hmac-sha256 may change and transfer.
type Config struct {
	Zone     string   // absolute
	Serial   uint32   // of the SOA at first; 0: 1
	Records  []string // lines of a zone file, names relative to the zone, such as "api 60 A 192.0.2.1"
	ZoneText string   // the whole zone file, SOA and all; Serial and Records are ignored then
	Reverse  []string // more zones, empty but for SOA and NS, such as "10.in-addr.arpa.", with the same rights
	Key      TSIGKey  // zero: a new one, name "quorate."
	// Algorithm is of the new key; empty: hmac-sha256.
	Algorithm  string
	NoTransfer bool     // nobody may transfer
	AnyReader  bool     // everybody may transfer, without a key; NOTIFY is not signed then either
	Signed     bool     // DNSSEC, by the server: BIND dnssec-policy, Knot dnssec-signing, PowerDNS secure-zone
	IPv6       bool     // listen on ::1 instead of 127.0.0.1
	Views      bool     // BIND: Key and Outside each see and change a zone of their own by the same name
	Outside    TSIGKey  // the second view's; zero with Views: a new one, name "outside."
	Extra      []string // lines of the product's own, in its server's section (for BIND: options), such as "minimal-any yes;"
	Workers    int      // threads or processes that answer; 0: 1
	NotifyTo   []string // addresses of secondaries, host:port
	// Statements are, for the server's directory, what stands in its configuration in place of the keys, rights and zones that
	// would be written (for PowerDNS: beside them); it may write files there. The zones must be Zone and Reverse all the same.
	Statements func(dir string) string
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

// ZoneFile is the text of a zone: a SOA with a MINIMUM of 5 s, an NS outside of the zone, and for Zone its Records.
func (c Config) ZoneFile(zone string) string {
	if zone == c.Zone && c.ZoneText != "" {
		return c.ZoneText
	}
	lines := []string{
		"$ORIGIN " + zone,
		"$TTL 60",
		fmt.Sprintf("@ 60 IN SOA ns1.servers.test. hostmaster.servers.test. %d 15 5 86400 5", c.Serial),
		"@ 60 IN NS ns1.servers.test.",
	}
	if zone == c.Zone {
		lines = append(lines, c.Records...)
	}
	return strings.Join(lines, "\n") + "\n"
}
