package rfc2136_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/rfc2136"
)

// stream makes the messages of a transfer, signed as RFC 8945 §5.3.1 has it, by code of its own.
type stream struct {
	t        *testing.T
	id       uint16
	mac      []byte
	later    bool
	unsigned []byte
	out      [][]byte
}

func newStream(t *testing.T, q *mdns.Msg, mac string) *stream {
	raw, err := hex.DecodeString(mac)
	if err != nil {
		t.Error(err)
	}
	return &stream{t: t, id: q.Id, mac: raw}
}

func (s *stream) message(rrs []string, change ...func(*mdns.Msg)) []byte {
	m := &mdns.Msg{MsgHdr: mdns.MsgHdr{Id: s.id, Response: true, Authoritative: true}, Compress: true}
	for _, line := range rrs {
		m.Answer = append(m.Answer, s.record(line))
	}
	for _, c := range change {
		c(m)
	}
	wire, err := m.Pack()
	if err != nil {
		s.t.Error(err)
	}
	return wire
}

// record reads addresses by itself, since the library takes long for many.
func (s *stream) record(line string) mdns.RR {
	if name, ip, ok := strings.Cut(line, " 10 IN A "); ok {
		header := mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: mdns.ClassINET, Ttl: 10}
		return &mdns.A{Hdr: header, A: netip.MustParseAddr(ip).AsSlice()}
	}
	rr, err := mdns.NewRR(line)
	if err != nil {
		s.t.Error(err)
	}
	return rr
}

func (s *stream) plain(rrs []string, change ...func(*mdns.Msg)) *stream {
	wire := s.message(rrs, change...)
	s.unsigned = append(s.unsigned, wire...)
	s.out = append(s.out, wire)
	return s
}

func (s *stream) signed(rrs []string, change ...func(*mdns.Msg)) *stream {
	return s.signedAt(time.Now(), rrs, change...)
}

func (s *stream) signedAt(at time.Time, rrs []string, change ...func(*mdns.Msg)) *stream {
	wire := s.message(rrs, change...)
	raw, _ := base64.StdEncoding.DecodeString(secret)
	h := hmac.New(sha256.New, raw)
	h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(s.mac))))
	h.Write(s.mac)
	h.Write(s.unsigned)
	h.Write(wire)
	now := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()))[2:]
	times := append(slices.Clone(now), 300>>8, 300&255)
	name := make([]byte, 64)
	n, _ := mdns.PackDomainName(keyName, name, 0, nil, false)
	algorithm := make([]byte, 64)
	a, _ := mdns.PackDomainName(mdns.HmacSHA256, algorithm, 0, nil, false)
	if !s.later {
		h.Write(slices.Concat(name[:n], []byte{0, 255, 0, 0, 0, 0}, algorithm[:a], times, []byte{0, 0, 0, 0}))
	} else {
		h.Write(times)
	}
	s.mac, s.later, s.unsigned = h.Sum(nil), true, nil
	data := slices.Concat(algorithm[:a], times, []byte{0, 32}, s.mac, binary.BigEndian.AppendUint16(nil, s.id), []byte{0, 0, 0, 0})
	record := slices.Concat(name[:n], []byte{0, 250, 0, 255, 0, 0, 0, 0}, binary.BigEndian.AppendUint16(nil, uint16(len(data))), data)
	wire = append(wire, record...)
	binary.BigEndian.PutUint16(wire[10:], binary.BigEndian.Uint16(wire[10:])+1)
	s.out = append(s.out, wire)
	return s
}

const soa = "contract.example.com. 300 IN SOA ns.example.net. h.example.net. 7 1 1 1 5"

func addresses(from, n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = fmt.Sprintf("bank-%d.use1.contract.example.com. 10 IN A 10.%d.%d.%d", from+i, (from+i)>>16, (from+i)>>8&255, (from+i)&255)
	}
	return lines
}

// transferring is a primary that answers a transfer with a stream, and nothing else.
func transferring(t *testing.T, make func(s *stream) *stream) *primary {
	t.Helper()
	return startPrimary(t, func(_ int, _ *mdns.Msg) fault {
		return fault{transfers: func(q *mdns.Msg, mac string) [][]byte { return make(newStream(t, q, mac)).out }}
	})
}

