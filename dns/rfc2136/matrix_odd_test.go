package rfc2136_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
	"quorate.dev/quorate/regions"
)

// oddRows are what zones of real deployments hold beside the plain case.
func oddRows() []row {
	cut := []string{"use1 60 NS ns1.elsewhere.example.com.", "use2 60 DNAME other.example.com."}
	return []row{
		{name: "names above others", test: above},
		{name: "names above others, DNSSEC-signed", cfg: servers.Config{Signed: true}, test: above},
		{name: "long names, odd texts", test: odd},
		{name: "delegation or DNAME above", cfg: servers.Config{Records: cut}, test: cutAbove},
		{name: "policies over what the zone holds", cfg: servers.Config{Records: foreign()}, test: policies},
		{name: "serial wraps", cfg: servers.Config{Serial: 4294967295}, test: wraps},
		{name: "four writers, 80 names each", test: fourWriters},
		{name: "transfer refused, DNSSEC-signed", cfg: servers.Config{NoTransfer: true, Signed: true}, test: blindSigned},
		{name: "300 names deleted", test: manyDeleted},
	}
}

// above: a name that holds nothing, but has names below it (RFC 8020 §3.1), is as fresh as any; and stays when those below it go, and the other way round.
func above(c *cell) {
	p := c.publisher()
	below, region := bank0(), address("use1", "10.0.0.1")
	c.mustApply(p, below)
	c.mustApply(p, region)
	c.expect(after(below, region)...)
	c.mustApply(p, gone(below))
	c.expect(after(region)...)
	c.mustApply(p, below)
	c.mustApply(p, gone(region))
	c.expect(after(below)...)
	if out := c.dig("use1."+zone, "A"); !strings.Contains(out, "status: NOERROR") {
		c.Errorf("a name with names below it is denied: %s", out)
	}
	c.mustApply(p, region, ports())
	c.expect(after(below, region, ports())...)
}

func odd(c *cell) {
	long := strings.Repeat("a", 63)
	// 3 labels of 63, the zone and "_owner." take 3·64 + 10 + 7 of 255 octets; 44 are left for a label and its length.
	longest := strings.Join([]string{strings.Repeat("b", 43), long, long, long}, ".")
	sets := []dns.ChangeSet{
		made(long, set(long, dns.TypeA, 10, "10.0.0.1")),
		made(longest, set(longest, dns.TypeA, 2147483647, "10.0.0.2")),
		made("zero", set("zero", dns.TypeA, 0, "10.0.0.3")),
		made("text", set("text", "TXT", 10, `"`+strings.Repeat("x", 255)+`" "`+strings.Repeat("y", 200)+`"`, `"a \"quote\" and a \\ and a ; and (brackets)"`, `"\001\200"`, `""`)),
		made("x-1--2", set("x-1--2", dns.TypeAAAA, 10, "fd00::a:0:0:1", "fe80::1")),
	}
	for i := range sets {
		for j := range sets[i].Changes {
			slices.Sort(sets[i].Changes[j].After)
		}
	}
	p := c.publisher()
	c.mustApply(p, sets...)
	c.expect(after(sets...)...)
	c.compare("the publisher reads", flat(c.read(p).Sets), c.held())
	var undo []dns.ChangeSet
	for _, s := range sets {
		undo = append(undo, gone(s))
	}
	c.mustApply(p, undo...)
	c.expect()
}

// cutAbove: what stands below a delegation or a DNAME is answered by nobody here, so the publisher must not say that it is. PowerDNS takes a DNAME
// for plain data unless it is set up otherwise (dname-processing), so there names below one do answer.
func cutAbove(c *cell) {
	p, blind := c.publisher(), c.publisher(func(cfg *rfc2136.Config) { cfg.Blind = true })
	names := []string{"bank-0.use1." + zone, "bank-0.use2." + zone}
	byName, err := blind.Read(c.Context(), zone, names)
	if err != nil {
		c.Fatal(err)
	}
	for what, sets := range map[string][]dns.RecordSet{"by transfer": c.read(p).Sets, "by queries": byName.Sets} {
		for name, rtype := range map[string]dns.Type{"use1." + zone: "NS", "use2." + zone: "DNAME"} {
			if !slices.ContainsFunc(sets, func(s dns.RecordSet) bool { return s.Name == name && s.Type == rtype }) {
				c.Errorf("%s, the %s of %s does not show: %v", what, rtype, name, sets)
			}
		}
	}
	other := address("bank-0.use3", "10.0.0.3")
	failed := c.apply(p, address("bank-0.use1", "10.0.0.1"), address("bank-0.use2", "10.0.0.2"), other)
	for i, name := range names {
		holds := c.dig("+short", name, "A") == fmt.Sprintf("10.0.0.%d", i+1)
		if (failed[name] == nil) != holds {
			c.Errorf("%s: the publisher says %v, and dig finds it: %v", name, failed[name], holds)
		}
		if holds {
			c.note("%s answers all the same", strings.SplitN(name, ".", 2)[1])
		}
	}
	if failed[other.Name] != nil {
		c.Errorf("another name was kept back: %v", failed[other.Name])
	}
}

// foreign are records in whose way none of ours may come: a wildcard, an alias, somebody's own address, a delegation.
func foreign() []string {
	return []string{"*.use1 60 A 192.0.2.9", "bank-0.use2 60 CNAME elsewhere.example.com.", "bank-0.use3 60 A 192.0.2.3", "use4 60 NS ns1.elsewhere.example.com."}
}

