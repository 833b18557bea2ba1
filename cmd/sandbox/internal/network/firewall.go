//go:build linux

package network

import (
	"fmt"
	"net/netip"
	"strings"

	"quorate.dev/quorate/cmd/sandbox/internal/places"
)

// table is what all rules of ours in a place are in; kube-proxy has tables of its own.
const table = "ip quorate"

// Ruleset renders a place's filter as nft(8) reads it, replacing the former one in one transaction.
//
// Packets are dropped where they arrive, before anything else sees them, so that a partition is what a
// broken line is: silence for whoever sends, be it the place itself or a pod. (A blackhole route would
// make the sender's own system answer EINVAL at once.) "Deaf" drops TCP's first packet (RFC 9293, section 3.5:
// SYN without ACK), so that connections which stand go on, and of other protocols what begins a flow.
func Ruleset(filter places.Filter) string {
	var rules strings.Builder
	fmt.Fprintf(&rules, "table %s\ndelete table %s\n", table, table)
	if len(filter.Silent)+len(filter.Deaf) == 0 {
		return rules.String()
	}
	fmt.Fprintf(&rules, "table %s {\n", table)
	if len(filter.Silent) > 0 {
		rules.WriteString("\tchain silent {\n\t\ttype filter hook prerouting priority raw; policy accept;\n")
		fmt.Fprintf(&rules, "\t\tip saddr %s counter drop\n\t}\n", set(filter.Silent))
	}
	if len(filter.Deaf) > 0 {
		rules.WriteString("\tchain deaf {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n")
		fmt.Fprintf(&rules, "\t\tip saddr %s tcp flags & (syn | ack) == syn counter drop\n", set(filter.Deaf))
		fmt.Fprintf(&rules, "\t\tip saddr %s meta l4proto != tcp ct state new counter drop\n\t}\n", set(filter.Deaf))
	}
	rules.WriteString("}\n")
	return rules.String()
}

// set renders networks as an anonymous set.
func set(networks []netip.Prefix) string {
	texts := make([]string, len(networks))
	for i, network := range networks {
		texts[i] = network.String()
	}
	return "{ " + strings.Join(texts, ", ") + " }"
}
