package serve

import (
	"testing"

	mdns "github.com/miekg/dns"
)

// TestOddQueries: what a server says to what hardly anybody asks, by either path of it.
func TestOddQueries(t *testing.T) {
	const name = "bank-0.use1." + testZone + "."
	query := func(change func(*mdns.Msg)) []byte {
		m := new(mdns.Msg).SetQuestion(name, mdns.TypeA)
		m.SetEdns0(1232, true)
		change(m)
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	option := func(o mdns.EDNS0) func(*mdns.Msg) {
		return func(m *mdns.Msg) { m.IsEdns0().Option = append(m.IsEdns0().Option, o) }
	}
	const silence = -1
	tests := map[string]struct {
		query []byte
		want  int
	}{
		"as usual":                    {query(func(*mdns.Msg) {}), mdns.RcodeSuccess},
		"a reply":                     {query(func(m *mdns.Msg) { m.Response = true }), silence},
		"a reply that is cut":         {query(func(m *mdns.Msg) { m.Response = true })[:20], silence},
		"a header cut off":            {make([]byte, headerSize-1), silence},
		"a question cut off":          {query(func(*mdns.Msg) {})[:20], mdns.RcodeFormatError},
		"an EDNS version to come":     {query(func(m *mdns.Msg) { m.IsEdns0().SetVersion(7) }), mdns.RcodeBadVers},
		"an option that nobody knows": {query(option(&mdns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")})), mdns.RcodeSuccess},
		"asked for its name":          {query(option(&mdns.EDNS0_NSID{Code: mdns.EDNS0NSID})), mdns.RcodeSuccess},
		"with a cookie":               {query(option(&mdns.EDNS0_COOKIE{Code: mdns.EDNS0COOKIE, Cookie: "0011223344556677"})), mdns.RcodeSuccess},
		"an operation not assigned":   {query(func(m *mdns.Msg) { m.Opcode = 9 }), mdns.RcodeNotImplemented},
		"two questions":               {query(func(m *mdns.Msg) { m.Question = append(m.Question, m.Question[0]) }), mdns.RcodeFormatError},
		"no question":                 {query(func(m *mdns.Msg) { m.Question = nil }), mdns.RcodeFormatError},
		"class CHAOS": {query(func(m *mdns.Msg) {
			m.Question[0] = mdns.Question{Name: "version.bind.", Qtype: mdns.TypeTXT, Qclass: mdns.ClassCHAOS}
		}), mdns.RcodeRefused},
		"a name of pointers to itself": {append(query(func(*mdns.Msg) {})[:headerSize], 0xc0, headerSize, 0, 1, 0, 1), mdns.RcodeFormatError},
	}
	a := testAnswerer()
	for what, test := range tests {
		t.Run(what, func(t *testing.T) {
			for _, transport := range []Transport{UDP, TCP} {
				out := a.reply(nil, test.query, transport)
				if test.want == silence {
					if len(out) > 0 {
						t.Errorf("got % x", out)
					}
					continue
				}
				reply := new(mdns.Msg)
				if err := reply.Unpack(out); err != nil {
					t.Fatalf("got % x: %v", out, err)
				}
				if reply.Rcode != test.want || !reply.Response || reply.RecursionAvailable {
					t.Errorf("got %s", reply)
				}
				opt := reply.IsEdns0()
				if test.want == mdns.RcodeSuccess && (opt == nil || !opt.Do() || len(opt.Option) > 0 || opt.Version() != 0) {
					t.Errorf("EDNS: %v", opt)
				}
			}
		})
	}
}
