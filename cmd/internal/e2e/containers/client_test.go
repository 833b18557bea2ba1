package containers

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// client is one in a place of its own that writes and reads all the time, by names alone, which an
// authority beside it answers.
type client struct {
	t       *testing.T
	fleet   *fleet
	log     string
	process *subprocess.Process
}

// phase is what the client saw from one mark to the next.
type phase struct {
	Name         string        `json:"name"`
	Acknowledged int           `json:"acknowledged"`
	Failed       int           `json:"failed"`
	FailedReads  int           `json:"failed_reads"`
	Lost         []int         `json:"lost"`
	LongestGap   time.Duration `json:"longest_gap_ns"`
	Checked      bool          `json:"checked"`
}

// client starts both; the authority reads the clusters as any operator would.
func (d *deployment) client() *client {
	d.t.Helper()
	authority := d.fleet.at(d.t, "client", append([]string{tools.quorate}, d.arguments("dns", "serve", "--listen", "127.0.0.1:53")...)...)
	authority.WaitFor(d.t, "", "serving "+d.settings.Name+".db.example.com.")
	c := &client{t: d.t, fleet: d.fleet, log: filepath.Join(d.dir, "client.jsonl")}
	var endpoints []string
	for _, cluster := range clusterNames {
		endpoints = append(endpoints, "http://"+d.name(cluster)+":2379")
	}
	c.process = d.fleet.at(d.t, "client", tools.sandbox, "witness", "write",
		"--dns", "127.0.0.1:53", "--endpoints", strings.Join(endpoints, ","), "--log", c.log)
	d.t.Cleanup(func() {
		for _, p := range []*subprocess.Process{c.process, authority} {
			if !p.Ended() {
				_ = p.Signal(syscall.SIGTERM) // it may end meanwhile
				p.Wait()
			}
		}
	})
	return c
}

// begins marks a phase.
func (c *client) begins(name string) {
	c.t.Helper()
	if _, err := c.fleet.run("witness", "mark", c.log, name); err != nil {
		c.t.Fatal(err)
	}
}

// writes waits until it has acknowledged that many more writes.
func (c *client) writes(more int) {
	c.t.Helper()
	count := func() int {
		data, err := os.ReadFile(c.log)
		if err != nil && !os.IsNotExist(err) {
			c.t.Fatal(err)
		}
		acknowledged := 0
		for line := range strings.Lines(string(data)) {
			if strings.Contains(line, `"op":"write"`) && !strings.Contains(line, `"error"`) {
				acknowledged++
			}
		}
		return acknowledged
	}
	before := count()
	eventually(c.t, "the client wrote on", time.Minute, func() string {
		if now := count(); now < before+more {
			return fmt.Sprintf("%d of %d more writes were acknowledged; it says %q", now-before, more, c.process.Output())
		}
		return ""
	})
}

// ends the client and tells what it saw, phase by phase, all of it last.
func (c *client) ends() []phase {
	c.t.Helper()
	if err := c.process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if code := c.process.Wait(); code != 0 {
		c.t.Fatalf("the client ended with %d:\n%s", code, c.process.Output())
	}
	table := subprocess.Run(c.t, c.fleet.command("witness", "judge", c.log))
	c.t.Logf("what the client saw:\n%s%s", table.Stdout, table.Stderr)
	var phases []phase
	judged := subprocess.Run(c.t, c.fleet.command("witness", "judge", c.log, "--output", "json"))
	if err := json.Unmarshal([]byte(judged.Stdout), &phases); err != nil {
		c.t.Fatalf("%v: %s%s", err, judged.Stdout, judged.Stderr)
	}
	return phases
}
