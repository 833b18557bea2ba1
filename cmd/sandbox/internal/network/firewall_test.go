//go:build linux

package network

import (
	"net/netip"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
)

func TestRuleset(t *testing.T) {
	silent := []netip.Prefix{netip.MustParsePrefix("198.18.0.16/28"), netip.MustParsePrefix("198.18.8.0/21")}
	deaf := []netip.Prefix{netip.MustParsePrefix("198.18.0.128/32")}
	const reset = "table ip quorate\ndelete table ip quorate\n"
	tests := map[string]struct {
		filter places.Filter
		want   string
	}{
		"nothing": {places.Filter{}, reset},
		"silent": {places.Filter{Silent: silent}, reset + `table ip quorate {
	chain silent {
		type filter hook prerouting priority raw; policy accept;
		ip saddr { 198.18.0.16/28, 198.18.8.0/21 } counter drop
	}
}
`},
		"deaf": {places.Filter{Deaf: deaf}, reset + `table ip quorate {
	chain deaf {
		type filter hook prerouting priority mangle; policy accept;
		ip saddr { 198.18.0.128/32 } tcp flags & (syn | ack) == syn counter drop
		ip saddr { 198.18.0.128/32 } meta l4proto != tcp ct state new counter drop
	}
}
`},
	}
	for name, test := range tests {
		if got := Ruleset(test.filter); got != test.want {
			t.Errorf("%s:\n%s", name, got)
		}
	}
}

func TestNamesFitAndAddressesStay(t *testing.T) {
	one, other := Network{Tag: "01234567"}, Network{Tag: "76543210"}
	plan := addresses.Plans()[7]
	last := plan.Outside(addresses.MaxOutside - 1)
	for _, name := range []string{one.bridge(), one.cable(last)} {
		if len(name) > 15 || !strings.Contains(name, one.Tag) {
			t.Errorf("%q is no name of a link, or not its sandbox's", name)
		}
	}
	if got := one.hardware(last).String(); got != (Network{Tag: one.Tag}).hardware(last).String() || got == other.hardware(last).String() {
		t.Errorf("hardware address %s is not fixed, or shared", got)
	}
	if first := one.hardware(last)[0]; first&0b11 != 0b10 {
		t.Errorf("%08b begins no locally administered unicast address", first)
	}
}
