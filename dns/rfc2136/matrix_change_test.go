package rfc2136_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
)

const reverse = "0.10.in-addr.arpa."

func changingRows() []row {
	return []row{
		{name: "create", cfg: servers.Config{Reverse: []string{reverse}}, test: creates},
		{name: "update", test: updates},
		{name: "delete", test: deletes},
		{name: "nsupdate edit between plan and apply", test: editedBetween},
		{name: "two writers at once", test: twoWriters},
		{name: "DNSSEC-signed zone", cfg: servers.Config{Signed: true}, test: signed},
		{name: "IPv6", cfg: servers.Config{IPv6: true}, test: creates6},
		{name: "views by key", cfg: servers.Config{Views: true}, kinds: []servers.Kind{servers.BIND}, test: views},
		{name: "key of hmac-sha512", cfg: servers.Config{Algorithm: "hmac-sha512"}, test: createsOne},
		{name: "key of hmac-sha384", cfg: servers.Config{Algorithm: "hmac-sha384"}, test: createsOne},
		{name: "key of hmac-sha224", cfg: servers.Config{Algorithm: "hmac-sha224"}, test: createsOne},
		{name: "key of hmac-sha1", cfg: servers.Config{Algorithm: "hmac-sha1"}, test: createsOne},
	}
}

func bank0() dns.ChangeSet {
	return made("bank-0.use1",
		set("bank-0.use1", dns.TypeA, 10, "10.0.0.1", "10.0.0.2"),
		set("bank-0.use1", dns.TypeAAAA, 10, "fd00::1"))
}

func ports() dns.ChangeSet {
	return made("_sql._tcp", set("_sql._tcp", "SRV", 30, "0 100 26257 bank-0.use1."+zone, "0 100 26257 bank-1.use1."+zone))
}

func creates(c *cell) {
	p := c.publisher()
	before := c.read(p)
	c.mustApply(p, bank0(), ports())
	c.expect(after(bank0(), ports())...)
	now := c.read(p)
	c.compare("the publisher reads", flat(now.Sets), c.held())
	if moved := now.Serial - before.Serial; moved == 0 || moved >= 1<<31 {
		c.Errorf("the serial moved by %d", moved)
	}
	if len(before.Sets) > 0 && !slices.ContainsFunc(now.Sets, func(s dns.RecordSet) bool { return s.Type == "NS" }) {
		c.Error("the zone's NS was not read")
	}
	pointer := dns.RecordSet{Name: "1.0." + reverse, Type: "PTR", TTL: 10, Values: []string{"bank-0.use1." + zone}}
	results, err := p.Apply(c.Context(), reverse, []dns.ChangeSet{{Name: pointer.Name, Fresh: true, Changes: []dns.Change{
		{Action: dns.Create, Name: pointer.Name, Type: pointer.Type, After: pointer.Values, TTL: 10},
	}}})
	if err != nil || results[0].Err != nil {
		c.Errorf("the reverse zone: %v, %v", err, results)
	}
	if got := c.dig("+short", "-x", "10.0.0.1"); got != "bank-0.use1."+zone {
		c.Errorf("the reverse name of 10.0.0.1 is %q", got)
	}
}

func creates6(c *cell) {
	if !strings.HasPrefix(c.Address, "[::1]:") {
		c.Fatalf("the server listens on %s", c.Address)
	}
	createsOne(c)
}

func createsOne(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0())
	c.expect(after(bank0())...)
	c.compare("the publisher reads", flat(c.read(p).Sets), c.held())
}

func updates(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0(), ports(), address("bank-1.use1", "10.0.0.9"))
	moved := set("bank-0.use1", dns.TypeA, 10, "10.0.0.7")
	c.mustApply(p, changed(bank0set(dns.TypeA), moved.Values...))
	rest := after(bank0(), ports(), address("bank-1.use1", "10.0.0.9"))
	c.expect(replaced(rest, moved)...)

	longer := moved // the TTL alone
	longer.TTL = 20
	ttl := changed(longer, moved.Values...)
	c.mustApply(p, ttl)
	c.expect(replaced(rest, longer)...)
}

func bank0set(rtype dns.Type) dns.RecordSet {
	all := after(bank0())
	return all[slices.IndexFunc(all, func(s dns.RecordSet) bool { return s.Type == rtype })]
}

// replaced are the sets with one of them as it is now.
func replaced(sets []dns.RecordSet, now dns.RecordSet) []dns.RecordSet {
	sets = slices.Clone(sets)
	for i, s := range sets {
		if s.Name == now.Name && s.Type == now.Type {
			sets[i] = now
		}
	}
	return sets
}

func deletes(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0(), ports())
	c.mustApply(p, gone(bank0()))
	c.expect(after(ports())...)
	if out := c.dig("bank-0.use1." + zone); !strings.Contains(out, "status: NXDOMAIN") {
		c.Errorf("a deleted name is not NXDOMAIN: %s", out)
	}
	c.mustApply(p, gone(ports()))
	c.expect()
	c.mustApply(p, bank0()) // a name that was deleted is as fresh as any
	c.expect(after(bank0())...)
}

