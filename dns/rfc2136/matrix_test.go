package rfc2136_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/dnstest"
	"quorate.dev/quorate/dns/dnstest/servers"
	"quorate.dev/quorate/dns/rfc2136"
)

const zone = servers.DefaultZone

// A cell is one case on one product. Every assertion about what the zone holds is by dig, not by the publisher.
type cell struct {
	*testing.T
	*servers.Primary
	note func(format string, args ...any) // what this product does in its own way
}

// A row is one case of the matrix.
type row struct {
	name  string
	cfg   servers.Config
	kinds []servers.Kind // empty: all that take updates
	test  func(*cell)
}

// rows are the matrix; the columns are servers.Updatable.
func rows() []row {
	return slices.Concat(changingRows(), refusingRows(), wideRows(), oddRows(), awayRows())
}

// TestMatrix is the publisher against every product. It prints a table: a row for each case, a column for each product, and
// in the cells ok or FAIL, and in what the product differs from the others.
func TestMatrix(t *testing.T) {
	servers.Needed(t)
	table := &results{cells: map[string]string{}}
	t.Run("cells", func(t *testing.T) {
		for _, r := range rows() {
			kinds := r.kinds
			if len(kinds) == 0 {
				kinds = servers.Updatable()
			}
			for _, kind := range kinds {
				t.Run(r.name+"/"+string(kind), func(t *testing.T) {
					t.Parallel()
					table.run(t, r, kind)
				})
			}
		}
	})
	t.Logf("the publisher against real servers:\n%s", table)
	if path := os.Getenv(tableVariable); path != "" {
		if err := os.WriteFile(path, []byte(table.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
}

// tableVariable names a file for the table too, since runners of tests keep to themselves what a test that passed has logged.
const tableVariable = "QUORATE_MATRIX"

// results are what the cells came to.
type results struct {
	mu    sync.Mutex
	cells map[string]string
}

func (m *results) run(t *testing.T, r row, kind servers.Kind) {
	var notes []string
	t.Cleanup(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		outcome := "ok"
		if t.Failed() {
			outcome = "FAIL"
		}
		m.cells[r.name+string(kind)] = strings.Join(append([]string{outcome}, notes...), ": ")
	})
	r.test(&cell{T: t, Primary: servers.Start(t, kind, r.cfg), note: func(format string, args ...any) {
		notes = append(notes, fmt.Sprintf(format, args...))
	}})
}

// String is the table.
func (m *results) String() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := [][]string{{"case", "BIND", "Knot", "PowerDNS"}}
	for _, r := range rows() {
		line := []string{r.name}
		for _, kind := range servers.Updatable() {
			text, ok := m.cells[r.name+string(kind)]
			if !ok {
				text = "-"
			}
			line = append(line, text)
		}
		lines = append(lines, line)
	}
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for i, text := range line {
			widths[i] = max(widths[i], len(text))
		}
	}
	var out strings.Builder
	for _, line := range lines {
		var padded strings.Builder
		for i, text := range line {
			fmt.Fprintf(&padded, "%-*s  ", widths[i], text)
		}
		out.WriteString(strings.TrimRight(padded.String(), " ") + "\n")
	}
	return out.String()
}

// publisher is one for the cell's server and key, changed as wanted.
func (c *cell) publisher(change ...func(*rfc2136.Config)) *rfc2136.Publisher {
	c.Helper()
	return publisher(c.T, c.Primary, change...)
}

func publisher(t *testing.T, p *servers.Primary, change ...func(*rfc2136.Config)) *rfc2136.Publisher {
	t.Helper()
	key, _, err := rfc2136.ReadKeyFile(os.DirFS(p.Dir), filepath.Base(p.KeyFile), "")
	if err != nil {
		t.Fatal(err)
	}
	cfg := rfc2136.Config{Server: p.Address, Key: key, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&cfg)
	}
	opened, err := rfc2136.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

// apply makes changes and gives the error of each owner name that has one.
func (c *cell) apply(p *rfc2136.Publisher, sets ...dns.ChangeSet) map[string]error {
	c.Helper()
	results, err := p.Apply(c.Context(), zone, sets)
	if err != nil {
		c.Fatalf("Apply: %v", err)
	}
	if len(results) != len(sets) {
		c.Fatalf("%d results for %d change sets", len(results), len(sets))
	}
	failed := map[string]error{}
	for i, r := range results {
		if r.Name != sets[i].Name {
			c.Fatalf("result %d is of %s, want %s", i, r.Name, sets[i].Name)
		}
		if r.Err != nil {
			failed[r.Name] = r.Err
		}
	}
	return failed
}

func (c *cell) mustApply(p *rfc2136.Publisher, sets ...dns.ChangeSet) {
	c.Helper()
	for name, err := range c.apply(p, sets...) {
		c.Fatalf("%s: %v", name, err)
	}
}

// read is the whole zone by the publisher.
func (c *cell) read(p *rfc2136.Publisher) dns.Snapshot {
	c.Helper()
	snapshot, err := p.Read(c.Context(), zone, nil)
	if err != nil {
		c.Fatalf("Read: %v", err)
	}
	if snapshot.Blind != "" {
		c.Fatalf("the zone was not read whole: %s", snapshot.Blind)
	}
	return snapshot
}

func set(name string, rtype dns.Type, ttl int, values ...string) dns.RecordSet {
	return dns.RecordSet{Name: dns.Canonical(name + "." + zone), Type: rtype, TTL: ttl, Values: values}
}

// made is the change set that creates the sets of one name and its ownership record.
func made(name string, sets ...dns.RecordSet) dns.ChangeSet {
	owner := dns.OwnerName(name + "." + zone)
	made := dns.ChangeSet{Name: dns.Canonical(name + "." + zone), Fresh: true}
	for _, s := range append(sets, dns.RecordSet{Name: owner, Type: "TXT", TTL: 60, Values: []string{`"v1;tool=quorate;deployment=bank;cluster=use1"`}}) {
		made.Changes = append(made.Changes, dns.Change{Action: dns.Create, Name: s.Name, Type: s.Type, After: s.Values, TTL: s.TTL})
	}
	return made
}

// address is the change set that creates a name with one address.
func address(name, ip string) dns.ChangeSet { return made(name, set(name, dns.TypeA, 10, ip)) }

// changed is the change set that makes one set another, on what it was before; no values afterwards delete it.
func changed(before dns.RecordSet, after ...string) dns.ChangeSet {
	c := dns.Change{Action: dns.Update, Name: before.Name, Type: before.Type, Before: before.Values, After: after, TTL: before.TTL}
	if len(after) == 0 {
		c.Action, c.TTL = dns.Delete, 0
	}
	return dns.ChangeSet{Name: before.Name, Changes: []dns.Change{c}}
}

// The contract that every provider keeps, on every product.
func TestContractOnRealServers(t *testing.T) {
	servers.Needed(t)
	for _, kind := range servers.Updatable() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			dnstest.Contract(t, func(t *testing.T) dns.Provider {
				return publisher(t, servers.Start(t, kind, servers.Config{Zone: dnstest.Origin}))
			})
		})
	}
}
