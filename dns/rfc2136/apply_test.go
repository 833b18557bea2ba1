package rfc2136_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest"
	"quorate.dev/quorate/dns/rfc2136"
)

func TestPublisherKeepsTheContract(t *testing.T) {
	dnstest.Contract(t, func(t *testing.T) dns.Provider { return startPrimary(t, nil).publisher() })
}

func TestPublisherKeepsTheContractWithoutTransfers(t *testing.T) {
	dnstest.Contract(t, func(t *testing.T) dns.Provider {
		refusing := func(_ int, m *mdns.Msg) fault {
			if m.Question[0].Qtype == mdns.TypeAXFR {
				return fault{rcode: mdns.RcodeRefused}
			}
			return fault{}
		}
		return startPrimary(t, refusing).publisher()
	})
}

const ownership = `"v1;tool=quorate;deployment=bank;cluster=use1;hash=0123"`

// owned is a name's address and its ownership, made anew.
func owned(label, ip string) dns.ChangeSet {
	name := label + "." + origin
	return dns.ChangeSet{Name: name, Fresh: true, Changes: []dns.Change{
		{Action: dns.Create, Name: dns.OwnerName(name), Type: "TXT", After: []string{ownership}, TTL: 10},
		{Action: dns.Create, Name: name, Type: dns.TypeA, After: []string{ip}, TTL: 10},
	}}
}

// removed deletes what owned makes.
func removed(label, ip string) dns.ChangeSet {
	set := owned(label, ip)
	set.Fresh = false
	for i := range set.Changes {
		c := &set.Changes[i]
		c.Action, c.Before, c.After, c.TTL = dns.Delete, c.After, nil, 0
	}
	return set
}

func many(n int) []dns.ChangeSet {
	sets := make([]dns.ChangeSet, n)
	for i := range sets {
		sets[i] = owned(fmt.Sprintf("bank-%d.use1", i), fmt.Sprintf("10.0.%d.%d", i/250, i%250))
	}
	return sets
}

func applyAll(t *testing.T, p dns.Provider, sets ...dns.ChangeSet) []error {
	t.Helper()
	results, err := p.Apply(t.Context(), origin, sets)
	if err != nil {
		t.Fatal(err)
	}
	errs := make([]error, len(sets))
	for i, r := range results {
		if r.Name != sets[i].Name {
			t.Fatalf("result %d is of %s, want %s", i, r.Name, sets[i].Name)
		}
		errs[i] = r.Err
	}
	return errs
}

func mustApply(t *testing.T, p dns.Provider, sets ...dns.ChangeSet) {
	t.Helper()
	if err := errors.Join(applyAll(t, p, sets...)...); err != nil {
		t.Fatal(err)
	}
}

// What a change is planned on goes along as prerequisites, before what it does, deletes before adds.
func TestMessage(t *testing.T) {
	server := startPrimary(t, nil)
	p := server.publisher()
	mustApply(t, p, owned("a", "10.0.0.1"))
	name := "a." + origin
	mustApply(t, p, dns.ChangeSet{Name: name, Changes: []dns.Change{
		{Action: dns.Update, Name: dns.OwnerName(name), Type: "TXT", Before: []string{ownership}, After: []string{`"v1;hash=2"`}, TTL: 10},
		{Action: dns.Update, Name: name, Type: dns.TypeA, Before: []string{"10.0.0.1"}, After: []string{"10.0.0.2"}, TTL: 10},
		{Action: dns.Create, Name: name, Type: dns.TypeAAAA, After: []string{"fd00::1"}, TTL: 10},
	}})
	for i, want := range [][2][]string{
		{{
			"a.contract.example.com. 0 NONE ANY",
			"_owner.a.contract.example.com. 0 NONE TXT",
			"_owner.a.contract.example.com. 0 NONE CNAME",
		}, {
			`_owner.a.contract.example.com. 10 IN TXT ` + ownership,
			"a.contract.example.com. 10 IN A 10.0.0.1",
		}},
		{{
			`_owner.a.contract.example.com. 0 IN TXT ` + ownership,
			"a.contract.example.com. 0 IN A 10.0.0.1",
			"a.contract.example.com. 0 NONE AAAA",
			"a.contract.example.com. 0 NONE CNAME",
		}, {
			"_owner.a.contract.example.com. 0 CLASS255 TXT",
			"a.contract.example.com. 0 CLASS255 A",
			`_owner.a.contract.example.com. 10 IN TXT "v1;hash=2"`,
			"a.contract.example.com. 10 IN A 10.0.0.2",
			"a.contract.example.com. 10 IN AAAA fd00::1",
		}},
	} {
		m := server.taken()[i]
		if got := lines(m.Answer); !slices.Equal(got, want[0]) {
			t.Errorf("prerequisites of message %d:\n%s", i, strings.Join(got, "\n"))
		}
		if got := lines(m.Ns); !slices.Equal(got, want[1]) {
			t.Errorf("updates of message %d:\n%s", i, strings.Join(got, "\n"))
		}
		if m.Question[0].Name != origin || m.Question[0].Qtype != mdns.TypeSOA || m.IsTsig() == nil {
			t.Errorf("message %d is of %v, signed: %v", i, m.Question, m.IsTsig() != nil)
		}
	}
}

