package rfc2136_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/rfc2136"
)

// A signature that is shorter than its algorithm's, or of another key though of the same secret, is not believed.
func TestOddSignatures(t *testing.T) {
	truncated := func(wire []byte) []byte {
		m := new(mdns.Msg)
		if err := m.Unpack(wire); err != nil {
			t.Error(err)
			return wire
		}
		sig := m.IsTsig()
		sig.MAC, sig.MACSize = sig.MAC[:32], 16
		short, err := m.Pack()
		if err != nil {
			t.Error(err)
		}
		return short
	}
	for want, f := range map[string]fault{
		"BADTRUNC":                        {wire: truncated},
		"signed with key another. (hmac-": {signer: "another."},
	} {
		t.Run(want, func(t *testing.T) {
			server := startPrimary(t, func(int, *mdns.Msg) fault { return f })
			if _, err := server.publisher().Apply(t.Context(), origin, many(1)); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q", err, want)
			}
		})
	}
}

// What a wildcard answers is not what was to be written, though it was accepted.
func TestReplacedBelowAWildcard(t *testing.T) {
	server := startPrimary(t, nil)
	p := server.publisher()
	mustApply(t, p, owned("a.usw1", "10.0.0.1"))
	server.hold("*.usw1.contract.example.com. 10 IN A 10.9.9.9")
	server.script = func(_ int, m *mdns.Msg) fault {
		m.Ns = slices.DeleteFunc(m.Ns, func(rr mdns.RR) bool { return rr.Header().Class == mdns.ClassINET && m.Opcode == mdns.OpcodeUpdate })
		if m.Opcode == mdns.OpcodeUpdate { // a policy that takes away and lets nothing in
			m.Ns = append(m.Ns, &mdns.ANY{Hdr: mdns.RR_Header{Name: "_owner.a.usw1." + origin, Rrtype: mdns.TypeTXT, Class: mdns.ClassANY}})
		}
		return fault{}
	}
	name := "a.usw1." + origin
	moved := dns.ChangeSet{Name: name, Changes: []dns.Change{
		{Action: dns.Update, Name: name, Type: dns.TypeA, Before: []string{"10.0.0.1"}, After: []string{"10.0.0.2"}, TTL: 10},
	}}
	var missing *rfc2136.NotHeldError
	if errs := applyAll(t, p, moved); !errors.As(errs[0], &missing) || !slices.Equal(missing.Found, []string{"10.9.9.9"}) {
		t.Errorf("got %v", errs)
	}
}

// Change sets that are large, but not alone too large, are packed up to the limit and not above.
func TestPackingOfLargeChangeSets(t *testing.T) {
	var sets []dns.ChangeSet
	for i := range 8 {
		s := owned(fmt.Sprintf("large-%d", i), "10.0.0.1")
		for j := range 350 {
			s.Changes[1].After = append(s.Changes[1].After, fmt.Sprintf("10.%d.%d.%d", i, j>>8, j&255))
		}
		sets = append(sets, s)
	}
	server := startPrimary(t, nil)
	mustApply(t, server.publisher(), sets...)
	if n := len(server.taken()); n != 4 {
		t.Errorf("eight sets of some 7 KB went in %d messages, want 4", n)
	}
}

// TestPartialApplyIsFinished: whatever becomes of messages and replies, no name ever parts from its ownership, and planning anew does
// precisely what is left.
func TestPartialApplyIsFinished(t *testing.T) {
	w := dns.Wanted{Deployment: "bank", Zone: origin, Places: []string{"use1"}}
	for i := range 400 {
		name := fmt.Sprintf("bank-%d.use1.%s", i, origin)
		w.Sets = append(w.Sets, dns.RecordSet{Name: name, Type: dns.TypeA, TTL: 10, Values: []string{fmt.Sprintf("10.1.%d.%d", i>>8, i&255)}, Cluster: "use1"})
	}
	faults := []fault{{swallow: true}, {cut: true}, {rcode: mdns.RcodeServerFailure, after: true}, {}, {rcode: mdns.RcodeRefused}, {swallow: true}, {rcode: mdns.RcodeServerFailure}, {cut: true}}
	server := startPrimary(t, func(n int, m *mdns.Msg) fault {
		if m.Opcode != mdns.OpcodeUpdate || n > len(faults) {
			return fault{}
		}
		return faults[n-1]
	})
	server.hold("bank-7.use1.contract.example.com. 10 IN A 192.0.2.7")
	p := server.publisher(func(c *rfc2136.Config) { c.Attempts = 1 })
	for round := 1; ; round++ {
		plan := planned(t, p, w)
		if len(plan.Obstacles) != 1 {
			t.Fatalf("round %d: obstacles %v", round, plan.Obstacles)
		}
		if len(plan.Sets) == 0 {
			break
		}
		if round > len(faults) {
			t.Fatalf("after %d rounds %d names are left", round, len(plan.Sets))
		}
		_, _ = p.Apply(t.Context(), origin, plan.Sets) // whatever it says, the zone counts
	}
	if got := server.holds("bank-7.use1." + origin); len(got) != 1 || !strings.HasSuffix(got[0], "192.0.2.7") {
		t.Errorf("somebody's name became %v", got)
	}
}

// planned is what is left to do; every change in it is of a name with its ownership.
func planned(t *testing.T, p *rfc2136.Publisher, w dns.Wanted) dns.Reconciliation {
	t.Helper()
	actual, err := p.Read(t.Context(), origin, w.OwnerNames())
	if err != nil {
		t.Fatal(err)
	}
	plan, err := dns.Reconcile(w, actual, dns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range plan.Sets {
		if len(s.Changes) != 2 || s.Changes[0].Action != dns.Create || s.Changes[1].Action != dns.Create {
			t.Errorf("%s is there in part: %+v", s.Name, s.Changes)
		}
	}
	return plan
}

// TestKeyFilesOfOtherHands: as editors and shells of other systems leave them.
func TestKeyFilesOfOtherHands(t *testing.T) {
	const bind, knot = "key \"quorate-key\" { algorithm hmac-sha256; secret \"" + secret + "\"; };", "key:\n  - id: quorate-key\n    algorithm: hmac-sha256\n    secret: " + secret + "\n"
	utf16 := "\xff\xfe" + strings.Join(strings.Split(bind, ""), "\x00") + "\x00"
	for name, test := range map[string]struct {
		text, want string // want: of the error; empty: it is read
	}{
		"a line, CRLF":                {"# mine\r\nquorate-key:" + secret + "\r\n", ""},
		"a line with a mark":          {"\ufeffquorate-key:" + secret, ""},
		"BIND's with a mark and CRLF": {"\ufeff// mine\r\n" + bind + " # mine\r\n", ""},
		"Knot's with a mark and CRLF": {"\ufeff" + strings.ReplaceAll(knot, "\n", "\r\n"), ""},
		"UTF-16":                      {utf16, "save it as UTF-8"},
		"nothing but a comment":       {"# mine\r\n", "holds no key"},
		"name and secret changed":     {secret + ":bank", "no domain name"},
	} {
		t.Run(name, func(t *testing.T) {
			files := fstest.MapFS{"a.key": {Data: []byte(test.text), Mode: 0o600}}
			key, warnings, err := rfc2136.ReadKeyFile(files, "a.key", "quorate-key")
			if test.want == "" && (err != nil || key.Name != keyName || len(warnings) > 0) {
				t.Errorf("got %v, %v, %v", key, warnings, err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(strings.ToLower(err.Error()), strings.ToLower(secret[:8]))) {
				t.Errorf("got %v, want %q and no secret", err, test.want)
			}
		})
	}
}
