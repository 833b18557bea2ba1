package serve

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// TestMisplacedRecords: what stands where it must not makes a message malformed. A signature that is not the last record would
// otherwise be passed over, and the query be taken for one that nobody signed (RFC 8945 §5.1).
func TestMisplacedRecords(t *testing.T) {
	const name, secret = "key.", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	plain := func(qtype uint16) *mdns.Msg { return new(mdns.Msg).SetQuestion("bank-0.use1."+testZone+".", qtype) }
	signed := func(m *mdns.Msg) *mdns.TSIG {
		m.SetTsig(name, mdns.HmacSHA256, 300, time.Now().Unix())
		wire, _, err := mdns.TsigGenerate(m, secret, "", false)
		if err != nil {
			t.Fatal(err)
		}
		full := new(mdns.Msg)
		if err := full.Unpack(wire); err != nil {
			t.Fatal(err)
		}
		m.Extra = slices.DeleteFunc(m.Extra, func(rr mdns.RR) bool { return rr.Header().Rrtype == mdns.TypeTSIG })
		return full.IsTsig()
	}
	opt := func() *mdns.OPT {
		o := &mdns.OPT{Hdr: mdns.RR_Header{Name: ".", Rrtype: mdns.TypeOPT}}
		o.SetUDPSize(1232)
		return o
	}
	pack := func(m *mdns.Msg) []byte {
		wire, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return wire
	}
	counting := func(section int) []byte {
		wire := pack(plain(mdns.TypeA))
		binary.BigEndian.PutUint16(wire[4+2*section:], binary.BigEndian.Uint16(wire[4+2*section:])+1)
		return wire
	}
	malformed := map[string][]byte{}
	for what, qtype := range map[string]uint16{"a query": mdns.TypeA, "a transfer": mdns.TypeAXFR, "an incremental transfer": mdns.TypeIXFR} {
		m := plain(qtype)
		m.Extra = []mdns.RR{signed(m), opt()}
		malformed[what+": TSIG before another record"] = pack(m)
		m = plain(qtype)
		m.Extra = []mdns.RR{signed(m), signed(m)}
		malformed[what+": TSIG twice"] = pack(m)
		m = plain(qtype)
		m.Answer = []mdns.RR{signed(m)}
		malformed[what+": TSIG among the answers"] = pack(m)
		m = plain(qtype)
		m.Ns = []mdns.RR{signed(m)}
		malformed[what+": TSIG among the authorities"] = pack(m)
		m = plain(qtype)
		m.Answer = []mdns.RR{opt()}
		malformed[what+": OPT among the answers"] = pack(m)
		m = plain(qtype)
		m.Ns = []mdns.RR{opt()}
		malformed[what+": OPT among the authorities"] = pack(m)
	}
	for section, what := range []string{"a question", "an answer", "an authority", "an additional record"} {
		malformed[what+" that is counted and not there"] = counting(section)
	}
	a := testAnswerer()
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	if a.keys, err = newKeyring([]Key{{Name: name, Secret: raw}}); err != nil {
		t.Fatal(err)
	}
	for what, query := range malformed {
		t.Run(what, func(t *testing.T) {
			for _, transport := range []Transport{UDP, TCP} {
				reply := new(mdns.Msg)
				if err := reply.Unpack(a.reply(nil, query, transport)); err != nil {
					t.Fatal(err)
				}
				if reply.Rcode != mdns.RcodeFormatError || len(reply.Answer) > 0 || reply.Id != binary.BigEndian.Uint16(query) {
					t.Errorf("got %s", reply)
				}
				if _, ok := a.read(query); ok {
					t.Error("a transfer would be taken up")
				}
			}
		})
	}
	m := plain(mdns.TypeA)
	m.Extra = []mdns.RR{opt()}
	m.Extra = append(m.Extra, signed(m))
	if query, ok := a.read(pack(m)); !ok || !query.signed.valid() {
		t.Error("a signature in its place is not taken")
	}
}