func lines(rrs []mdns.RR) []string {
	var lines []string
	for _, rr := range rrs {
		lines = append(lines, strings.Join(strings.Fields(strings.TrimPrefix(rr.String(), ";")), " "))
	}
	return lines
}

// Two of one name are carried out one after the other, however many messages go at once.
func TestSameNameTwice(t *testing.T) {
	server := startPrimary(t, nil)
	mustApply(t, server.publisher(), owned("a", "10.0.0.1"), owned("b", "10.0.0.2"), removed("a", "10.0.0.1"))
	if got := server.holds("a." + origin); got != nil {
		t.Errorf("the zone still holds %v", got)
	}
	if len(server.taken()) != 2 {
		t.Errorf("%d messages, want 2", len(server.taken()))
	}
}

func TestPacking(t *testing.T) {
	server := startPrimary(t, nil)
	mustApply(t, server.publisher(), many(500)...)
	if n := len(server.taken()); n < 5 || n > 9 {
		t.Errorf("500 names went in %d messages", n)
	}
	for i, m := range server.taken() {
		m.Compress = true
		wire, err := m.Pack()
		if err != nil || len(wire) > rfc2136.MaxMessage {
			t.Errorf("message %d has %d bytes (%v)", i, len(wire), err)
		}
		seen := map[string]int{}
		for _, rr := range m.Ns {
			seen[strings.TrimPrefix(rr.Header().Name, "_owner.")]++
		}
		for name, n := range seen {
			if n != 2 {
				t.Errorf("message %d holds %d records of %s: the name was split", i, n, name)
			}
		}
	}
}

// One large change set goes alone; one that no message can hold says so, and stops nothing else.
func TestLargeChangeSets(t *testing.T) {
	set := func(label string, n int) dns.ChangeSet {
		s := owned(label, "10.0.0.1")
		for i := range n {
			s.Changes[1].After = append(s.Changes[1].After, fmt.Sprintf("10.%d.%d.%d", i>>16, i>>8&255, i&255))
		}
		return s
	}
	server := startPrimary(t, nil)
	errs := applyAll(t, server.publisher(), owned("a", "10.0.0.1"), set("large", 2000), set("huge", 5000), owned("b", "10.0.0.2"))
	if errs[0] != nil || errs[1] != nil || errs[3] != nil {
		t.Errorf("got %v", errs)
	}
	if errs[2] == nil || !strings.Contains(errs[2].Error(), "huge."+origin+" takes ") {
		t.Errorf("got %v, want an error of huge", errs[2])
	}
}

