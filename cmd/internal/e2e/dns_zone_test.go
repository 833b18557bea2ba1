package e2e

import (
	"context"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/query"
)

// named is a deployment whose names go into a real primary.
type named struct {
	*bank
	primary *servers.Primary
}

// newNamed starts a BIND with an empty zone, and names it in the topology as the one publisher.
func newNamed(t *testing.T, h *sandboxHandle, name string, replicas int) *named {
	t.Helper()
	servers.Needed(t)
	n := &named{bank: newBank(t, h, name)}
	n.primary = servers.Start(t, servers.BIND, servers.Config{Zone: n.zone()})
	n.write(func(s *settings) {
		s.Publish = fmt.Sprintf("[{rfc2136: {server: %q, keyName: %q, keyFile: %q}}]", n.primary.Address, n.primary.Key.Name, n.primary.KeyFile)
		for _, cluster := range clusterNames {
			s.Replicas[cluster] = replicas
		}
	})
	return n
}

func (n *named) zone() string { return n.settings.Name + ".db.example.com." }

// replica is the name of one replica.
func (n *named) replica(cluster string, ordinal int) string {
	return fmt.Sprintf("%s-%d.%s.%s", n.settings.Name, ordinal, cluster, n.zone())
}

// regionOf has the region's name of each cluster of the topology.
var regionOf = map[string]string{"usw1": "us-west1", "use1": "us-east1", "euw1": "europe-west1"}

// listed transfers the zone from the primary: the values of each name's A records, and of the others but for those of the zone
// itself and of ownership.
func (n *named) listed() (addresses, others map[string][]string) {
	n.t.Helper()
	host, port, _ := strings.Cut(n.primary.Address, ":")
	out, err := subprocess.Output(exec.CommandContext(n.t.Context(), "dig", "@"+host, "-p", port, "-k", n.primary.KeyFile, n.zone(), "AXFR", "+noall", "+answer"))
	if err != nil {
		n.t.Fatal(err)
	}
	addresses, others = map[string][]string{}, map[string][]string{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		switch {
		case len(fields) < 5 || strings.HasPrefix(line, ";"):
		case fields[3] == "A":
			addresses[fields[0]] = append(addresses[fields[0]], fields[4])
		case !slices.Contains([]string{"SOA", "NS", "TXT", "TSIG"}, fields[3]):
			others[fields[0]] = append(others[fields[0]], strings.Join(fields[3:], " "))
		}
	}
	for _, values := range addresses {
		slices.Sort(values)
	}
	return addresses, others
}

// told is what a server answers for a name: its addresses, sorted, separated by blanks.
func told(ctx context.Context, address, name string) (string, error) {
	answer, err := query.Client{}.LookupAddresses(ctx, address, name)
	if err != nil {
		return "", err
	}
	var out []string
	for _, ip := range answer.Addresses {
		out = append(out, ip.String())
	}
	slices.Sort(out)
	return strings.Join(out, " "), nil
}

// seeds are the names of the seeds, which point at some replica each.
func (n *named) seeds() []string {
	var out []string
	for i := range 5 {
		out = append(out, fmt.Sprintf("join-%d.%s", i, n.zone()))
	}
	return out
}

// nsupdate changes the zone as an administrator would.
func (n *named) nsupdate(lines ...string) {
	n.t.Helper()
	host, port, _ := strings.Cut(n.primary.Address, ":")
	script := fmt.Sprintf("server %s %s\nzone %s\n%s\nsend\n", host, port, n.zone(), strings.Join(lines, "\n"))
	cmd := exec.CommandContext(n.t.Context(), "nsupdate", "-k", n.primary.KeyFile)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		n.t.Fatalf("nsupdate: %v\n%s%s", err, script, out)
	}
}

// follow runs `quorate dns sync` until the test ends.
func (n *named) follow(args ...string) running {
	n.t.Helper()
	run := n.start(append([]string{"dns", "sync"}, args...)...)
	run.WaitFor(n.t, "", "writing "+n.zone())
	return run
}

// eventually waits until nothing is wrong any more.
func eventually(t *testing.T, what string, within time.Duration, wrong func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		left := wrong()
		if left == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: not so within %s:\n%s", what, within, left)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// differences between two tables of names, a line each.
func differences(want, got map[string]string) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if got[name] != want[name] {
			out = append(out, fmt.Sprintf("%s is %q, want %q", name, got[name], want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, ok := want[name]; !ok {
			out = append(out, fmt.Sprintf("%s is %q, and nobody has it", name, got[name]))
		}
	}
	return strings.Join(out, "\n")
}
