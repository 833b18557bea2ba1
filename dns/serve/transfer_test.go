package serve_test

import (
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	discoveryv1 "k8s.io/api/discovery/v1"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
)

var (
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	secret   = []byte("0123456789abcdef0123456789abcdef")
	testKey  = serve.Key{Name: "Transfer.", Algorithm: "hmac-sha512", Secret: secret}
)

// transferOf asks for a zone and gives all records, how many messages they came in, and the rcode.
func transferOf(t *testing.T, address string, query *mdns.Msg, key *serve.Key) (rrs []mdns.RR, messages, rcode int) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	c := &mdns.Conn{Conn: conn}
	mac := ""
	out, err := query.Pack()
	if key != nil {
		query.SetTsig(dns.Canonical(key.Name), key.Algorithm+".", 300, time.Now().Unix())
		out, mac, err = mdns.TsigGenerate(query, base64.StdEncoding.EncodeToString(key.Secret), "", false)
	}
	if err == nil {
		_, err = c.Write(out)
	}
	for soas := 0; err == nil; {
		wire := make([]byte, mdns.MaxMsgSize)
		n := 0
		if n, err = c.Read(wire); err != nil {
			break
		}
		reply := new(mdns.Msg)
		if err = reply.Unpack(wire[:n]); err != nil {
			break
		}
		messages++
		if reply.Rcode != mdns.RcodeSuccess {
			return rrs, messages, reply.Rcode
		}
		if key != nil {
			if err = mdns.TsigVerify(wire[:n], base64.StdEncoding.EncodeToString(key.Secret), mac, messages > 1); err != nil {
				break
			}
			mac = reply.IsTsig().MAC
		}
		rrs = append(rrs, reply.Answer...)
		for _, rr := range reply.Answer {
			if soa, ok := rr.(*mdns.SOA); ok && soa.Serial == rrs[0].(*mdns.SOA).Serial {
				soas++
			}
		}
		if soas == 1 && len(rrs) == 1 && query.Question[0].Qtype == mdns.TypeIXFR || query.Question[0].Qtype == mdns.TypeAXFR && soas == 2 ||
			len(rrs) > 1 && soas >= 2 && rrs[len(rrs)-1].Header().Rrtype == mdns.TypeSOA {
			return rrs, messages, mdns.RcodeSuccess
		}
	}
	t.Fatalf("transfer from %s: after %d messages: %v", address, messages, err)
	return nil, 0, 0
}

func axfr() *mdns.Msg { return new(mdns.Msg).SetAxfr(origin) }

func ixfr(serial uint32) *mdns.Msg {
	return new(mdns.Msg).SetIxfr(origin, serial, "ns1."+origin, "h."+origin)
}

func lines(rrs []mdns.RR) []string {
	var out []string
	for _, rr := range rrs {
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
	}
	return out
}

