package stub

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
)

// LoopError is an entry by which a question would come back to where it was asked.
type LoopError struct{ Why string }

// Error says how.
func (e *LoopError) Error() string { return e.Why }

// itself refuses to forward a domain to the very server that the entry is for; own are its addresses, the
// cluster's Service for DNS among them.
func (e Entry) itself(h Host, own []netip.AddrPort) error {
	var problems error
	for _, d := range e.Domains {
		for _, to := range d.To {
			local := to.Port() == h.port() && (to.Addr().IsLoopback() || slices.Contains(h.Bind, to.Addr().String()))
			if local || slices.Contains(own, to) {
				problems = errors.Join(problems, &LoopError{Why: fmt.Sprintf("%s would be forwarded to %s, which is this cluster's own DNS: every question would come back to it", bare(d.Names[0]), to)})
			}
		}
	}
	return problems
}

// Node is the DNS of one cluster, for Loops.
type Node struct {
	Cluster  string
	Corefile string
	Servers  []netip.AddrPort // where the other clusters reach it
}

// Loops follows each name from cluster to cluster as the Corefiles forward it, and refuses what comes back to a
// cluster that was asked before. A Corefile that cannot be read ends the way.
func Loops(nodes []Node, names []string) error {
	var problems error
	for _, name := range names {
		for _, n := range nodes {
			if way := follow(nodes, n, dns.Canonical(name), []string{n.Cluster}); way != nil {
				problems = errors.Join(problems, &LoopError{Why: fmt.Sprintf("%s would be forwarded in a circle: %s", bare(name), strings.Join(way, " → "))})
				break
			}
		}
	}
	return problems
}

// follow gives the way that ends at a cluster which is on it already; nil where there is none.
func follow(nodes []Node, at Node, name string, way []string) []string {
	for _, to := range forwards(at.Corefile, name) {
		i := slices.IndexFunc(nodes, func(n Node) bool { return slices.Contains(n.Servers, to) })
		if i < 0 {
			continue
		}
		next := nodes[i]
		longer := append(slices.Clone(way), next.Cluster)
		if slices.Contains(way, next.Cluster) {
			return longer
		}
		if found := follow(nodes, next, name, longer); found != nil {
			return found
		}
	}
	return nil
}

// forwards are the servers to which a Corefile forwards a name: those of the block with the longest
// zone above it, and in it of the forward plugin with the longest.
func forwards(text, name string) []netip.AddrPort {
	c, err := parseCorefile(text)
	if err != nil {
		return nil
	}
	var chosen *block
	var longest string
	for _, b := range c.servers() {
		for _, key := range b.keys {
			if z := zoneOf(key.text); z.name != "" && below(name, z.name) && (chosen == nil || len(z.name) > len(longest)) {
				chosen, longest = &b, z.name
			}
		}
	}
	if chosen == nil {
		return nil
	}
	var out []netip.AddrPort
	longest = ""
	for _, d := range c.expanded(*chosen) {
		if d.name != "forward" || len(d.args) < 2 {
			continue
		}
		from := dns.Canonical(d.args[0])
		if below(name, from) && (out == nil || len(from) > len(longest)) {
			longest, out = from, targets(d.args[1:])
		}
	}
	return out
}

// targets are the addresses among a forward plugin's arguments; files and names of other transports are none.
func targets(args []string) []netip.AddrPort {
	out := []netip.AddrPort{}
	for _, arg := range args {
		if server, err := ParseServer(strings.TrimPrefix(arg, "dns://")); err == nil {
			out = append(out, server)
		}
	}
	return out
}

// ParseServer reads the address of a name server: an IP address, with a port where it is not 53 (an
// IPv6 address then stands in brackets).
func ParseServer(text string) (netip.AddrPort, error) {
	if address, err := netip.ParseAddr(text); err == nil {
		return netip.AddrPortFrom(address.Unmap(), dnsPort), nil
	}
	server, err := netip.ParseAddrPort(text)
	if err != nil || server.Port() == 0 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address of a name server: write an IP address, and a port behind it where it is not %d", text, dnsPort)
	}
	return netip.AddrPortFrom(server.Addr().Unmap(), server.Port()), nil
}
