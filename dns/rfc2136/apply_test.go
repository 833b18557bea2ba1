package rfc2136_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

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