// policies: what the pure core decides on a zone as this product shows it, by transfer and by queries alike.
func policies(c *cell) {
	wanted := dns.Wanted{Deployment: "bank", Zone: zone}
	var names []string
	for i := range 5 {
		s := set(fmt.Sprintf("bank-0.use%d", i+1), dns.TypeA, 10, fmt.Sprintf("10.0.0.%d", i+1))
		cluster := fmt.Sprintf("use%d", i+1)
		id := regions.ReplicaID{Cluster: cluster, Pool: "bank"}
		names, s.Cluster = append(names, s.Name), cluster
		wanted.Names = append(wanted.Names, dns.Name{Name: s.Name, Replicas: []regions.ReplicaID{id}})
		wanted.Sets, wanted.Places = append(wanted.Sets, s), append(wanted.Places, cluster)
	}
	before := c.held()
	free := names[4]
	for what, p := range map[string]*rfc2136.Publisher{"by transfer": c.publisher(), "by queries": c.publisher(func(cfg *rfc2136.Config) { cfg.Blind = true })} {
		snapshot, err := p.Read(c.Context(), zone, names)
		if err != nil {
			c.Fatalf("%s: %v", what, err)
		}
		plan, err := dns.Reconcile(wanted, snapshot, dns.Options{})
		if err != nil || len(plan.Sets) != 1 || plan.Sets[0].Name != free || len(plan.Obstacles) != 4 {
			c.Fatalf("%s, it is planned: %+v, %v; want %s alone, and an obstacle at each other name", what, plan, err, free)
		}
		c.mustApply(p, plan.Sets...)
		now := c.held()
		if !slices.Equal(now[free+" A"], []string{"10 10.0.0.5"}) {
			c.Errorf("%s: %s is %v", what, free, now[free+" A"])
		}
		snapshot, err = p.Read(c.Context(), zone, names)
		if err != nil {
			c.Fatalf("%s: %v", what, err)
		}
		if again, err := dns.Reconcile(wanted, snapshot, dns.Options{}); err != nil || len(again.Sets) > 0 {
			c.Errorf("%s, what was just made is planned again: %+v, %v", what, again.Sets, err)
		}
		c.mustApply(p, gone(plan.Sets[0]))
	}
	c.compare("dig sees", c.held(), before)
}

// wraps: after 4294967295 comes a small number (RFC 1982).
func wraps(c *cell) {
	p := c.publisher()
	before := c.read(p).Serial
	c.mustApply(p, bank0())
	c.expect(after(bank0())...)
	now := c.read(p).Serial
	if moved := now - before; before != 4294967295 || moved == 0 || moved >= 1<<31 {
		c.Errorf("the serial was %d and is %d", before, now)
	}
	c.note("serial %d", now)
}

func fourWriters(c *cell) {
	var all sync.WaitGroup
	var mu sync.Mutex
	var sets []dns.ChangeSet
	failed := map[string]error{}
	for w := range 4 {
		var own []dns.ChangeSet
		for i := range 80 {
			own = append(own, address(fmt.Sprintf("bank-%d.use%d", i, w), fmt.Sprintf("10.%d.0.%d", w, i)))
		}
		sets = append(sets, own...)
		p := c.publisher()
		all.Go(func() {
			results, err := p.Apply(c.Context(), zone, own)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[own[0].Name] = err
			}
			for _, r := range results {
				if r.Err != nil {
					failed[r.Name] = r.Err
				}
			}
		})
	}
	all.Wait()
	for _, name := range slices.Sorted(maps.Keys(failed))[:min(3, len(failed))] {
		c.Errorf("%s (and %d more): %v", name, len(failed)-1, failed[name])
	}
	c.expect(after(sets...)...)
}

// blindSigned: reading by queries tells a signed zone's own records from ours, and a conflict from none.
func blindSigned(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0(), ports(), address("use1", "10.0.0.1"))
	names := []string{bank0().Name, ports().Name, "use1." + zone, "nothing.use1." + zone}
	snapshot, err := p.Read(c.Context(), zone, names)
	if err != nil {
		c.Fatalf("Read: %v", err)
	}
	if snapshot.Blind == "" {
		c.Error("what was not seen is not told")
	}
	c.compare("the publisher reads", flat(snapshot.Sets), flat(after(bank0(), ports(), address("use1", "10.0.0.1"))))
	c.mustApply(p, gone(ports()))
	if err := c.apply(p, address("use1", "10.0.0.2"))["use1."+zone]; !isConflict(err) {
		c.Errorf("a name that is there already: got %v, want a conflict", err)
	}
}

func isConflict(err error) bool {
	_, ok := errors.AsType[*dns.ConflictError](err)
	return ok
}

func manyDeleted(c *cell) {
	var sets, undo []dns.ChangeSet
	for i := range 300 {
		s := address(fmt.Sprintf("bank-%d.use1", i), fmt.Sprintf("10.1.%d.%d", i/250, i%250))
		sets, undo = append(sets, s), append(undo, gone(s))
	}
	p := c.publisher()
	c.mustApply(p, sets...)
	c.mustApply(p, undo[1:]...)
	c.expect(after(sets[0])...)
}