// TestTransferAccess: nobody has the zone who is not named, and nobody has it while a cluster was never read.
func TestTransferAccess(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4", "10.1.0.5"))
	sources := []serve.Source{use1.source(), euw1.source()}
	wrongKey, wrongName := testKey, testKey
	wrongKey.Secret, wrongName.Name = []byte("another secret of some length..."), "other."
	tests := map[string]struct {
		transfers serve.Transfers
		key       *serve.Key
		want      int
	}{
		"by default":              {serve.Transfers{}, nil, mdns.RcodeRefused},
		"by address":              {serve.Transfers{AllowPrefixes: loopback}, nil, mdns.RcodeSuccess},
		"from another address":    {serve.Transfers{AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}, nil, mdns.RcodeRefused},
		"without the key":         {serve.Transfers{Keys: []serve.Key{testKey}}, nil, mdns.RcodeRefused},
		"with the key":            {serve.Transfers{Keys: []serve.Key{testKey}}, &testKey, mdns.RcodeSuccess},
		"with a wrong secret":     {serve.Transfers{Keys: []serve.Key{testKey}, AllowPrefixes: loopback}, &wrongKey, mdns.RcodeNotAuth},
		"with a key not known":    {serve.Transfers{Keys: []serve.Key{testKey}, AllowPrefixes: loopback}, &wrongName, mdns.RcodeNotAuth},
		"signed, no key is known": {serve.Transfers{AllowPrefixes: loopback}, &testKey, mdns.RcodeNotAuth},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			server, address := start(t, serve.Config{Topology: bank(), Sources: sources, Transfers: test.transfers})
			if err := server.WaitSynced(t.Context()); err != nil {
				t.Fatal(err)
			}
			rrs, _, rcode := transferOf(t, address, axfr(), test.key)
			if rcode != test.want {
				t.Errorf("got %s, want %s", mdns.RcodeToString[rcode], mdns.RcodeToString[test.want])
			}
			if rcode == mdns.RcodeSuccess && (len(rrs) != 2+1+2*3 || rrs[0].String() != rrs[len(rrs)-1].String()) {
				t.Errorf("got\n%s", strings.Join(lines(rrs), "\n"))
			}
			over := axfr()
			if reply, _, err := new(mdns.Client).Exchange(over, address); err != nil || reply.Rcode != mdns.RcodeRefused {
				t.Errorf("over UDP: %v, %v", reply, err)
			}
		})
	}
	euw1.down.Store(true)
	_, address := start(t, serve.Config{Topology: bank(), Sources: sources, Transfers: serve.Transfers{AllowPrefixes: loopback}})
	for _, query := range []*mdns.Msg{axfr(), ixfr(1)} {
		if rrs, _, rcode := transferOf(t, address, query, nil); rcode != mdns.RcodeServerFailure || len(rrs) > 0 {
			t.Errorf("a cluster was never read: got %s with %d records", mdns.RcodeToString[rcode], len(rrs))
		}
	}
	nothing := ixfr(1)
	nothing.Ns = nil
	if _, _, rcode := transferOf(t, address, nothing, nil); rcode != mdns.RcodeFormatError {
		t.Errorf("a question for what changed since nothing: %s", mdns.RcodeToString[rcode])
	}
	other := axfr()
	other.Question[0].Name = "use1." + origin
	if _, _, rcode := transferOf(t, address, other, nil); rcode != mdns.RcodeNotAuth {
		t.Errorf("a zone that is not here: %s", mdns.RcodeToString[rcode])
	}
}

