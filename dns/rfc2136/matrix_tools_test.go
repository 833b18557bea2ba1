package rfc2136_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
)

// command runs a tool of the servers' own packages and gives what it printed.
func (c *cell) command(input, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(c.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func (c *cell) hostPort() (host, port string) {
	host, port, _ = net.SplitHostPort(c.Address)
	return host, port
}

// nsupdate edits the zone as an administrator would.
func (c *cell) nsupdate(lines ...string) {
	c.Helper()
	host, port := c.hostPort()
	input := fmt.Sprintf("server %s %s\nzone %s\n%s\nsend\n", host, port, zone, strings.Join(lines, "\n"))
	if out, err := c.command(input, "nsupdate", "-k", c.KeyFile); err != nil {
		c.Fatalf("nsupdate %v: %v: %s", lines, err, out)
	}
}

// dig asks the server with the cell's key and gives what it printed.
func (c *cell) dig(args ...string) string {
	c.Helper()
	host, port := c.hostPort()
	out, err := c.command("", "dig", append([]string{"@" + host, "-p", port, "-k", c.KeyFile, "+nocookie"}, args...)...)
	if err != nil {
		c.Fatalf("dig %v: %v: %s", args, err, out)
	}
	return out
}

// held are the sets that dig's transfer shows, without SOA, NS and what a signer makes; values sorted, with the TTL first.
func (c *cell) held() map[string][]string {
	c.Helper()
	out := c.dig(zone, "AXFR")
	if !strings.Contains(out, "XFR size") {
		c.Fatalf("dig does not transfer the zone: %s", out)
	}
	return digested(c, out)
}

func digested(c *cell, out string) map[string][]string {
	c.Helper()
	sets := map[string][]string{}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, ";") || strings.Contains(line, "\tTSIG\t") || strings.TrimSpace(line) == "" {
			continue
		}
		rr, err := mdns.NewRR(line)
		if err != nil {
			c.Fatalf("dig prints %q: %v", line, err)
		}
		switch h := rr.Header(); h.Rrtype {
		case mdns.TypeSOA, mdns.TypeNS, mdns.TypeRRSIG, mdns.TypeNSEC, mdns.TypeNSEC3, mdns.TypeNSEC3PARAM, mdns.TypeDNSKEY, mdns.TypeCDS, mdns.TypeCDNSKEY, 65534:
		default:
			key := strings.ToLower(h.Name) + " " + mdns.TypeToString[h.Rrtype]
			value := fmt.Sprintf("%d %s", h.Ttl, strings.TrimPrefix(rr.String(), h.String()))
			if !slices.Contains(sets[key], value) { // a transfer may repeat a record (RFC 5936 §2.2)
				sets[key] = append(sets[key], value)
			}
		}
	}
	for key := range sets {
		slices.Sort(sets[key])
	}
	return sets
}

// flat gives record sets in the form of held.
func flat(sets []dns.RecordSet) map[string][]string {
	out := map[string][]string{}
	for _, s := range sets {
		if s.Type == "SOA" || s.Type == "NS" {
			continue
		}
		for _, v := range s.Values {
			key := s.Name + " " + string(s.Type)
			out[key] = append(out[key], fmt.Sprintf("%d %s", s.TTL, v))
		}
	}
	for key := range out {
		slices.Sort(out[key])
	}
	return out
}

// expect compares what dig sees with what should be there: the sets given, and everything that the change sets made.
func (c *cell) expect(want ...dns.RecordSet) {
	c.Helper()
	c.compare("dig sees", c.held(), flat(want))
}

func (c *cell) compare(what string, got, want map[string][]string) {
	c.Helper()
	if maps.EqualFunc(got, want, slices.Equal) {
		return
	}
	var lines []string
	for key, values := range got {
		if !slices.Equal(values, want[key]) {
			lines = append(lines, fmt.Sprintf("%s is %v, want %v", key, values, want[key]))
		}
	}
	for key, values := range want {
		if got[key] == nil {
			lines = append(lines, fmt.Sprintf("%s is missing, want %v", key, values))
		}
	}
	slices.Sort(lines)
	c.Errorf("%s %d sets, want %d; %d differ:\n%s", what, len(got), len(want), len(lines), strings.Join(lines[:min(len(lines), 20)], "\n"))
}

// after are the sets that change sets leave in a zone that held none of their names.
func after(sets ...dns.ChangeSet) []dns.RecordSet {
	var all []dns.RecordSet
	for _, s := range sets {
		for _, change := range s.Changes {
			if len(change.After) > 0 {
				all = append(all, dns.RecordSet{Name: change.Name, Type: change.Type, TTL: change.TTL, Values: change.After})
			}
		}
	}
	return all
}
