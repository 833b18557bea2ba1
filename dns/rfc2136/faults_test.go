package rfc2136_test

import (
	"context"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/rfc2136"
)

// Knot DNS refuses a message with BADKEY where its ACL does not allow one of the names: that one is told apart.
func TestKeyNotAllowedForAName(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		denied := func(rr mdns.RR) bool { return strings.HasPrefix(rr.Header().Name, "bank-3.") }
		return fault{denied: m.Opcode == mdns.OpcodeUpdate && slices.ContainsFunc(m.Ns, denied)}
	})
	for i, err := range applyAll(t, server.publisher(), many(10)...) {
		var sig *rfc2136.TSIGError
		if (err != nil) != (i == 3) || i == 3 && (!errors.As(err, &sig) || !sig.Known || !strings.Contains(err.Error(), "update-owner-name")) {
			t.Errorf("%d: got %v", i, err)
		}
	}
}

// What a server does badly, and how each ends.
func TestServerFaults(t *testing.T) {
	first := func(f fault) func(int, *mdns.Msg) fault {
		return func(n int, m *mdns.Msg) fault {
			if m.Opcode == mdns.OpcodeUpdate && n == 1 {
				return f
			}
			return fault{}
		}
	}
	large := func(_ int, m *mdns.Msg) fault { // as Knot DNS does where one of a bulk fails
		if m.Opcode == mdns.OpcodeUpdate && len(m.Ns) > 2 {
			return fault{rcode: mdns.RcodeServerFailure}
		}
		return fault{}
	}
	for name, script := range map[string]func(int, *mdns.Msg) fault{
		"reply lost after it was done":    first(fault{swallow: true}),
		"connection lost before":          first(fault{cut: true}),
		"SERVFAIL once":                   first(fault{rcode: mdns.RcodeServerFailure}),
		"SERVFAIL, and yet done":          first(fault{rcode: mdns.RcodeServerFailure, after: true}),
		"SERVFAIL for more than one name": large,
		"a query lost": func(n int, m *mdns.Msg) fault {
			return fault{cut: m.Opcode == mdns.OpcodeQuery && n == 1}
		},
		"a query fails": func(n int, m *mdns.Msg) fault {
			if m.Opcode == mdns.OpcodeQuery && n == 1 {
				return fault{rcode: mdns.RcodeServerFailure}
			}
			return fault{}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := startPrimary(t, script)
			mustApply(t, server.publisher(), many(5)...)
			for _, set := range many(5) {
				if got := server.holds(set.Name); len(got) != 1 {
					t.Errorf("%s holds %v", set.Name, got)
				}
			}
		})
	}
}

// A retry that meets what the lost attempt made, in the moment after it was looked for, is a success; the same
// records made by somebody else are a conflict.
func TestRetryMeetsOwnSuccess(t *testing.T) {
	var server *primary
	late := []string{"_owner.a.contract.example.com. 10 IN TXT " + ownership, "a.contract.example.com. 10 IN A 10.0.0.1"}
	server = startPrimary(t, func(n int, m *mdns.Msg) fault {
		switch {
		case m.Opcode == mdns.OpcodeUpdate && n == 1:
			return fault{cut: true}
		case m.Opcode == mdns.OpcodeUpdate && n == 2: // the first one is carried out only now
			for _, line := range late {
				rr, _ := mdns.NewRR(line)
				server.put(rr)
			}
		}
		return fault{}
	})
	mustApply(t, server.publisher(), owned("a", "10.0.0.1"))
	var conflict *dns.ConflictError
	if errs := applyAll(t, server.publisher(), owned("a", "10.0.0.1")); !errors.As(errs[0], &conflict) {
		t.Errorf("got %v, want a conflict", errs[0])
	}
}

func TestOutcomeUnknown(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault { return fault{cut: m.Opcode == mdns.OpcodeUpdate} })
	var outcome *rfc2136.OutcomeError
	if errs := applyAll(t, server.publisher(), owned("a", "10.0.0.1")); !errors.As(errs[0], &outcome) {
		t.Errorf("got %v, want an OutcomeError", errs[0])
	}
	if n := server.count(mdns.OpcodeUpdate); n != 3 {
		t.Errorf("%d attempts, want 3", n)
	}
}

// NOERROR is believed only once the server holds it.
func TestAcceptedButNotHeld(t *testing.T) {
	for want, f := range map[string]fault{
		"holds nothing instead of":                       {rcode: mdns.RcodeSuccess, change: nil},
		"holds CNAME b.example.net. instead of 10.0.0.1": {},
		"with a TTL of 60 s instead of 10 s":             {},
	} {
		t.Run(want, func(t *testing.T) {
			var server *primary
			server = startPrimary(t, func(_ int, m *mdns.Msg) fault {
				if m.Opcode != mdns.OpcodeUpdate {
					return f
				}
				switch {
				case strings.Contains(want, "nothing"):
					m.Ns = nil
				case strings.Contains(want, "TTL"):
					for _, rr := range m.Ns {
						rr.Header().Ttl = 60
					}
				default:
					m.Answer = nil
					rr, _ := mdns.NewRR("a.contract.example.com. 10 IN CNAME b.example.net.")
					server.put(rr)
				}
				return f
			})
			errs := applyAll(t, server.publisher(), dns.ChangeSet{Name: "a." + origin, Changes: owned("a", "10.0.0.1").Changes[1:]})
			if errs[0] == nil || !strings.Contains(errs[0].Error(), want) {
				t.Errorf("got %v, want %q", errs[0], want)
			}
		})
	}
}

