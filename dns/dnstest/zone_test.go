package dnstest_test

import (
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest"
)

func TestZoneKeepsTheContract(t *testing.T) {
	dnstest.Contract(t, func(t *testing.T) dns.Provider {
		zone, err := dnstest.NewZone(dnstest.Origin)
		if err != nil {
			t.Fatal(err)
		}
		return zone
	})
}

func TestNewZone(t *testing.T) {
	set := dns.RecordSet{Name: "A.Example.com", Type: dns.TypeA, TTL: 10, Values: []string{"10.0.0.1"}}
	zone, err := dnstest.NewZone("example.com", set)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := zone.Read(t.Context(), "EXAMPLE.com.", nil)
	if err != nil || len(snapshot.Sets) != 1 || snapshot.Sets[0].Name != "a.example.com." {
		t.Errorf("the zone reads %v, %v", snapshot, err)
	}
	set.Name = "a.xexample.com."
	if _, err := dnstest.NewZone("example.com", set); err == nil || !strings.Contains(err.Error(), "outside zone") {
		t.Errorf("a name of another zone was accepted: %v", err)
	}
}
