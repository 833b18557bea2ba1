//go:build linux

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// machine is everything of the machine that a sandbox could change and must not: one entry per thing.
type machine map[string]string

// counters are sysctls that change by themselves.
var counters = regexp.MustCompile(`^/proc/sys/(fs/(dentry-state|inode-|file-nr|aio-nr|quota/)|kernel/(ns_last_pid|random/|pty/nr)|net/netfilter/nf_conntrack_count)`)

// links are those of sandboxes, with their tag.
var links = regexp.MustCompile(`q[bv]([0-9a-f]{8})`)

// lookAt reads the machine. What belongs to other sandboxes than those of these tags is left out.
func lookAt(t *testing.T, tags ...string) machine {
	t.Helper()
	m := machine{}
	m.sysctls(t)
	m.controlGroups(t)
	for _, dir := range []string{"/run", "/var", "/etc", "/opt", "/usr/libexec", "/tmp/hostpath_pv"} {
		m.files(dir)
	}
	m.network(t)
	m.text("mounts", readFile(t, "/proc/self/mountinfo"))
	rules, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
	if err != nil {
		t.Fatalf("nft list ruleset: %v: %s", err, rules)
	}
	m.text("nft", string(rules))
	for key := range m {
		if found := links.FindStringSubmatch(key); found != nil && !slices.Contains(tags, found[1]) {
			delete(m, key)
		}
	}
	for _, sign := range []string{"/proc/sys/vm/overcommit_memory", "cgroup /sys/fs/cgroup/cpu", "file /run", "link lo", "address lo 127.0.0.1/8"} {
		if _, ok := m[sign]; !ok {
			t.Fatalf("the machine was not read: %q is missing", sign)
		}
	}
	return m
}

// sysctls reads all of them.
func (m machine) sysctls(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("/proc/sys", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || counters.MatchString(path) {
			return nil //nolint:nilerr // a link that was listed may be gone
		}
		if data, err := os.ReadFile(path); err == nil { // some can only be written
			m[path] = string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// controlGroups lists the cgroups of all hierarchies, and which controllers are on. The directory of all sandboxes
// comes and goes with others.
func (m machine) controlGroups(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir("/sys/fs/cgroup", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil //nolint:nilerr // a cgroup that was listed may be gone
		case entry.IsDir() && strings.HasPrefix(filepath.Base(path), "quorate-sandbox"):
			return fs.SkipDir
		case entry.IsDir():
			m["cgroup "+path] = "is there"
		case entry.Name() == "cgroup.subtree_control" || entry.Name() == "cgroup.controllers":
			m["cgroup "+path] = readFile(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// files lists what is below a directory, by name and kind.
func (m machine) files(dir string) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil { // else it is gone
			m["file "+path] = entry.Type().String()
		}
		return nil
	})
}

// network lists links, addresses, routes of all tables, and rules.
func (m machine) network(t *testing.T) {
	t.Helper()
	all, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	names := map[int]string{}
	for _, link := range all {
		name := link.Attrs().Name
		names[link.Attrs().Index] = name
		m["link "+name] = fmt.Sprintln(link.Type(), link.Attrs().HardwareAddr, link.Attrs().MTU, link.Attrs().Flags)
		addresses, err := netlink.AddrList(link, unix.AF_UNSPEC)
		if err != nil && !errors.Is(err, unix.ENODEV) {
			t.Fatal(err)
		}
		for _, address := range addresses {
			m["address "+name+" "+address.IPNet.String()] = "is there"
		}
	}
	routes, err := netlink.RouteListFiltered(unix.AF_UNSPEC, &netlink.Route{}, netlink.RT_FILTER_TABLE)
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range routes {
		m[fmt.Sprintf("route %s table %d to %v via %v", names[route.LinkIndex], route.Table, route.Dst, route.Gw)] = "is there"
	}
	rules, err := netlink.RuleList(unix.AF_UNSPEC)
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range rules {
		m["rule "+rule.String()] = "is there"
	}
}

// text has one entry a line.
func (m machine) text(kind, text string) {
	for line := range strings.Lines(text) {
		m[kind+" "+strings.TrimSpace(line)] = "is there"
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// differences lists everything that is not as it was, of the things whose names begin with only.
func differences(before, after machine, only string) []string {
	var found []string
	for key, value := range after {
		if was, ok := before[key]; strings.HasPrefix(key, only) && (!ok || was != value) {
			found = append(found, fmt.Sprintf("%s is %q, was %q", key, value, was))
		}
	}
	for key := range before {
		if _, ok := after[key]; strings.HasPrefix(key, only) && !ok {
			found = append(found, key+" is gone")
		}
	}
	slices.Sort(found)
	return found
}

// compare reports what was changed.
func compare(t *testing.T, before, after machine, only string) {
	t.Helper()
	for _, difference := range differences(before, after, only) {
		t.Errorf("the machine was changed: %s", difference)
	}
}

func TestChangesOfTheMachineAreSeen(t *testing.T) {
	before := machine{"a 1": "x", "a 2": "x", "a 3": "x", "b": "x"}
	after := machine{"a 1": "x", "a 2": "y", "a 4": "x"}
	want := []string{`a 2 is "y", was "x"`, "a 3 is gone", `a 4 is "x", was ""`}
	if got := differences(before, after, "a"); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := differences(before, after, ""); len(got) != 4 {
		t.Errorf("%q", got)
	}
}