// A name that is gone may be answered by a wildcard above it: that is no failure to delete it.
func TestDeleteBelowAWildcard(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		if m.Opcode == mdns.OpcodeUpdate { // b stays
			m.Ns = slices.DeleteFunc(m.Ns, func(rr mdns.RR) bool { return rr.Header().Name == "b.usw1."+origin })
		}
		return fault{}
	})
	p := server.publisher()
	mustApply(t, p, owned("a.usw1", "10.0.0.1"))
	server.hold("*.usw1.contract.example.com. 10 IN A 10.9.9.9", "b.usw1.contract.example.com. 10 IN A 10.0.0.2", "_owner.b.usw1.contract.example.com. 10 IN TXT "+ownership)
	errs := applyAll(t, p, removed("a.usw1", "10.0.0.1"), removed("b.usw1", "10.0.0.2"))
	var missing *rfc2136.NotHeldError
	if errs[0] != nil || !errors.As(errs[1], &missing) {
		t.Errorf("got %v", errs)
	}
}

// A name that was delegated away is a conflict of its own, and keeps no other back.
func TestDelegatedAway(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		if m.Opcode != mdns.OpcodeQuery || !strings.HasSuffix(m.Question[0].Name, "bank-1.use1."+origin) {
			return fault{}
		}
		return fault{change: func(reply *mdns.Msg) {
			rr, _ := mdns.NewRR("bank-1.use1.contract.example.com. 300 IN NS ns.elsewhere.example.net.")
			reply.Authoritative, reply.Rcode, reply.Ns = false, mdns.RcodeSuccess, []mdns.RR{rr}
		}}
	})
	server.hold("bank-1.use1.contract.example.com. 300 IN NS ns.elsewhere.example.net.")
	for i, err := range applyAll(t, server.publisher(), many(3)...) {
		var conflict *dns.ConflictError
		if (i == 1) != (errors.As(err, &conflict) && strings.Contains(err.Error(), "a delegation of bank-1.use1."+origin)) || (i != 1 && err != nil) {
			t.Errorf("%d: got %v", i, err)
		}
	}
}

// Where the zone's size is known, many changes are proven by one transfer.
func TestProofByTransfer(t *testing.T) {
	var transfers, queries int
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		switch {
		case m.Opcode == mdns.OpcodeUpdate:
			for i, rr := range m.Ns {
				if strings.HasPrefix(rr.Header().Name, "bank-42.") {
					m.Ns = slices.Delete(m.Ns, i, i+1) // silently ignored
					break
				}
			}
		case m.Question[0].Qtype == mdns.TypeAXFR:
			transfers++
		default:
			queries++
		}
		return fault{}
	})
	p := server.publisher()
	if _, err := p.Read(t.Context(), origin, nil); err != nil {
		t.Fatal(err)
	}
	for i, err := range applyAll(t, p, many(100)...) {
		var missing *rfc2136.NotHeldError
		if errors.As(err, &missing) != (i == 42) || (err != nil) != (i == 42) {
			t.Errorf("%d: got %v", i, err)
		}
	}
	if transfers != 2 || queries != 0 {
		t.Errorf("%d transfers and %d queries, want 2 and 0", transfers, queries)
	}
}

