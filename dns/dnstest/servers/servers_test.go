package servers_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns/dnstest/servers"
)

// tool runs a command line tool against a server and gives what it printed.
func tool(t *testing.T, address, input, name string, args ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	host, port, _ := strings.Cut(address, ":")
	if strings.HasPrefix(address, "[::1]:") {
		host, port = "::1", address[len("[::1]:"):]
	}
	switch name {
	case "dig", "kdig":
		args = append([]string{"@" + host, "-p", port}, args...)
	case "nsupdate":
		input = fmt.Sprintf("server %s %s\n%ssend\n", host, port, input)
	}
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func dig(t *testing.T, address string, args ...string) string {
	t.Helper()
	out, err := tool(t, address, "", "dig", args...)
	if err != nil {
		t.Fatalf("dig %v: %v: %s", args, err, out)
	}
	return strings.TrimSpace(out)
}

const addAPI = "zone bank.test\nupdate add api.bank.test 60 A 192.0.2.1\n"

func TestPrimaryTakesUpdatesOfTheKeysHolderAlone(t *testing.T) {
	for _, cfg := range []servers.Config{{}, {IPv6: true}, {Signed: true}, {Algorithm: "hmac-sha512"}} {
		name := fmt.Sprintf("IPv6=%v,signed=%v%s", cfg.IPv6, cfg.Signed, cfg.Algorithm)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			servers.Each(t, cfg, updates)
		})
	}
}

func updates(t *testing.T, p *servers.Primary) {
	if out, err := tool(t, p.Address, addAPI, "nsupdate"); err == nil {
		t.Errorf("an update without a key was taken: %s", out)
	}
	if got := dig(t, p.Address, "+short", "api.bank.test", "A"); got != "" {
		t.Errorf("api is %q before anybody made it", got)
	}
	if out, err := tool(t, p.Address, addAPI, "nsupdate", "-k", p.KeyFile); err != nil {
		t.Errorf("nsupdate with the key: %v: %s", err, out)
	}
	if got := dig(t, p.Address, "+short", "api.bank.test", "A"); got != "192.0.2.1" {
		t.Errorf("api is %q after the update", got)
	}
	if got := dig(t, p.Address, "-k", p.KeyFile, "bank.test", "AXFR"); !strings.Contains(got, "api.bank.test.\t\t60\tIN\tA\t192.0.2.1") {
		t.Errorf("the transfer with the key says %s", got)
	}
	if got := dig(t, p.Address, "bank.test", "AXFR"); strings.Contains(got, "192.0.2.1") {
		t.Errorf("a transfer without a key was given: %s", got)
	}
	if got := dig(t, p.Address, "+dnssec", "api.bank.test", "A"); strings.Contains(got, "RRSIG") != p.Config.Signed {
		t.Errorf("signed is %v, and the answer: %s", p.Config.Signed, got)
	}
}

// What was updated outlives the server's end, in order or not.
func TestPrimaryComesBackWithItsZone(t *testing.T) {
	servers.Each(t, servers.Config{}, func(t *testing.T, p *servers.Primary) {
		if out, err := tool(t, p.Address, addAPI, "nsupdate", "-k", p.KeyFile); err != nil {
			t.Fatalf("nsupdate: %v: %s", err, out)
		}
		before, err := p.Serial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for what, again := range map[string]func(){
			"restarted": func() { p.Restart(t) },
			"killed":    func() { p.Kill9(t); p.Start(t) },
		} {
			again()
			if got := dig(t, p.Address, "+short", "api.bank.test", "A"); got != "192.0.2.1" {
				t.Errorf("%s: api is %q", what, got)
			}
			if after, err := p.Serial(t.Context()); err != nil || after != before {
				t.Errorf("%s: the serial is %d (%v), and was %d", what, after, err, before)
			}
		}
	})
}

