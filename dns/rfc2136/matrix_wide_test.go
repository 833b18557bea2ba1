package rfc2136_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
)

func wideRows() []row {
	records := make([]string, 3000)
	for i := range records {
		records[i] = fmt.Sprintf(`bank-%d.use1 10 A 10.1.%d.%d`, i, i/250, i%250)
	}
	return []row{
		{name: "2,000 names", test: thousands},
		{name: "AXFR of more than 64 KiB with TSIG", cfg: servers.Config{Records: records}, test: largeTransfer},
		{name: "AXFR of a signed zone, more than 64 KiB", cfg: servers.Config{Records: records[:400], Signed: true}, test: largeTransfer},
		{name: "100-record SRV", test: func(c *cell) { services(c, 100) }},
		{name: "101-record SRV", test: func(c *cell) { services(c, 101) }},
	}
}

func thousands(c *cell) {
	var sets []dns.ChangeSet
	for i := range 2000 {
		sets = append(sets, address(fmt.Sprintf("bank-%d.use1", i), fmt.Sprintf("10.1.%d.%d", i/250, i%250)))
	}
	p := c.publisher()
	began := time.Now()
	c.mustApply(p, sets...)
	c.note("%.1f s", time.Since(began).Seconds())
	held := c.held()
	c.compare("dig sees", held, flat(after(sets...)))
	c.compare("the publisher reads", flat(c.read(p).Sets), held)
}

func largeTransfer(c *cell) {
	out := c.dig(zone, "AXFR")
	size := regexp.MustCompile(`XFR size: (\d+) records \(messages (\d+), bytes (\d+)\)`).FindStringSubmatch(out)
	if size == nil {
		c.Fatalf("dig does not transfer the zone: %s", out)
	}
	if bytes, _ := strconv.Atoi(size[3]); bytes <= 64<<10 {
		c.Fatalf("the transfer has %d bytes only", bytes)
	}
	c.note("%s messages, %s bytes", size[2], size[3])
	c.compare("the publisher reads", flat(c.read(c.publisher()).Sets), digested(c, out))
}

// services: a set of more records than a server allows is an error that says so, and nothing of it is made.
func services(c *cell, n int) {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("0 100 26257 bank-%d.use1.%s", i, zone)
	}
	slices.Sort(values)
	srv, other := made("_sql._tcp", set("_sql._tcp", "SRV", 30, values...)), address("bank-0.use1", "10.0.0.1")
	failed := c.apply(c.publisher(), srv, other)
	if failed[other.Name] != nil {
		c.Errorf("another name was kept back: %v", failed[other.Name])
	}
	if err := failed[srv.Name]; err != nil {
		if n <= 100 || c.Kind != servers.BIND {
			c.Errorf("%d records: %v", n, err)
		}
		c.note("refused, nothing made")
		c.Logf("%v", err)
		c.expect(after(other)...)
		return
	}
	c.expect(after(srv, other)...)
}

// signed: the server signs what we write, and what it makes for that is none of our business.
func signed(c *cell) {
	p := c.publisher()
	c.mustApply(p, bank0(), ports())
	c.expect(after(bank0(), ports())...)
	c.compare("the publisher reads", flat(c.read(p).Sets), c.held())
	moved := set("bank-0.use1", dns.TypeA, 10, "10.0.0.7")
	c.mustApply(p, changed(bank0set(dns.TypeA), moved.Values...), gone(ports()))
	c.expect(replaced(after(bank0()), moved)...)
	c.compare("the publisher reads", flat(c.read(p).Sets), c.held())
	c.verified(moved.Name, mdns.TypeA)
	if out := c.dig("+dnssec", ports().Name, "SRV"); !strings.Contains(out, "NXDOMAIN") || !strings.Contains(out, "RRSIG\tNSEC") {
		c.Errorf("a deleted name is not denied with signatures: %s", out)
	}
}

// verified checks the signature of a set with the zone's own key.
func (c *cell) verified(name string, rtype uint16) {
	c.Helper()
	var set []mdns.RR
	var sig *mdns.RRSIG
	for _, rr := range c.records("+dnssec", name, mdns.TypeToString[rtype]) {
		switch rr := rr.(type) {
		case *mdns.RRSIG:
			sig = rr
		default:
			set = append(set, rr)
		}
	}
	if sig == nil || len(set) == 0 {
		c.Fatalf("%s is not signed: %v", name, set)
	}
	for _, rr := range c.records(zone, "DNSKEY") {
		if key, ok := rr.(*mdns.DNSKEY); ok && key.KeyTag() == sig.KeyTag {
			if err := sig.Verify(key, set); err != nil || !sig.ValidityPeriod(time.Now()) {
				c.Errorf("the signature of %s is wrong: %v", name, err)
			}
			return
		}
	}
	c.Errorf("no key of the zone made the signature of %s", name)
}

// records are those of the answer.
func (c *cell) records(args ...string) []mdns.RR {
	c.Helper()
	var all []mdns.RR
	for line := range strings.Lines(c.dig(append([]string{"+noall", "+answer"}, args...)...)) {
		if rr, err := mdns.NewRR(line); err == nil && rr != nil {
			all = append(all, rr)
		}
	}
	return all
}
