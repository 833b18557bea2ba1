package rfc2136_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
)

const (
	guide     = "../../docs/guides/publishing-by-update.md"
	guideZone = "db.example.com."
	guideRev  = "1.10.in-addr.arpa."
)

// block is the nth indented block of the guide's section whose heading begins so, without its indent.
func block(t *testing.T, heading string, n int) string {
	t.Helper()
	text, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## "+heading)
	section, _, _ = strings.Cut(section, "\n## ")
	var blocks []string
	inside := false
	for line := range strings.Lines(section) {
		code := strings.HasPrefix(line, "    ")
		switch {
		case code && !inside:
			blocks = append(blocks, line)
		case code || inside && strings.TrimSpace(line) == "":
			blocks[len(blocks)-1] += line
			continue
		}
		inside = code
	}
	if !found || len(blocks) <= n {
		t.Fatalf("%s has no block %d of %q", guide, n, heading)
	}
	var out strings.Builder
	for line := range strings.Lines(blocks[n]) {
		out.WriteString(strings.TrimPrefix(line, "    "))
	}
	return out.String()
}

// guided is the configuration of the guide, word for word but for paths and the secret.
func guided(t *testing.T, kind servers.Kind) servers.Config {
	cfg := servers.Config{Zone: guideZone, Reverse: []string{guideRev}, Key: servers.NewKey("quorate-bank.", "hmac-sha256"), Records: []string{"www 60 A 192.0.2.1"}, Serial: 1}
	cfg.Statements = func(dir string) string {
		write := func(name, text string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Error(err)
			}
		}
		for _, zone := range cfg.Zones() {
			name := strings.TrimSuffix(zone, ".")
			write(name, cfg.ZoneFile(zone))
			write(name+".zone", cfg.ZoneFile(zone))
		}
		switch kind {
		case servers.BIND:
			return strings.NewReplacer("/etc/bind/quorate-bank.key", filepath.Join(dir, "tsig.key"), "/var/lib/bind/", dir+"/").Replace(block(t, "BIND 9", 0))
		case servers.Knot:
			return strings.ReplaceAll(block(t, "Knot DNS", 0), "…", cfg.Key.Secret)
		}
		write("policy.lua", block(t, "PowerDNS", 2))
		own, _, _ := strings.Cut(block(t, "PowerDNS", 0), "allow-dnsupdate-from") // here it comes from loopback
		return own + "lua-dnsupdate-policy-script=" + filepath.Join(dir, "policy.lua") + "\n"
	}
	return cfg
}

// The guide's configurations start, and give the key exactly the rights that they are said to give.
func TestGuideGivesTheRightsThatAreNeeded(t *testing.T) {
	servers.Needed(t)
	for _, kind := range servers.Updatable() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			p := servers.Start(t, kind, guided(t, kind))
			if kind == servers.PowerDNS {
				metadata(t, p)
			}
			rights(t, &cell{T: t, Primary: p})
		})
	}
}

// metadata runs the commands of the guide.
func metadata(t *testing.T, p *servers.Primary) {
	t.Helper()
	c := &cell{T: t, Primary: p}
	for line := range strings.Lines(block(t, "PowerDNS", 1)) {
		words := strings.Fields(strings.ReplaceAll(line, "SECRET", p.Key.Secret))
		if len(words) == 0 {
			continue
		}
		if out, err := c.command("", words[0], append([]string{"--config-dir=" + p.Dir}, words[1:]...)...); err != nil {
			t.Fatalf("%s: %v: %s", line, err, out)
		}
	}
}

func rights(t *testing.T, c *cell) {
	p := c.publisher()
	for _, r := range []struct {
		zone, name string
		rtype      dns.Type
		value      string
		allowed    bool
	}{
		{guideZone, "bank-0.use1.bank." + guideZone, dns.TypeA, "10.0.0.1", true},
		{guideZone, "bank-0.use1.bank." + guideZone, dns.TypeAAAA, "fd00::1", true},
		{guideZone, dns.OwnerName("bank-0.use1.bank." + guideZone), "TXT", `"v1;tool=quorate"`, true},
		{guideZone, "_sql._tcp.bank." + guideZone, "SRV", "0 100 26257 bank-0.use1.bank." + guideZone, true},
		{guideRev, "1.0." + guideRev, "PTR", "bank-0.use1.bank." + guideZone, true},
		{guideRev, dns.OwnerName("1.0." + guideRev), "TXT", `"v1;tool=quorate"`, true},
		{guideZone, "other." + guideZone, dns.TypeA, "10.0.0.2", false},
		{guideZone, "bank-1.use1.bank." + guideZone, "MX", "10 mail.example.com.", false},
		{guideRev, "2.0." + guideRev, dns.TypeA, "10.0.0.2", false},
	} {
		change := dns.Change{Action: dns.Create, Name: dns.Canonical(r.name), Type: r.rtype, After: []string{r.value}, TTL: 10}
		err := oneResult(p.Apply(t.Context(), r.zone, []dns.ChangeSet{{Name: strings.TrimPrefix(change.Name, "_owner."), Changes: []dns.Change{change}}}))
		if (err == nil) != r.allowed {
			t.Errorf("%s %s: allowed is %v, and the publisher says %v", r.name, r.rtype, r.allowed, err)
		}
		if there := c.dig("+short", r.name, string(r.rtype)) != ""; there != r.allowed {
			t.Errorf("%s %s: allowed is %v, and dig finds it: %v", r.name, r.rtype, r.allowed, there)
		}
	}
	for _, zone := range []string{guideZone, guideRev} {
		if snapshot, err := p.Read(t.Context(), zone, nil); err != nil || snapshot.Blind != "" {
			t.Errorf("reading %s: %v %s", zone, err, snapshot.Blind)
		}
	}
	if got := c.dig("+short", "www."+guideZone); got != "192.0.2.1" {
		t.Errorf("a foreign name is %q", got)
	}
}

func oneResult(results []dns.Result, err error) error {
	if err != nil {
		return err
	}
	return results[0].Err
}

// Both forms of a key file that the guide tells of are read.
func TestKeysAsServersMakeThem(t *testing.T) {
	servers.Needed(t)
	var c cell
	c.T = t
	lines := strings.Split(strings.TrimSpace(block(t, "A key", 0)), "\n")
	mode := lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		dir := t.TempDir()
		_, file, _ := strings.Cut(line, " > ")
		file, _, _ = strings.Cut(file, " ")
		if text, err := c.command(line+"\n"+mode+"\n", "bash", "-euc", `cd "$1"; source /dev/stdin`, "bash", dir); err != nil {
			t.Fatalf("%s: %v: %s", line, err, text)
		}
		key, warnings, err := rfc2136.ReadKeyFile(os.DirFS(dir), file, "")
		if err != nil || len(warnings) > 0 || key.Name != "quorate-bank." || key.Algorithm != "hmac-sha256" {
			t.Errorf("%s: %v, %v, %v", line, key, warnings, err)
		}
	}
}