func TestTransferOfSparselySignedMessages(t *testing.T) {
	for _, gap := range []int{0, 1, 99} {
		server := transferring(t, func(s *stream) *stream {
			s.signed([]string{soa})
			for i := range 3 {
				for j := range gap {
					s.plain(addresses(1000*i+10*j, 10))
				}
				s.signed(addresses(1000*i+990, 10))
			}
			return s.signed([]string{soa})
		})
		snapshot, err := server.publisher().Read(t.Context(), origin, nil)
		if want := 1 + 30 + 30*gap; err != nil || len(snapshot.Sets) != want || snapshot.Serial != 7 || snapshot.Blind != "" {
			t.Errorf("%d unsigned messages in a row: %d sets, serial %d, %q, %v; want %d sets", gap, len(snapshot.Sets), snapshot.Serial, snapshot.Blind, err, want)
		}
	}
}

// Whatever is wrong with a transfer, nothing of it is used.
func TestBadTransfers(t *testing.T) {
	end := []string{soa}
	for want, make := range map[string]func(s *stream) *stream{
		"broke off after 2 messages": func(s *stream) *stream { return s.signed(end).signed(addresses(0, 10)) },
		"the last message of the transfer: the reply is not signed": func(s *stream) *stream {
			return s.signed(end).plain(append(addresses(0, 10), soa))
		},
		"the reply is not signed": func(s *stream) *stream { return s.plain(end).signed(end) },
		"may come from anybody": func(s *stream) *stream {
			s.signed(end)
			for i := range 100 {
				s.plain(addresses(i, 1))
			}
			return s.signed(end)
		},
		"the reply's signature is wrong": func(s *stream) *stream {
			s.signed(end).plain(addresses(0, 10)).signed(end)
			s.out[1][len(s.out[1])-1]++ // an address of the unsigned message
			return s
		},
		"signature is wrong": func(s *stream) *stream {
			s.signed(end).plain(addresses(0, 10)).plain(addresses(10, 10)).signed(end)
			s.out = slices.Delete(s.out, 1, 2) // a message is missing
			return s
		},
		"SERVFAIL": func(s *stream) *stream {
			return s.signed(end).signed(nil, func(m *mdns.Msg) { m.Rcode = mdns.RcodeServerFailure })
		},
		"message 2 is no reply": func(s *stream) *stream {
			return s.signed(end).signed(end, func(m *mdns.Msg) { m.Id++ })
		},
		"truncated": func(s *stream) *stream {
			return s.signed(end, func(m *mdns.Msg) { m.Truncated = true })
		},
		"serial 7 at its begin, 8 at its end": func(s *stream) *stream {
			return s.signed(end).signed([]string{strings.Replace(soa, " 7 ", " 8 ", 1)})
		},
		"does not begin with the zone's SOA": func(s *stream) *stream { return s.signed(addresses(0, 1)) },
		"goes on after its end":              func(s *stream) *stream { return s.signed(append([]string{soa, soa}, addresses(0, 1)...)) },
		"outside the zone": func(s *stream) *stream {
			return s.signed([]string{soa, "a.xcontract.example.com. 10 IN A 10.0.0.1", soa})
		},
		"of class CH, not of IN": func(s *stream) *stream {
			return s.signed([]string{soa, "a.contract.example.com. 10 CH TXT a", soa})
		},
		"message 1 transfers zone": func(s *stream) *stream {
			return s.signed(end, func(m *mdns.Msg) { m.SetQuestion("example.net.", mdns.TypeAXFR); m.Id, m.Response = s.id, true })
		},
		"malformed": func(s *stream) *stream {
			s.signed(end)
			s.out[0] = s.out[0][:30]
			return s
		},
		"the server's clock is 4": func(s *stream) *stream {
			return s.signed(end).signedAt(time.Now().Add(400*time.Second), end)
		},
		"broke off after 0 messages": func(s *stream) *stream { return s },
	} {
		t.Run(want, func(t *testing.T) {
			snapshot, err := transferring(t, make).publisher().Read(t.Context(), origin, []string{"a." + origin})
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want an error that says %q", err, want)
			}
			if len(snapshot.Sets) != 0 {
				t.Errorf("%d sets of a bad transfer are used", len(snapshot.Sets))
			}
		})
	}
}

func TestTransferOfALargeZone(t *testing.T) {
	const messages, each = 50, 2000
	server := transferring(t, func(s *stream) *stream {
		s.signed([]string{soa})
		for i := range messages {
			s.plain(addresses(i*each, each))
			if i%20 == 19 {
				s.signed(nil)
			}
		}
		return s.signed([]string{soa})
	})
	snapshot, err := server.publisher(func(c *rfc2136.Config) { c.Timeout = time.Minute }).Read(t.Context(), origin, nil)
	if err != nil || len(snapshot.Sets) != messages*each+1 {
		t.Errorf("%d sets, %v; want %d", len(snapshot.Sets), err, messages*each+1)
	}
}

