package rfc2136_test

import (
	"errors"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
)

func refusingRows() []row {
	return []row{
		{name: "wrong key", test: wrongSecret},
		{name: "wrong key name", test: wrongKeyName},
		{name: "wrong algorithm", test: wrongAlgorithm},
		{name: "no key", test: noKey},
		{name: "clock 301 s ahead", test: func(c *cell) { clock(c, 301) }},
		{name: "clock 301 s behind", test: func(c *cell) { clock(c, -301) }},
		{name: "CNAME in the way", cfg: servers.Config{Records: []string{"bank-0.use1 60 CNAME elsewhere.example.com."}}, test: cname},
		{name: "wildcard above", cfg: servers.Config{Records: []string{"*.use1 60 A 192.0.2.9"}}, test: wildcard},
		{name: "transfer refused", cfg: servers.Config{NoTransfer: true, Records: []string{"orphan 60 A 192.0.2.9"}}, test: transferRefused},
		{name: "zone not there", test: otherZone},
	}
}

// refused checks that neither reading nor writing works, that the errors are of TSIG with a code, and that the zone is as it was. PowerDNS does not
// tell the code; there the error has to name all that it may be.
func (c *cell) refused(p *rfc2136.Publisher, code int, says ...string) {
	c.Helper()
	_, readErr := p.Read(c.Context(), zone, nil)
	for what, err := range map[string]error{"Read": readErr, "Apply": c.oneError(p)} {
		if err == nil {
			c.Errorf("%s was not refused", what)
			continue
		}
		if sig, ok := errors.AsType[*rfc2136.TSIGError](err); c.Kind != servers.PowerDNS && (!ok || sig.Code != code) {
			c.Errorf("%s: got %v, want %s", what, err, mdns.RcodeToString[code])
		}
		for _, s := range append(says, c.Address) {
			if !strings.Contains(err.Error(), s) {
				c.Errorf("%s: %v does not say %q", what, err, s)
			}
		}
		if strings.Contains(err.Error(), c.Key.Secret) {
			c.Errorf("%s shows the secret: %v", what, err)
		}
		if rcode, ok := errors.AsType[*rfc2136.RcodeError](err); ok && what == "Apply" {
			c.note("a bare %s", mdns.RcodeToString[rcode.Rcode])
		}
	}
	c.expect()
}

// oneError is what comes of one change set.
func (c *cell) oneError(p *rfc2136.Publisher) error {
	results, err := p.Apply(c.Context(), zone, []dns.ChangeSet{bank0()})
	if err == nil {
		err = results[0].Err
	}
	return err
}

// keyed is a publisher with another key.
func (c *cell) keyed(name, algorithm, secret string) *rfc2136.Publisher {
	c.Helper()
	key, err := rfc2136.NewKey(name, algorithm, secret)
	if err != nil {
		c.Fatal(err)
	}
	return c.publisher(func(cfg *rfc2136.Config) { cfg.Key = key })
}

func wrongSecret(c *cell) {
	c.refused(c.keyed(c.Key.Name, c.Key.Algorithm, servers.NewKey("x.", "").Secret), mdns.RcodeBadSig, "secret")
}

func wrongKeyName(c *cell) {
	c.refused(c.keyed("other.", c.Key.Algorithm, c.Key.Secret), mdns.RcodeBadKey, "other.", "name")
}

func wrongAlgorithm(c *cell) {
	c.refused(c.keyed(c.Key.Name, "hmac-sha512", c.Key.Secret), mdns.RcodeBadKey, "algorithm")
}

func noKey(c *cell) {
	err := c.oneError(c.publisher(func(cfg *rfc2136.Config) { cfg.Key = rfc2136.Key{} }))
	rcode, ok := errors.AsType[*rfc2136.RcodeError](err)
	if !ok || !strings.Contains(err.Error(), "no key") {
		c.Fatalf("Apply without a key: %v", err)
	}
	c.note("%s", mdns.RcodeToString[rcode.Rcode])
	c.expect()
}

// clock sets the publisher's clock wrong by more than the 300 s that RFC 8945 recommends to allow.
func clock(c *cell, seconds int) {
	// Whole seconds are compared: let none pass meanwhile, nor one be news that servers, which read a coarse clock, do not have yet.
	for ns := time.Duration(time.Now().Nanosecond()); ns < 100*time.Millisecond || ns > 300*time.Millisecond; ns = time.Duration(time.Now().Nanosecond()) {
		time.Sleep(10 * time.Millisecond)
	}
	off := time.Duration(seconds) * time.Second
	wrong := c.publisher(func(cfg *rfc2136.Config) { cfg.Now = func() time.Time { return time.Now().Add(off) } })
	if sig, ok := errors.AsType[*rfc2136.TSIGError](c.oneError(wrong)); ok {
		if told := sig.Skew + off; told.Abs() > 2*time.Second {
			c.Errorf("the error tells of %v: %v", sig.Skew, sig)
		}
	}
	c.refused(wrong, mdns.RcodeBadTime, "clock")

	within := off - off/301*10 // 291 s
	p := c.publisher(func(cfg *rfc2136.Config) { cfg.Now = func() time.Time { return time.Now().Add(within) } })
	c.mustApply(p, bank0())
	c.expect(after(bank0())...)
}

