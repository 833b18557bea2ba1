package serve_test

import (
	"fmt"
	"testing"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/serve"
)

// crowd is a region of n replicas.
func crowd(n int) serve.Contents {
	c := contents()
	c.Topology.Spec.Regions[0].Clusters[0].Replicas = n
	c.Endpoints = nil
	for i := range n {
		c.Endpoints = append(c.Endpoints, endpoint("use1", i, fmt.Sprintf("10.1.%d.%d", i/200, i%200+1)))
	}
	return c
}

func TestTruncation(t *testing.T) {
	zone := serve.NewZone(crowd(200), fixed(1))
	tests := map[string]struct {
		transport serve.Transport
		edns      uint16 // 0: none
		size      int
		cut       bool
	}{
		"plain UDP":           {serve.UDP, 0, 512, true},
		"EDNS below the norm": {serve.UDP, 100, 512, true},
		"EDNS":                {serve.UDP, 1000, 1000, true},
		"EDNS above our cap":  {serve.UDP, 65535, 1232, true},
		"TCP":                 {serve.TCP, 0, 65535, false},
		"TCP with EDNS":       {serve.TCP, 512, 65535, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			query := question("us-east1."+origin, mdns.TypeA)
			if test.edns > 0 {
				query.SetEdns0(test.edns, false)
			}
			reply := zone.Answer(query, test.transport)
			wire, err := reply.Pack()
			if err != nil {
				t.Fatal(err)
			}
			if len(wire) > test.size || reply.Truncated != test.cut || (len(reply.Answer) == 200) == test.cut {
				t.Errorf("%d bytes, %d records, tc=%t; want at most %d, tc=%t", len(wire), len(reply.Answer), reply.Truncated, test.size, test.cut)
			}
			if (reply.IsEdns0() != nil) != (test.edns > 0) {
				t.Errorf("OPT in the reply: %v", reply.IsEdns0())
			}
		})
	}
}

// FuzzAnswer: whatever can be unpacked gets a reply that can be packed, fits, and
// belongs to the query.
func FuzzAnswer(f *testing.F) {
	update := question("bank-0.use1."+origin, mdns.TypeA)
	update.Opcode = mdns.OpcodeUpdate
	edns := question("us-east1."+origin, mdns.TypeANY)
	edns.SetEdns0(700, true)
	later := edns.Copy()
	later.IsEdns0().SetVersion(3)
	for _, m := range []*mdns.Msg{later, question("bank-0.use1."+origin, mdns.TypeA), question("x."+origin, mdns.TypeAAAA), question(".", mdns.TypeNS), update, edns} {
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	zone := serve.NewZone(crowd(200), fixed(1))
	f.Fuzz(func(t *testing.T, wire []byte) {
		query := new(mdns.Msg)
		if query.Unpack(wire) != nil {
			return
		}
		for transport, most := range map[serve.Transport]int{serve.UDP: 1232, serve.TCP: 65535} {
			reply := zone.Answer(query, transport)
			out, err := reply.Pack()
			if err != nil {
				t.Fatalf("the reply to %v cannot be packed: %v", query, err)
			}
			if len(out) > most || reply.Id != query.Id || !reply.Response || reply.RecursionAvailable {
				t.Fatalf("%d bytes, reply %v to %v", len(out), reply, query)
			}
		}
	})
}
