package servers

import (
	"context"
	"errors"
	"testing"
)

// Following is how a secondary or a resolver asks a primary.
type Following struct {
	Key     TSIGKey  // zero: it asks without one
	Address string   // where it listens, host:port, for a primary that must know it first (FreeAddress); empty: anywhere
	IPv6    bool     // listen on ::1
	Forward bool     // Unbound as resolver: forward-zone instead of stub-zone
	Cache   bool     // a resolver keeps answers for their TTL; otherwise for as little as it can
	OverUDP bool     // NSD as secondary: ask for what changed over UDP first
	NoWait  bool     // do not wait until it answers for the zone: the primary may be away
	Extra   []string // lines of the product's own, in its server's section (for BIND: options), such as "min-refresh-time 1;"
}

// FreeAddress is an address of 127.0.0.1 that was free just now, for UDP and TCP.
func FreeAddress(t testing.TB) string {
	t.Helper()
	a, err := freeAddress("127.0.0.1")
	check(t, err)
	return a.String()
}

// Secondary runs a secondary of a zone that the primary at an address lets it transfer, and waits until it answers for it.
func Secondary(t testing.TB, kind Kind, primary, zone string, f Following) *Primary {
	t.Helper()
	return follow(t, kind, primary, zone, f, settings{Secondary: true})
}

// Resolver runs Unbound or CoreDNS as a resolver, which asks the server at an address for names of the zone.
func Resolver(t testing.TB, kind Kind, authority, zone string, f Following) *Primary {
	t.Helper()
	if kind != Unbound && kind != CoreDNS {
		t.Fatalf("%s is run as no resolver here", kind)
	}
	return follow(t, kind, authority, zone, f, settings{Resolver: true})
}

func follow(t testing.TB, kind Kind, from, zone string, f Following, s settings) *Primary {
	t.Helper()
	Needed(t)
	var err, err2 error
	s.From, err = parseAddress(from)
	if f.Address != "" {
		s.address, err2 = parseAddress(f.Address)
	}
	check(t, errors.Join(err, err2))
	s.Config = Config{Zone: zone, Key: f.Key, IPv6: f.IPv6, Extra: f.Extra}
	s.Forward, s.Cache, s.OverUDP, s.noWait = f.Forward, f.Cache, f.OverUDP, f.NoWait
	return start(t, func(ctx context.Context, dir string) (*Server, error) { return launch(ctx, dir, kind, s) })
}