// cname: adding beside a CNAME is silently ignored by RFC 2136 §3.4.2.2, so whoever writes must notice.
func cname(c *cell) {
	p := c.publisher()
	alias := set("bank-0.use1", "CNAME", 60, "elsewhere.example.com.")
	fresh, unseen := address("bank-0.use1", "10.0.0.1"), address("bank-0.use1", "10.0.0.1")
	unseen.Fresh = false
	other := address("bank-1.use1", "10.0.0.2")
	for _, s := range []dns.ChangeSet{fresh, unseen} {
		err := c.apply(p, s)[s.Name]
		if !isConflict(err) {
			c.Errorf("fresh=%v beside a CNAME: got %v, want a conflict", s.Fresh, err)
		} else if !strings.Contains(err.Error(), "CNAME elsewhere.example.com.") {
			c.Errorf("the error does not name the CNAME: %v", err)
		}
	}
	left := c.held()
	if owner := unseen.Changes[1].Name + " TXT"; left[owner] != nil {
		c.note("the ownership record is left beside the CNAME")
		delete(left, owner)
	}
	c.compare("dig sees", left, flat([]dns.RecordSet{alias}))
	if failed := c.apply(p, fresh, other); failed[other.Name] != nil {
		c.Errorf("a CNAME elsewhere keeps %s back: %v", other.Name, failed[other.Name])
	}
	if !slices.ContainsFunc(c.read(p).Sets, func(s dns.RecordSet) bool { return s.Name == alias.Name && s.Type == "CNAME" }) {
		c.Error("the CNAME was not read")
	}
}

// wildcard: what it makes up is not what the zone holds.
func wildcard(c *cell) {
	p, blind := c.publisher(), c.publisher(func(cfg *rfc2136.Config) { cfg.Blind = true })
	star := set("*.use1", dns.TypeA, 60, "192.0.2.9")
	name := "bank-0.use1." + zone
	byName, err := blind.Read(c.Context(), zone, []string{name})
	if err != nil {
		c.Fatal(err)
	}
	for what, sets := range map[string][]dns.RecordSet{"by transfer": c.read(p).Sets, "by queries": byName.Sets} {
		if !slices.ContainsFunc(sets, func(s dns.RecordSet) bool { return s.Name == star.Name && s.Type == dns.TypeA }) {
			c.Errorf("%s, the wildcard does not show: %v", what, sets)
		}
	}
	// Planned on what the wildcard answers, as if a record were there.
	err = c.apply(p, changed(set("bank-0.use1", dns.TypeA, 60, "192.0.2.9"), "10.0.0.1"))[name]
	if !isConflict(err) {
		c.Errorf("a change of what only the wildcard says: got %v, want a conflict", err)
	}
	c.expect(star)
	if err := c.apply(p, address("bank-0.use1", "10.0.0.1"))[name]; err != nil {
		c.Errorf("a fresh name under a wildcard: %v", err)
	}
	c.expect(append(after(address("bank-0.use1", "10.0.0.1")), star)...)
	c.mustApply(p, gone(address("bank-0.use1", "10.0.0.1")))
	c.expect(star)
}

func transferRefused(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0(), ports())
	names := []string{bank0().Name, ports().Name, "bank-1.use1." + zone}
	snapshot, err := p.Read(c.Context(), zone, names)
	if err != nil {
		c.Fatalf("Read: %v", err)
	}
	if !strings.Contains(snapshot.Blind, "not read whole") || !strings.Contains(snapshot.Blind, "allow") {
		c.Errorf("what was not seen, and its mend, is %q", snapshot.Blind)
	}
	c.compare("the publisher reads", flat(snapshot.Sets), flat(after(bank0(), ports())))
	if out := c.dig(zone, "AXFR"); !strings.Contains(out, "Transfer failed") {
		c.Errorf("the server does transfer: %s", out)
	}
	c.mustApply(p, changed(bank0set(dns.TypeA), "10.0.0.7"))
	if got := c.dig("+short", bank0().Name); got != "10.0.0.7" {
		c.Errorf("the address is %q", got)
	}
	if got := c.dig("+short", "orphan."+zone); got != "192.0.2.9" {
		c.Errorf("a foreign name is %q", got)
	}
}

func otherZone(c *cell) {
	const other = "other.example.net."
	p := c.publisher()
	change := dns.Change{Action: dns.Create, Name: "a." + other, Type: dns.TypeA, After: []string{"10.0.0.1"}, TTL: 10}
	if _, err := p.Read(c.Context(), other, nil); err == nil || !strings.Contains(err.Error(), other) {
		c.Errorf("Read: %v", err)
	}
	results, err := p.Apply(c.Context(), other, dns.ChangeSets([]dns.Change{change}))
	if err == nil {
		err = results[0].Err
	}
	if rcode, ok := errors.AsType[*rfc2136.RcodeError](err); !ok || !strings.Contains(err.Error(), other) {
		c.Errorf("Apply: %v", err)
	} else {
		c.note("%s", mdns.RcodeToString[rcode.Rcode])
	}
	c.expect()
}