// What a signing server adds is none of the zone's content; names are folded, unknown types kept.
func TestWhatATransferHolds(t *testing.T) {
	server := transferring(t, func(s *stream) *stream {
		return s.signed([]string{
			soa,
			"contract.example.com. 300 IN NS NS.example.net.",
			"contract.example.com. 300 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxILfDLUT0rAK9iUzy1L53eKGQ==",
			"contract.example.com. 0 IN NSEC3PARAM 1 0 0 -",
			"contract.example.com. 0 IN TYPE65534 \\# 5 0801020304",
			"A.Contract.Example.com. 20 IN A 10.0.0.2",
			"a.contract.example.com. 10 IN A 10.0.0.1",
			"a.contract.example.com. 10 IN NSEC b.contract.example.com. A RRSIG NSEC",
			"_sql._tcp.contract.example.com. 30 IN SRV 0 100 26257 A.Contract.Example.com.",
			"x.contract.example.com. 10 IN TYPE4711 \\# 2 abcd",
			`_owner.a.contract.example.com. 10 IN TXT "v1;A=B" "two"`,
			soa,
		})
	})
	snapshot, err := server.publisher().Read(t.Context(), origin, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range snapshot.Sets {
		got = append(got, fmt.Sprintf("%s %d %s %s", s.Name, s.TTL, s.Type, strings.Join(s.Values, " | ")))
	}
	want := []string{
		`_owner.a.contract.example.com. 10 TXT "v1;A=B" "two"`,
		"_sql._tcp.contract.example.com. 30 SRV 0 100 26257 a.contract.example.com.",
		"a.contract.example.com. 10 A 10.0.0.1 | 10.0.0.2",
		"contract.example.com. 300 NS ns.example.net.",
		"contract.example.com. 300 SOA ns.example.net. h.example.net. 7 1 1 1 5",
		`x.contract.example.com. 10 TYPE4711 \# 2 abcd`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Where a transfer is refused, names are asked for, with all that may stand in their way.
func TestReadByQueries(t *testing.T) {
	for name, refusal := range map[string]fault{
		"REFUSED":           {rcode: mdns.RcodeRefused},
		"NOTAUTH":           {rcode: mdns.RcodeNotAuth},
		"REFUSED, unsigned": {rcode: mdns.RcodeRefused, unsigned: true},
		"as configured":     {},
	} {
		t.Run(name, func(t *testing.T) {
			server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
				switch {
				case m.Question[0].Qtype != mdns.TypeAXFR:
				case refusal.rcode == 0:
					t.Error("a transfer was asked for")
				default:
					return refusal
				}
				return fault{}
			})
			server.hold(
				"bank-0.use1.contract.example.com. 10 IN A 10.0.0.1",
				"_owner.bank-0.use1.contract.example.com. 10 IN TXT "+ownership,
				"bank-1.use1.contract.example.com. 10 IN CNAME else.example.net.",
				"bank-2.use1.contract.example.com. 10 IN MX 10 mail.example.net.",
				"*.usw1.contract.example.com. 10 IN A 10.9.9.9",
				"*.contract.example.com. 10 IN MX 10 mail.example.net.",
				"euw1.contract.example.com. 300 IN NS ns.elsewhere.example.net.",
				"orphan.use1.contract.example.com. 10 IN A 10.0.0.9",
			)
			var names []string
			for _, label := range []string{"bank-0.use1", "bank-1.use1", "bank-2.use1", "bank-0.usw1", "bank-0.euw1"} {
				names = append(names, label+"."+origin)
			}
			p := server.publisher(func(c *rfc2136.Config) { c.Blind = refusal.rcode == 0 })
			snapshot, err := p.Read(t.Context(), origin, names)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, s := range snapshot.Sets {
				got = append(got, s.Name+" "+string(s.Type))
			}
			want := []string{
				"*.contract.example.com. MX", "*.usw1.contract.example.com. A", "_owner.bank-0.use1.contract.example.com. TXT",
				"bank-0.use1.contract.example.com. A",
				"bank-0.usw1.contract.example.com. A", // by the wildcard above it
				"bank-1.use1.contract.example.com. CNAME",
				"bank-2.use1.contract.example.com. MX",
				"contract.example.com. SOA", // without it, nobody can tell a delegation from the zone's own NS
				"euw1.contract.example.com. NS",
			}
			if !slices.Equal(got, want) || snapshot.Serial != 1 {
				t.Errorf("got serial %d and\n%s", snapshot.Serial, strings.Join(got, "\n"))
			}
			if !strings.Contains(snapshot.Blind, "names that nobody asks for any more do not show") || strings.Contains(snapshot.Blind, "\n") ||
				refusal.rcode != 0 && !strings.Contains(snapshot.Blind, "allow it (BIND: allow-transfer") {
				t.Errorf("Blind says %q", snapshot.Blind)
			}
		})
	}
}

// A delegation below is told by a referral, which has no authority; any other answer without it proves nothing.
func TestQueriesWithoutAuthority(t *testing.T) {
	referral := ""
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		if !strings.HasPrefix(m.Question[0].Name, "bank-0.") {
			return fault{}
		}
		return fault{change: func(reply *mdns.Msg) {
			reply.Authoritative, reply.Rcode = false, mdns.RcodeSuccess
			if referral != "" {
				rr, _ := mdns.NewRR(referral)
				reply.Ns = []mdns.RR{rr}
			}
		}}
	})
	p := server.publisher(func(c *rfc2136.Config) { c.Blind = true })
	names := []string{"bank-0.use1." + origin}
	if _, err := p.Read(t.Context(), origin, names); err == nil || !strings.Contains(err.Error(), "without authority") {
		t.Errorf("got %v", err)
	}
	referral = "use1.contract.example.com. 300 IN NS ns.elsewhere.example.net."
	snapshot, err := p.Read(t.Context(), origin, names)
	if err != nil || len(snapshot.Sets) != 2 || snapshot.Sets[1].Type != dns.TypeNS || snapshot.Sets[1].Name != "use1."+origin {
		t.Errorf("got %v, %v", snapshot.Sets, err)
	}
}