func TestBadChangeSets(t *testing.T) {
	server := startPrimary(t, nil)
	name := "a." + origin
	change := func(c dns.Change) dns.ChangeSet {
		if c.Name == "" {
			c.Name = name
		}
		return dns.ChangeSet{Name: name, Changes: []dns.Change{c}}
	}
	for want, set := range map[string]dns.ChangeSet{
		"outside zone":          {Name: "a.xcontract.example.com.", Changes: []dns.Change{{Action: dns.Create, Name: "a.xcontract.example.com.", Type: dns.TypeA, After: []string{"10.0.0.1"}}}},
		"none of this type":     change(dns.Change{Action: dns.Create, Type: dns.TypeA, After: []string{"fd00::1"}}),
		"more than one line":    change(dns.Change{Action: dns.Create, Type: "TXT", After: []string{"\"a\"\nb IN A 10.0.0.1"}}),
		"holds a change of b":   change(dns.Change{Action: dns.Create, Name: "b." + origin, Type: dns.TypeA, After: []string{"10.0.0.1"}}),
		"type is not known":     change(dns.Change{Action: dns.Create, Type: "NONE1", After: []string{"10.0.0.1"}}),
		"from 0 values to 1":    change(dns.Change{Action: dns.Update, Type: dns.TypeA, After: []string{"10.0.0.1"}}),
		"a TTL of -1 s":         change(dns.Change{Action: dns.Create, Type: dns.TypeA, After: []string{"10.0.0.1"}, TTL: -1}),
		"from 0 values to 0 is": change(dns.Change{Action: dns.Delete, Type: dns.TypeA}),
	} {
		if errs := applyAll(t, server.publisher(), set); errs[0] == nil || !strings.Contains(errs[0].Error(), want) {
			t.Errorf("got %v, want an error that says %q", errs[0], want)
		}
	}
	if len(server.taken()) != 0 {
		t.Errorf("%d messages were sent", len(server.taken()))
	}
}

// Conflicts are of the right names, with what was found, among many in one message.
func TestConflicts(t *testing.T) {
	server := startPrimary(t, nil)
	server.hold(
		"bank-3.use1.contract.example.com. 10 IN A 10.9.9.9",
		"bank-7.use1.contract.example.com. 10 IN CNAME elsewhere.example.net.",
		"bank-11.use1.contract.example.com. 10 IN MX 10 mail.example.net.",
	)
	sets := many(100)
	errs := applyAll(t, server.publisher(), sets...)
	want := map[int]string{3: "10.9.9.9", 7: "CNAME elsewhere.example.net.", 11: "MX 10 mail.example.net."}
	for i, err := range errs {
		var conflict *dns.ConflictError
		switch {
		case want[i] == "" && err != nil:
			t.Errorf("%s: %v", sets[i].Name, err)
		case want[i] != "" && (!errors.As(err, &conflict) || len(conflict.Found) != 1 || !strings.HasSuffix(conflict.Found[0], want[i])):
			t.Errorf("%s: got %v, want a conflict with %s", sets[i].Name, err, want[i])
		}
	}
	if n := len(server.taken()); n > 6 {
		t.Errorf("it took %d messages", n)
	}
}

func TestAddressEditedBetween(t *testing.T) {
	server := startPrimary(t, nil)
	p := server.publisher()
	mustApply(t, p, owned("a", "10.0.0.1"), owned("b", "10.0.0.2"))
	server.hold("a.contract.example.com. 10 IN A 10.9.9.9")
	errs := applyAll(t, p, removed("a", "10.0.0.1"), removed("b", "10.0.0.2"))
	var conflict *dns.ConflictError
	if !errors.As(errs[0], &conflict) || !slices.Equal(conflict.Found, []string{"10.0.0.1", "10.9.9.9"}) || errs[1] != nil {
		t.Errorf("got %v", errs)
	}
	if got := server.holds("_owner.a." + origin); len(got) != 1 {
		t.Errorf("the ownership is %v: the change was not whole", got)
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
		"NOTAUTH, unsigned":   {script: always(fault{rcode: mdns.RcodeNotAuth, unsigned: true}), want: "NOTAUTH: it is not the primary"},
		"NOTIMP":              {script: always(fault{rcode: mdns.RcodeNotImplemented, unsigned: true}), want: "NOTIMP: it takes no DNS UPDATE"},
		"REFUSED":             {script: always(fault{rcode: mdns.RcodeRefused}), want: "REFUSED: the server does not allow it"},
		"FORMERR":             {script: always(fault{rcode: mdns.RcodeFormatError, unsigned: true}), want: "FORMERR: it does not understand"},
		"NOTZONE":             {script: always(fault{rcode: mdns.RcodeNotZone}), want: "NOTZONE: a name is outside"},
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