// TestTransferOfALargeZone comes in several messages, each signed, and is what is served.
func TestTransferOfALargeZone(t *testing.T) {
	const n = 2000
	cluster := newCluster(t, "use1")
	for i := 0; i < n; i += 100 {
		var pods []discoveryv1.Endpoint
		for k := i; k < i+100; k++ {
			pods = append(pods, slicePod(fmt.Sprintf("bank-%d", k), fmt.Sprintf("uid-%d", k), fmt.Sprintf("10.1.%d.%d", k/200, k%200+1)))
		}
		cluster.put(t, fmt.Sprintf("slice-%d", i), pods...)
	}
	topology := bank()
	topology.Spec.Regions = topology.Spec.Regions[:1]
	topology.Spec.Regions[0].Clusters[0].Replicas = n
	server, address := start(t, serve.Config{
		Topology: topology, Sources: []serve.Source{cluster.source()}, Ports: []dns.Port{{Name: "sql", Number: 26257}},
		Transfers: serve.Transfers{Keys: []serve.Key{testKey}}, Addresses: []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	rrs, messages, _ := transferOf(t, address, axfr(), &testKey)
	got := map[string]bool{}
	for _, rr := range rrs {
		got[strings.Join(strings.Fields(rr.String()), " ")] = true
	}
	want := 3 // SOA, NS, the server's address
	for _, set := range server.Zone().Records() {
		for _, v := range set.Values {
			if line := fmt.Sprintf("%s %d IN %s %s", set.Name, set.TTL, set.Type, v); !got[line] {
				t.Fatalf("%s is missing", line)
			}
			want++
		}
	}
	if messages < 2 || len(got) != want || len(rrs) != want+1 {
		t.Errorf("%d messages with %d records, want %d", messages, len(rrs), want+1)
	}
}

// TestIncrementalTransfers, over the wrap of the serial: what a secondary that applies them holds is what is served.
func TestIncrementalTransfers(t *testing.T) {
	const first = 1<<32 - 3
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"), slicePod("bank-1", "b", "10.1.0.5"))
	server, address := start(t, serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Now: fixed(first), Transfers: serve.Transfers{AllowPrefixes: loopback},
	})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole := func() []string {
		rrs, _, _ := transferOf(t, address, axfr(), nil)
		out := lines(rrs[1 : len(rrs)-1])
		slices.Sort(out)
		return out
	}
	held, serial := whole(), server.Zone().Serial()
	begin := serial
	wrapped := false
	follow := func() {
		t.Helper()
		rrs, _, _ := transferOf(t, address, ixfr(serial), nil)
		if _, is := rrs[1].(*mdns.SOA); !is {
			t.Fatalf("a full transfer came for serial %d at %d:\n%s", serial, server.Zone().Serial(), strings.Join(lines(rrs), "\n"))
		}
		held, serial = apply(t, held, rrs), server.Zone().Serial()
		slices.Sort(held)
		if got := whole(); !slices.Equal(held, got) {
			t.Errorf("held\n%s\nserved\n%s", strings.Join(held, "\n"), strings.Join(got, "\n"))
		}
	}
	for i := range 8 {
		before := server.Zone().Serial()
		use1.set(t, newSlice("slice", "bank-headless", slicePod("bank-0", fmt.Sprint(i), fmt.Sprintf("10.1.1.%d", i)), slicePod("bank-1", "b", "10.1.0.5")))
		for deadline := time.Now().Add(20 * time.Second); server.Zone().Serial() == before; {
			if time.Now().After(deadline) {
				t.Fatal("the change was not served")
			}
			<-time.After(time.Millisecond)
		}
		wrapped = wrapped || server.Zone().Serial() < before
		if i%3 == 2 {
			follow()
		}
	}
	if !wrapped {
		t.Errorf("the serial went from %d to %d without a wrap", begin, server.Zone().Serial())
	}
	longer := bank()
	longer.Spec.DNS.TTL = "20s"
	if err := server.SetTopology(longer); err != nil {
		t.Fatal(err)
	}
	follow() // a set whose lifetime alone changes goes and comes whole
	for _, ahead := range []uint32{0, 1, 1 << 20} {
		if rrs, _, _ := transferOf(t, address, ixfr(server.Zone().Serial()+ahead), nil); len(rrs) != 1 {
			t.Errorf("a secondary that has all, and is %d ahead, got %d records", ahead, len(rrs))
		}
	}
	rrs, _, _ := transferOf(t, address, ixfr(server.Zone().Serial()-1000), nil)
	if _, is := rrs[1].(*mdns.SOA); is || len(rrs) < 5 {
		t.Errorf("a serial long past got\n%s", strings.Join(lines(rrs), "\n"))
	}
}

// apply does what an incremental transfer says (RFC 1995 §4).
func apply(t *testing.T, held []string, rrs []mdns.RR) []string {
	t.Helper()
	adding := true
	for _, rr := range rrs[1 : len(rrs)-1] {
		line := lines([]mdns.RR{rr})[0]
		switch {
		case rr.Header().Rrtype == mdns.TypeSOA:
			adding = !adding
		case adding:
			held = append(held, line)
		default:
			i := slices.Index(held, line)
			if i < 0 {
				t.Fatalf("what goes was not there: %s", line)
			}
			held = slices.Delete(held, i, i+1)
		}
	}
	slices.Sort(held)
	return held
}

// TestSignedQueries: a secondary's question for the serial is signed as its transfers are.
func TestSignedQueries(t *testing.T) {
	_, address := start(t, serve.Config{Topology: bank(), Transfers: serve.Transfers{Keys: []serve.Key{testKey}}})
	name, shared := "transfer.", base64.StdEncoding.EncodeToString(secret)
	for _, network := range []string{"udp", "tcp"} {
		for skew, want := range map[time.Duration]int{0: mdns.RcodeSuccess, -301 * time.Second: mdns.RcodeNotAuth, 301 * time.Second: mdns.RcodeNotAuth} {
			query := question(origin, mdns.TypeSOA)
			query.SetTsig(name, mdns.HmacSHA512, 300, time.Now().Add(skew).Unix())
			client := mdns.Client{Net: network, TsigSecret: map[string]string{name: shared}}
			reply, _, err := client.Exchange(query, address)
			if skew == 0 && err != nil {
				t.Errorf("%s: %v", network, err)
			}
			if reply == nil || reply.Rcode != want || reply.IsTsig() == nil {
				t.Fatalf("%s, %s: got %v, %v", network, skew, reply, err)
			}
			other := question(origin, mdns.TypeSOA)
			other.SetTsig(name, mdns.HmacSHA256, 300, time.Now().Unix())
			if reply, _, _ := client.Exchange(other, address); reply == nil || reply.IsTsig() == nil || reply.IsTsig().Error != mdns.RcodeBadKey {
				t.Errorf("%s: another algorithm with the same secret: got %v", network, reply)
			}
			if tsig := reply.IsTsig(); skew != 0 && (tsig.Error != mdns.RcodeBadTime || tsig.OtherLen != 6 || tsig.MACSize == 0) {
				t.Errorf("%s, %s: %v", network, skew, tsig)
			}
		}
	}
}
