package serve_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net"
	"net/netip"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/serve"
)

// TestIXFROverUDP: whoever may have the zone gets the present SOA alone and comes again over TCP (RFC 1995 §2); whoever
// may not is refused as over TCP.
func TestIXFROverUDP(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	sources := []serve.Source{use1.source(), euw1.source()}
	other := ixfr(1)
	other.Question[0].Name = "use1." + origin
	chaos := ixfr(1)
	chaos.Question[0].Qclass = mdns.ClassCHAOS
	edns, late := ixfr(1), ixfr(1)
	edns.SetEdns0(4096, true)
	late.SetEdns0(4096, false)
	late.IsEdns0().SetVersion(1)
	byAddress := serve.Transfers{AllowPrefixes: loopback}
	tests := map[string]struct {
		transfers serve.Transfers
		query     *mdns.Msg
		signed    bool
		want      int
	}{
		"by default":              {serve.Transfers{}, ixfr(1), false, mdns.RcodeRefused},
		"by address":              {byAddress, ixfr(1), false, mdns.RcodeSuccess},
		"with EDNS":               {byAddress, edns, false, mdns.RcodeSuccess},
		"with a later EDNS":       {byAddress, late, false, mdns.RcodeBadVers},
		"from another address":    {serve.Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, ixfr(1), false, mdns.RcodeRefused},
		"without the key":         {serve.Transfers{Keys: []serve.Key{testKey}}, ixfr(1), false, mdns.RcodeRefused},
		"with the key":            {serve.Transfers{Keys: []serve.Key{testKey}}, ixfr(1), true, mdns.RcodeSuccess},
		"signed, no key is known": {byAddress, ixfr(1), true, mdns.RcodeNotAuth},
		"a zone that is not here": {byAddress, other, false, mdns.RcodeNotAuth},
		"another class":           {byAddress, chaos, false, mdns.RcodeRefused},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, address := start(t, serve.Config{Topology: bank(), Sources: sources, Transfers: test.transfers})
			if err := server.WaitSynced(t.Context()); err != nil {
				t.Fatal(err)
			}
			client := mdns.Client{}
			if test.signed {
				client.TsigSecret = map[string]string{"transfer.": base64.StdEncoding.EncodeToString(secret)}
				test.query.SetTsig("transfer.", mdns.HmacSHA512, 300, time.Now().Unix())
			}
			reply, _, err := client.Exchange(test.query, address)
			if reply == nil || err != nil && test.want == mdns.RcodeSuccess {
				t.Fatal(err)
			}
			rcode := reply.Rcode
			if opt := reply.IsEdns0(); opt != nil {
				rcode |= opt.ExtendedRcode()
			}
			if rcode != test.want || test.signed != (reply.IsTsig() != nil) || reply.Truncated {
				t.Errorf("want %s, got %s", mdns.RcodeToString[test.want], reply)
			}
			if rcode != mdns.RcodeSuccess {
				if len(reply.Answer) > 0 {
					t.Errorf("refused, and got %s", reply)
				}
				return
			}
			if len(reply.Answer) != 1 || reply.Answer[0].(*mdns.SOA).Serial != server.Zone().Serial() || !reply.Authoritative {
				t.Errorf("got %s", reply)
			}
			if (test.query.IsEdns0() == nil) != (reply.IsEdns0() == nil) {
				t.Errorf("EDNS: %s", reply)
			}
		})
	}
	euw1.down.Store(true)
	_, address := start(t, serve.Config{Topology: bank(), Sources: sources, Transfers: byAddress})
	if reply, _, err := new(mdns.Client).Exchange(ixfr(1), address); err != nil || reply.Rcode != mdns.RcodeServerFailure || len(reply.Answer) > 0 {
		t.Errorf("a cluster was never read: %v, %v", reply, err)
	}
}

// TestIXFROverUDPOnTheWire: octets as RFC 1995 §7 and RFC 1035 §4.1 draw them, read by no library.
func TestIXFROverUDPOnTheWire(t *testing.T) {
	sources := []serve.Source{newCluster(t, "use1").source(), newCluster(t, "euw1").source()}
	server, address := start(t, serve.Config{Topology: bank(), Sources: sources, Transfers: serve.Transfers{AllowPrefixes: loopback}, Now: fixed(0x01020304)})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	apex := []byte("\x04bank\x02db\x07example\x03com\x00")
	query := []byte{0xbe, 0xef, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0}
	query = append(append(query, apex...), 0, 251, 0, 1)
	query = append(query, 0xc0, 12, 0, 6, 0, 1, 0, 0, 0, 0, 0, 22, 0, 0)
	query = append(query, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	conn, err := net.Dial("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := conn.Write(query); err != nil {
		t.Fatal(err)
	}
	reply := make([]byte, 4096)
	n, err := conn.Read(reply)
	if err != nil {
		t.Fatal(err)
	}
	// The question as it came; AA; and one record under a pointer to the name asked for, whose serial begins 20 octets before its end.
	want := []byte{0xbe, 0xef, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0}
	want = append(append(want, apex...), 0, 251, 0, 1, 0xc0, 12, 0, 6, 0, 1)
	if reply = reply[:n]; !bytes.HasPrefix(reply, want) || binary.BigEndian.Uint32(reply[n-20:]) != server.Zone().Serial() {
		t.Errorf("got\n% x\nwant\n% x …", reply, want)
	}
}
