//go:build linux

package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"quorate.dev/quorate/cmd/sandbox/internal/cgroups"
)

// TestMain is the probe where namespaceRights starts this program again.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == ProbeCommand {
		for _, line := range Probe(context.Background()) {
			fmt.Println(line)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// programs makes a PATH with programs that end as they are told, and nothing else.
func programs(t *testing.T, exits map[string]int) {
	t.Helper()
	dir := t.TempDir()
	for name, code := range exits {
		script := fmt.Sprintf("#!/bin/sh\nexit %d\n", code)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir)
}

// says: one line for each text, in order, and each ends with what to do.
func says(t *testing.T, missing []string, texts ...string) {
	t.Helper()
	if len(missing) != len(texts) {
		t.Fatalf("%d are missing, want %d: %q", len(missing), len(texts), missing)
	}
	for i, text := range texts {
		_, mend, told := strings.Cut(missing[i], ": ")
		if !strings.Contains(missing[i], text) || !told || mend == "" {
			t.Errorf("%q does not say %q with a mend behind a colon", missing[i], text)
		}
	}
}

func TestTools(t *testing.T) {
	programs(t, map[string]int{"mount": 0, "umount": 0, "nft": 0})
	says(t, tools())
	programs(t, map[string]int{"mount": 0})
	says(t, tools(), "no nft in PATH, needed by kube-proxy and partitions: install package nftables", "no umount in PATH")
	programs(t, nil)
	says(t, tools(), "no nft", "no mount", "no umount")
}

func TestMissingToBuild(t *testing.T) {
	programs(t, nil)
	says(t, MissingToBuild(t.Context()), "no C compiler (cc), needed to build runc: install package gcc")
	programs(t, map[string]int{"cc": 1})
	says(t, MissingToBuild(t.Context()), "no seccomp.h, needed to build runc: install package libseccomp-dev")
	programs(t, map[string]int{"cc": 0})
	says(t, MissingToBuild(t.Context()))
}

// A directory that is not made yet is judged by the nearest one above it that is.
func TestFileSystem(t *testing.T) {
	dir := t.TempDir()
	var found unix.Statfs_t
	if err := unix.Statfs(dir, &found); err != nil {
		t.Fatal(err)
	}
	var want []string
	if found.Type == unix.OVERLAYFS_SUPER_MAGIC {
		want = []string{dir + " is on overlayfs"}
	}
	says(t, fileSystem(dir), want...)
	says(t, fileSystem(filepath.Join(dir, "not", "made", "yet")), want...)
	says(t, fileSystem("/proc"))
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	says(t, fileSystem(filepath.Join(dir, "file", "below")), want...)
}

// Whatever this machine has, the answer fits what can be seen of it otherwise, and nothing is left behind.
func TestControlGroups(t *testing.T) {
	hierarchies, err := cgroups.Mounted()
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, hierarchy := range hierarchies {
		have = append(have, hierarchy.Controllers...)
	}
	missing := strings.Join(controlGroups(t.Context()), "\n")
	for _, controller := range controllers() {
		if known := strings.Contains(strings.Join(have, " ")+" ", controller+" "); len(have) > 0 && known == strings.Contains(missing, "controller "+controller+":") {
			t.Errorf("controller %s is there: %v; told: %q", controller, known, missing)
		}
	}
	if len(have) == 0 && !strings.Contains(missing, "no cgroup v1 hierarchy") {
		t.Errorf("there is no version 1 hierarchy; told: %q", missing)
	}
	trial := cgroups.Path(fmt.Sprintf("preflight-%d", os.Getpid()))
	for _, hierarchy := range hierarchies {
		if _, err := os.Stat(filepath.Join(hierarchy.Dir, trial)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the trial is left in %s: %v", hierarchy.Dir, err)
		}
	}
}

// The probe runs in namespaces of its own: the host name and the mounts of this machine stay, and each right
// that it lacks is named with what to do.
func TestNamespaceRights(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	missing := namespaceRights(t.Context())
	if os.Geteuid() != 0 {
		says(t, missing, "namespaces cannot be made")
	}
	for _, line := range missing {
		if !strings.Contains(line, "): ") {
			t.Errorf("no mend in %q", line)
		}
	}
	if after, err := os.Hostname(); err != nil || after != host {
		t.Errorf("the host name was %s and is %s, %v", host, after, err)
	}
	if after, err := os.ReadFile("/proc/self/mountinfo"); err != nil || string(after) != string(mounts) {
		t.Errorf("the mounts of this machine have changed, %v", err)
	}
}

// Who is not root is told that alone: every other answer would follow from it.
func TestMissingWithoutRoot(t *testing.T) {
	missing := Missing(t.Context(), t.TempDir())
	if os.Geteuid() != 0 {
		says(t, missing, "not root")
		return
	}
	for _, line := range missing {
		if strings.Contains(line, "not root") || !strings.Contains(line, ": ") {
			t.Errorf("told: %q", line)
		}
	}
}
