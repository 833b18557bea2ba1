package serve

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

func TestSerialArithmetic(t *testing.T) {
	tests := []struct {
		a, b uint32
		less bool
	}{
		{1, 2, true},
		{2, 1, false},
		{7, 7, false},
		{4294967295, 0, true},
		{4294967295, 1, true},
		{0, 4294967295, false},
		{0, 1<<31 - 1, true},
		{0, 1 << 31, false}, // undefined by the RFC: less neither way
		{1 << 31, 0, false},
	}
	for _, test := range tests {
		if got := serialLess(test.a, test.b); got != test.less {
			t.Errorf("serialLess(%d, %d) = %t, want %t", test.a, test.b, got, test.less)
		}
	}
}

// TestSerialIsMonotonic: every next serial is after the one before, wherever the clock stands.
func TestSerialIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		serial := rapid.Uint32().Draw(t, "serial")
		for _, seconds := range rapid.SliceOfN(rapid.Int64Range(0, 1<<33), 1, 20).Draw(t, "clock") {
			next := nextSerial(serial, time.Unix(seconds, 0))
			if !serialLess(serial, next) {
				t.Fatalf("serial %d is followed by %d", serial, next)
			}
			serial = next
		}
	})
}

// TestSerialMovesWithRecords: at a change of records alone, and by the clock where it is ahead.
func TestSerialMovesWithRecords(t *testing.T) {
	now := time.Unix(100, 0)
	topology := &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{
		DNS:     regions.DNS{Zone: "example.com"},
		Regions: []regions.Region{{Name: "r", Clusters: []regions.Cluster{{Name: "c", Replicas: 1}}}},
	}}
	c := Contents{Topology: topology, Unread: []string{"c"}}
	at := func(ip string) Contents {
		pod := dns.Endpoint{Replica: regions.ReplicaID{Cluster: "c", Pool: "bank"}, PodUID: "u", IPs: []string{ip}}
		return Contents{Topology: topology, Endpoints: []dns.Endpoint{pod}}
	}
	zone := NewZone(c, func() time.Time { return now })
	steps := []struct {
		name     string
		clock    int64
		contents Contents
		serial   uint32
	}{
		{"seeded by the clock", 100, c, 100},
		{"nothing new", 200, c, 100},
		{"read, an address", 200, at("10.0.0.1"), 200},
		{"the same address", 300, at("10.0.0.1"), 200},
		{"another within the same second", 200, at("10.0.0.2"), 201},
		{"the clock went back", 50, at("10.0.0.3"), 202},
		{"the clock is ahead again", 400, at("10.0.0.4"), 400},
	}
	for _, step := range steps {
		now = time.Unix(step.clock, 0)
		before := zone.Serial()
		changed := zone.Update(step.contents)
		if zone.Serial() != step.serial || changed != (step.serial != before) {
			t.Errorf("%s: serial %d, changed %t; want %d", step.name, zone.Serial(), changed, step.serial)
		}
	}
}