// gone undoes a change set that made a name.
func gone(made dns.ChangeSet) dns.ChangeSet {
	undo := dns.ChangeSet{Name: made.Name}
	for _, change := range made.Changes {
		undo.Changes = append(undo.Changes, dns.Change{Action: dns.Delete, Name: change.Name, Type: change.Type, Before: change.After})
	}
	return undo
}

// editedBetween: what an administrator wrote since the plan is never overwritten, and keeps nothing else back.
func editedBetween(c *cell) {
	p := c.publisher()
	other, third := address("bank-1.use1", "10.0.1.1"), address("bank-2.use1", "10.0.2.1")
	c.mustApply(p, bank0(), other)
	c.nsupdate("update add bank-0.use1."+zone+" 10 A 192.0.2.66", "update delete bank-1.use1."+zone+" A", "update add bank-2.use1."+zone+" 10 TXT theirs")
	edited := set("bank-0.use1", dns.TypeA, 10, "10.0.0.1", "10.0.0.2", "192.0.2.66")
	theirs := set("bank-2.use1", "TXT", 10, `"theirs"`)
	fourth := address("bank-3.use1", "10.0.3.1")
	failed := c.apply(p,
		changed(bank0set(dns.TypeA), "10.0.0.7"), // added to
		changed(after(other)[0], "10.0.1.7"),     // deleted
		third,                                    // made by somebody else
		fourth)
	for _, name := range []string{"bank-0.use1.", "bank-1.use1.", "bank-2.use1."} {
		if err := failed[name+zone]; !isConflict(err) {
			c.Errorf("%s was edited meanwhile: got %v, want a conflict", name, err)
		} else if !strings.Contains(err.Error(), "read the zone again") {
			c.Errorf("the conflict does not say what to do: %v", err)
		}
	}
	if err := failed["bank-3.use1."+zone]; err != nil {
		c.Errorf("a name that nobody edited was kept back: %v", err)
	}
	now := append(replaced(after(bank0(), fourth), edited), theirs, after(other)[1])
	c.expect(now...)

	c.mustApply(p, changed(edited, "10.0.0.7")) // planned anew
	c.expect(replaced(now, set("bank-0.use1", dns.TypeA, 10, "10.0.0.7"))...)
}

// twoWriters: of writers that count up one record together, each step counts once.
func twoWriters(c *cell) {
	c.mustApply(c.publisher(), made("count", set("count", "TXT", 10, `"0"`)))
	const writers, steps = 4, 6
	var done, conflicts atomic.Int32
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for p := c.publisher(); done.Load() < steps; {
				if !c.countUp(p, &conflicts) {
					return
				}
				done.Add(1)
			}
		})
	}
	all.Wait()
	want := fmt.Sprintf(`"%d"`, done.Load())
	if got := c.dig("+short", "count."+zone, "TXT"); got != want {
		c.Errorf("the record says %s after %s steps and %d conflicts: an update was lost or made twice", got, want, conflicts.Load())
	}
}

// countUp adds one to the record, on whatever it is, as often as somebody else was quicker.
func (c *cell) countUp(p *rfc2136.Publisher, conflicts *atomic.Int32) bool {
	for range 200 {
		snapshot, err := p.Read(c.Context(), zone, nil)
		if err != nil {
			c.Errorf("Read: %v", err)
			return false
		}
		i := slices.IndexFunc(snapshot.Sets, func(s dns.RecordSet) bool { return s.Name == "count."+zone })
		var n int
		if _, err := fmt.Sscanf(snapshot.Sets[i].Values[0], `"%d"`, &n); err != nil {
			c.Errorf("the record is %v", snapshot.Sets[i])
			return false
		}
		results, err := p.Apply(c.Context(), zone, []dns.ChangeSet{changed(snapshot.Sets[i], fmt.Sprintf(`"%d"`, n+1))})
		if err != nil {
			c.Errorf("Apply: %v", err)
			return false
		}
		// Another writer may have been quicker after the change, and before it was asked for.
		if _, seen := errors.AsType[*rfc2136.NotHeldError](results[0].Err); seen || results[0].Err == nil {
			return true
		}
		if !isConflict(results[0].Err) {
			c.Errorf("counting up: %v", results[0].Err)
			return false
		}
		conflicts.Add(1)
	}
	c.Error("200 conflicts in a row")
	return false
}

// views: the key selects the view, for reading and for writing.
func views(c *cell) {
	inside := c.publisher()
	key, err := rfc2136.NewKey(c.Config.Outside.Name, c.Config.Outside.Algorithm, c.Config.Outside.Secret)
	if err != nil {
		c.Fatal(err)
	}
	outside := c.publisher(func(cfg *rfc2136.Config) { cfg.Key = key })
	c.mustApply(inside, address("bank-0.use1", "10.0.0.1"))
	c.mustApply(outside, address("bank-0.use1", "192.0.2.1"))
	c.expect(after(address("bank-0.use1", "10.0.0.1"))...)
	c.compare("outside", flat(c.read(outside).Sets), flat(after(address("bank-0.use1", "192.0.2.1"))))
	c.compare("inside", flat(c.read(inside).Sets), flat(after(address("bank-0.use1", "10.0.0.1"))))
}
