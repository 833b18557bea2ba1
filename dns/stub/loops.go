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

// Loops follows each name from cluster to cluster as the Corefiles forward it, and refuses what comes back, under the same
// name, to a cluster that was asked before. A Corefile that cannot be read ends the way.
func Loops(nodes []Node, names []string) error {
	var problems error
	for _, name := range names {
		for _, n := range nodes {
			if way := follow(nodes, []question{{n, dns.Canonical(name)}}); way != nil {
				problems = errors.Join(problems, &LoopError{Why: fmt.Sprintf("%s would be forwarded in a circle: %s", bare(name), strings.Join(way, " → "))})
				break
			}
		}
	}
	return problems
}

// question is a name that a cluster's DNS is asked for.
type question struct {
	node Node
	name string
}

// follow gives the clusters of a way that ends at a question which is on it already; nil where there is none.
func follow(nodes []Node, way []question) []string {
	last := way[len(way)-1]
	servers, name := forwards(last.node.Corefile, last.name)
	for _, to := range servers {
		i := slices.IndexFunc(nodes, func(n Node) bool { return slices.Contains(n.Servers, to) })
		if i < 0 {
			continue
		}
		longer := append(slices.Clone(way), question{nodes[i], name})
		if slices.ContainsFunc(way, func(q question) bool { return q.node.Cluster == nodes[i].Cluster && q.name == name }) {
			return clustersOf(longer)
		}
		if found := follow(nodes, longer); found != nil {
			return found
		}
	}
	return nil
}

func clustersOf(way []question) []string {
	out := make([]string, len(way))
	for i, q := range way {
		out[i] = q.node.Cluster
	}
	return out
}

// forwards are the servers to which a Corefile forwards a name, and the name under which it does: those of the block with the
// longest zone above it, and in it of the forward plugin with the longest.
func forwards(text, name string) (to []netip.AddrPort, as string) {
	c, err := parseCorefile(text)
	if err != nil {
		return nil, name
	}
	chosen := blockOf(c, name)
	if chosen == nil {
		return nil, name
	}
	directives := c.expanded(*chosen)
	for _, d := range directives {
		if d.name == "rewrite" {
			name = rewritten(d.args, name)
		}
	}
	longest := ""
	for _, d := range directives {
		if d.name != "forward" || len(d.args) < 2 {
			continue
		}
		from := dns.Canonical(d.args[0])
		if below(name, from) && (to == nil || len(from) > len(longest)) {
			longest, to = from, targets(d.args[1:])
		}
	}
	return to, name
}

// blockOf is the block that a name is answered by; nil for none.
func blockOf(c *corefile, name string) (chosen *block) {
	var longest string
	for _, b := range c.servers() {
		for _, key := range b.keys {
			if z := zoneOf(key.text); z.name != "" && below(name, z.name) && (chosen == nil || len(z.name) > len(longest)) {
				chosen, longest = &b, z.name
			}
		}
	}
	return chosen
}

// rewritten is the name as plugin rewrite passes it on: a rule for that very name is followed, no other one.
func rewritten(rule []string, name string) string {
	if len(rule) > 0 && (rule[0] == "stop" || rule[0] == "continue") {
		rule = rule[1:]
	}
	if len(rule) == 0 || rule[0] != "name" {
		return name
	}
	if rule = rule[1:]; len(rule) > 0 && rule[0] == "exact" {
		rule = rule[1:]
	}
	if len(rule) > 1 && dns.Canonical(rule[0]) == name {
		return dns.Canonical(rule[1])
	}
	return name
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
