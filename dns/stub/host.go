package stub

import (
	"net/netip"
	"strconv"
	"strings"

	"quorate.dev/quorate/dns"
)

// Host is how the CoreDNS of a cluster is set up, as its Corefile tells.
type Host struct {
	// Port is that of the server block for the root zone, as written; empty: it names none.
	Port string
	// Bind is its bind line; empty: it listens on all addresses.
	Bind []string
	// Domain is the cluster's domain, canonical.
	Domain string
}

// defaultDomain is what clusters call themselves unless somebody chose otherwise.
const defaultDomain = "cluster.local."

// HostOf reads it from a Corefile.
func HostOf(text string) (Host, error) {
	c, err := parseCorefile(text)
	if err != nil {
		return Host{}, err
	}
	return c.host(), nil
}

func (c *corefile) host() Host {
	out := Host{Domain: defaultDomain}
	for _, b := range c.servers() {
		for _, key := range b.keys {
			z := zoneOf(key.text)
			if z.name != "." || z.unknown {
				continue
			}
			out.Port = z.port
			for _, d := range c.expanded(b) {
				switch {
				case d.name == "bind":
					out.Bind = d.args
				case d.name == "kubernetes" && len(d.args) > 0:
					out.Domain = dns.Canonical(d.args[0])
				}
			}
			return out
		}
	}
	return out
}

// port is the number behind Port.
func (h Host) port() uint16 {
	n, err := strconv.ParseUint(h.Port, 10, 16)
	if err != nil {
		return dnsPort
	}
	return uint16(n)
}

// self is an address at which this CoreDNS answers from within its own pod.
func (h Host) self() netip.AddrPort {
	for _, b := range h.Bind {
		if address, err := netip.ParseAddr(b); err == nil {
			return netip.AddrPortFrom(address, h.port())
		}
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), h.port())
}

// served is one zone of a server block.
type served struct {
	name    string // canonical; empty: a reverse zone in CIDR form, or not plain DNS
	port    string // as written
	unknown bool   // it holds an environment variable
}

// zoneOf takes a key of a server block apart (coredns, core/dnsserver/address.go).
func zoneOf(key string) served {
	if strings.Contains(key, "{$") || strings.Contains(key, "{%") {
		return served{unknown: true}
	}
	if transport, rest, ok := strings.Cut(key, "://"); ok {
		if transport != "dns" {
			return served{}
		}
		key = rest
	}
	if strings.Contains(key, "/") {
		return served{}
	}
	name, port := key, ""
	if i := strings.LastIndexByte(key, ':'); i >= 0 {
		name, port = key[:i], key[i+1:]
	}
	if name == "" {
		name = "."
	}
	return served{name: dns.Canonical(name), port: port}
}

// below tells whether a name is another one or stands under it; both are canonical.
func below(name, zone string) bool {
	return zone == "." || name == zone || strings.HasSuffix(name, "."+zone)
}