// A zone that changes while it is asked is asked again, and at last it is said.
func TestQueriesOfAChangingZone(t *testing.T) {
	for changes, want := range map[int]bool{1: false, 100: true} {
		left := changes
		var server *primary
		server = startPrimary(t, func(_ int, m *mdns.Msg) fault {
			if m.Question[0].Qtype == mdns.TypeSOA && left > 0 {
				left--
				server.serial++
			}
			return fault{}
		})
		server.hold("a.contract.example.com. 10 IN A 10.0.0.1")
		p := server.publisher(func(c *rfc2136.Config) { c.Blind = true })
		snapshot, err := p.Read(t.Context(), origin, []string{"a." + origin})
		if err != nil || len(snapshot.Sets) != 2 || strings.Contains(snapshot.Blind, "changed while it was asked") != want {
			t.Errorf("%d changes: got %v, %v", changes, snapshot, err)
		}
	}
}

// Without a key nothing is signed, and the server goes by addresses.
func TestWithoutAKey(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		if m.IsTsig() != nil {
			t.Error("a message is signed")
		}
		return fault{}
	})
	p := server.publisher(func(c *rfc2136.Config) { c.Key = rfc2136.Key{} })
	mustApply(t, p, many(3)...)
	if snapshot, err := p.Read(t.Context(), origin, nil); err != nil || len(snapshot.Sets) != 2+2*3 {
		t.Errorf("got %v, %v", snapshot, err)
	}
}

func TestTransferWithAKeyOfItsOwn(t *testing.T) {
	var signers []string
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		signers = append(signers, m.IsTsig().Hdr.Name)
		return fault{}
	})
	p := server.publisher(func(c *rfc2136.Config) {
		c.Transfer, c.Key = c.Key, rfc2136.Key{}
	})
	if _, err := p.Read(t.Context(), origin, nil); err != nil || !slices.Equal(signers, []string{keyName}) {
		t.Errorf("signed by %v: %v", signers, err)
	}
	p = server.publisher(func(c *rfc2136.Config) { c.Transfer, _ = rfc2136.NewKey("other.", "", secret) })
	var sig *rfc2136.TSIGError
	snapshot, err := p.Read(t.Context(), origin, nil) // Knot DNS answers so where its ACL does not allow a key
	if err != nil || !strings.Contains(snapshot.Blind, "BADKEY") {
		t.Errorf("got %v (%v), %v", snapshot, errors.As(err, &sig), err)
	}
}