func TestOptionsOfAPrimary(t *testing.T) {
	cfg := servers.Config{
		Records: []string{"api 60 A 192.0.2.1", "*.wild 60 A 192.0.2.2"}, Reverse: []string{"2.0.192.in-addr.arpa."}, NoTransfer: true, Serial: 4294967295,
	}
	servers.Each(t, cfg, func(t *testing.T, p *servers.Primary) {
		if got := dig(t, p.Address, "+short", "a.wild.bank.test"); got != "192.0.2.2" {
			t.Errorf("a name below the wildcard is %q", got)
		}
		if got := dig(t, p.Address, "-k", p.KeyFile, "bank.test", "AXFR"); strings.Contains(got, "192.0.2.1") {
			t.Errorf("a transfer was given though none may be: %s", got)
		}
		if serial, err := p.Serial(t.Context()); serial != 4294967295 {
			t.Errorf("the serial is %d, %v", serial, err)
		}
		pointer := "zone 2.0.192.in-addr.arpa\nupdate add 1.2.0.192.in-addr.arpa 60 PTR api.bank.test.\n"
		if out, err := tool(t, p.Address, pointer, "nsupdate", "-k", p.KeyFile); err != nil {
			t.Errorf("nsupdate of the reverse zone: %v: %s", err, out)
		}
		if got := dig(t, p.Address, "+short", "-x", "192.0.2.1"); got != "api.bank.test." {
			t.Errorf("the reverse name is %q", got)
		}
	})
}

func TestViewsAreToldApartByKey(t *testing.T) {
	servers.Each(t, servers.Config{Views: true}, func(t *testing.T, p *servers.Primary) {
		if out, err := tool(t, p.Address, addAPI, "nsupdate", "-k", p.KeyFile); err != nil {
			t.Fatalf("nsupdate: %v: %s", err, out)
		}
		if got := dig(t, p.Address, "-k", p.KeyFile, "api.bank.test", "+short"); got != "192.0.2.1" {
			t.Errorf("inside, api is %q", got)
		}
		if got := dig(t, p.Address, "-k", p.Dir+"/outside.key", "api.bank.test", "+short"); got != "" {
			t.Errorf("outside, api is %q", got)
		}
	}, servers.BIND)
}

func TestSecondaryFollows(t *testing.T) {
	servers.Needed(t)
	for _, kind := range append(servers.Secondaries(), servers.Unbound) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			follows(t, kind)
		})
	}
}

func follows(t *testing.T, kind servers.Kind) {
	at := servers.FreeAddress(t)
	key, signs := servers.NewKey("quorate.", "hmac-sha256"), kind != servers.CoreDNS && kind != servers.Unbound
	primary := servers.Start(t, servers.Knot, servers.Config{Key: key, AnyReader: !signs, NotifyTo: []string{at}})
	following := servers.Following{Address: at}
	if signs {
		following.Key = key
	}
	secondary := servers.Secondary(t, kind, primary.Address, primary.Zone, following)
	if out, err := tool(t, primary.Address, addAPI, "nsupdate", "-k", primary.KeyFile); err != nil {
		t.Fatalf("nsupdate: %v: %s", err, out)
	}
	deadline := time.Now().Add(25 * time.Second) // Unbound takes no signed NOTIFY, and asks again when the SOA says so
	for dig(t, secondary.Address, "+short", "api.bank.test") != "192.0.2.1" {
		if time.Now().After(deadline) {
			t.Fatal("the secondary does not have the change")
		}
	}
}

func TestResolverAsksTheAuthority(t *testing.T) {
	servers.Needed(t)
	primary := servers.Start(t, servers.NSD, servers.Config{Records: []string{"api 60 A 192.0.2.1"}})
	for name, kind := range map[string]servers.Kind{"stub": servers.Unbound, "forward": servers.Unbound, "coredns": servers.CoreDNS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := servers.Resolver(t, kind, primary.Address, primary.Zone, servers.Following{Forward: name == "forward"})
			if got := dig(t, r.Address, "+short", "api.bank.test"); got != "192.0.2.1" {
				t.Errorf("api is %q", got)
			}
		})
	}
}

func TestKeysShowNoSecret(t *testing.T) {
	key := servers.NewKey("quorate.", "hmac-sha256")
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if got := fmt.Sprintf(format, key); strings.Contains(got, key.Secret) {
			t.Errorf("%s prints %s", format, got)
		}
	}
}