func TestSignatures(t *testing.T) {
	const other = "c29tZXRoaW5nIGVsc2UgdGhhdCBpcyBsb25n"
	key := func(name, secret string) func(*rfc2136.Config) {
		return func(c *rfc2136.Config) { c.Key, _ = rfc2136.NewKey(name, "", secret) }
	}
	clock := func(d time.Duration) func(*rfc2136.Config) {
		return func(c *rfc2136.Config) { c.Now = func() time.Time { return time.Now().Add(d) } }
	}
	always := func(f fault) func(int, *mdns.Msg) fault { return func(int, *mdns.Msg) fault { return f } }
	for name, test := range map[string]struct {
		config func(*rfc2136.Config)
		script func(int, *mdns.Msg) fault
		want   string
	}{
		"wrong secret":        {config: key(keyName, other), want: "BADSIG"},
		"unknown key":         {config: key("other.", secret), want: "BADKEY"},
		"our clock is behind": {config: clock(-400 * time.Second), want: "the server's clock is 400 seconds ahead"},
		"our clock is ahead":  {config: clock(301*time.Second + 500*time.Millisecond), want: "this machine's clock is 30"},
		"unsigned reply":      {script: always(fault{unsigned: true}), want: "not signed"},
		"reply of another":    {script: always(fault{secret: other}), want: "signature is wrong"},
		"changed reply":       {script: always(fault{wire: func(w []byte) []byte { w[3] ^= 0x80; return w }}), want: "signature is wrong"},
		"another message":     {script: always(fault{change: func(m *mdns.Msg) { m.Id++ }}), want: "which nobody waits for"},
		"no reply":            {script: always(fault{change: func(m *mdns.Msg) { m.Response = false }}), want: "no reply to this request"},
		"garbage":             {script: always(fault{wire: func(w []byte) []byte { return w[:len(w)-40] }}), want: "malformed"},
		"NOTAUTH":             {script: always(fault{rcode: mdns.RcodeNotAuth}), want: "NOTAUTH: it is not the primary"},
		"NOTAUTH, unsigned":   {script: always(fault{rcode: mdns.RcodeNotAuth, unsigned: true}), want: "NOTAUTH: it does not take the signature"},
		"REFUSED, unsigned":   {script: always(fault{rcode: mdns.RcodeRefused, unsigned: true}), want: "REFUSED: it does not take the signature"},
		"REFUSED, unsigned, for its own sake": {script: func(_ int, m *mdns.Msg) fault {
			if m.Opcode == mdns.OpcodeUpdate {
				return fault{rcode: mdns.RcodeRefused, unsigned: true}
			}
			return fault{}
		}, want: "REFUSED: the server does not allow it"},
		"NOTIMP":  {script: always(fault{rcode: mdns.RcodeNotImplemented, unsigned: true}), want: "NOTIMP: it takes no DNS UPDATE"},
		"REFUSED": {script: always(fault{rcode: mdns.RcodeRefused}), want: "REFUSED: the server does not allow it"},
		"FORMERR": {script: always(fault{rcode: mdns.RcodeFormatError, unsigned: true}), want: "FORMERR: it does not understand"},
		"NOTZONE": {script: always(fault{rcode: mdns.RcodeNotZone}), want: "NOTZONE: a name is outside"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startPrimary(t, test.script)
			config := test.config
			if config == nil {
				config = func(*rfc2136.Config) {}
			}
			results, err := server.publisher(config).Apply(t.Context(), origin, many(1))
			if err == nil {
				err = results[0].Err
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
			if err != nil && (strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), other)) {
				t.Errorf("the error shows the secret: %v", err)
			}
			if got := server.holds("bank-0.use1." + origin); got != nil && test.script == nil {
				t.Errorf("the zone holds %v", got)
			}
		})
	}
}

func TestServerAway(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	p, err := rfc2136.Open(rfc2136.Config{Server: listener.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Apply(t.Context(), origin, many(1))
	if err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v", err)
	}
	if _, err := p.Read(t.Context(), origin, nil); err == nil || !strings.Contains(err.Error(), "connecting to name server") {
		t.Errorf("got %v", err)
	}
}

// A server that does not answer is not waited for beyond the context.
func TestSilence(t *testing.T) {
	server := startPrimary(t, func(int, *mdns.Msg) fault { return fault{silent: true} })
	for name, call := range map[string]func(context.Context, *rfc2136.Publisher) error{
		"apply": func(ctx context.Context, p *rfc2136.Publisher) error {
			_, err := p.Apply(ctx, origin, many(1))
			return err
		},
		"read": func(ctx context.Context, p *rfc2136.Publisher) error {
			_, err := p.Read(ctx, origin, nil)
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if err := call(ctx, server.publisher()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want the deadline", name, err)
		}
		cancel()
	}
	p := server.publisher(func(c *rfc2136.Config) { c.Timeout = 20 * time.Millisecond })
	var outcome *rfc2136.OutcomeError
	results, err := p.Apply(t.Context(), origin, many(1))
	if err == nil {
		err = results[0].Err
	}
	if err == nil || !strings.Contains(err.Error(), "no reply within 20ms") {
		t.Errorf("got %v (%v)", err, errors.As(err, &outcome))
	}
}

// A server that carries out one request after the other, slowly, is not given up while it answers.
func TestSlowServer(t *testing.T) {
	server := startPrimary(t, func(_ int, m *mdns.Msg) fault {
		if m.Opcode == mdns.OpcodeUpdate {
			time.Sleep(60 * time.Millisecond) // it paces the server, nothing waits for it
		}
		return fault{}
	})
	p := server.publisher(func(c *rfc2136.Config) { c.Timeout = 200 * time.Millisecond })
	mustApply(t, p, many(600)...)
	if n, all := server.count(mdns.OpcodeUpdate), len(server.taken()); n != all || n < 6 {
		t.Errorf("%d messages came, of which %d were carried out", n, all)
	}
}

func TestOpen(t *testing.T) {
	for server, good := range map[string]bool{
		"127.0.0.1:53": true, "[::1]:53": true, "ns.example.com:53": true,
		"127.0.0.1": false, "::1:53": false, ":53": false, "": false,
	} {
		if _, err := rfc2136.Open(rfc2136.Config{Server: server}); (err == nil) != good {
			t.Errorf("%q: got %v", server, err)
		}
	}
}

func hexTime(t time.Time) string {
	s := uint64(t.Unix())
	return hex.EncodeToString([]byte{byte(s >> 40), byte(s >> 32), byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)})
}
