//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// processesOf finds the processes that work below a directory.
func processesOf(t *testing.T, dir string) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(data), dir+"/") {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(file, "/")[2])
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

func everythingIsKilled(t *testing.T, b *bench) {
	before := b.address("use1")
	pids := processesOf(t, filepath.Join(b.root, "sandboxes", "it"))
	if len(pids) < 6 {
		t.Fatalf("only %d processes are there", len(pids))
	}
	for _, pid := range pids {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Fatal(err)
		}
	}
	b.sandbox("up")
	b.keeps("use1", before)
	b.sandbox("up")
	if left := stopped(t, b.sandbox("status", "--output", "json")); len(left) != 0 {
		t.Errorf("after up, %v do not run", left)
	}
}

// upIsKilled kills `up` at several moments, once after each of several signs of progress.
func upIsKilled(t *testing.T, b *bench) {
	dir := filepath.Join(b.root, "sandboxes", "other")
	for _, sign := range []string{"sandbox.json", "places/use1/place.json", "places/use1-n0/started", "places/use1-n0/images-imported"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, b.binary, "up", "--name", "other", "--runtime", "containers", "--cluster", "use1=us-east1")
		cmd.Env = b.env
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		b.waitFor(sign, func() bool { _, err := os.Stat(filepath.Join(dir, sign)); return err == nil })
		cancel()
		_ = cmd.Wait() // killed
		b.ok(b.binary, "down", "--name", "other")
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("killed after %s: %s is left (%v)", sign, dir, err)
		}
		if pids := processesOf(t, dir); len(pids) > 0 {
			t.Errorf("killed after %s: processes %v are left", sign, pids)
		}
	}
}

// noCgroupIsLeft looks for cgroups of the sandboxes with these tags.
func noCgroupIsLeft(t *testing.T, tags []string) {
	t.Helper()
	for _, tag := range tags {
		left, err := filepath.Glob("/sys/fs/cgroup/*/quorate-sandbox/*-" + tag)
		if err != nil || len(left) > 0 {
			t.Errorf("cgroups are left: %v, %v", left, err)
		}
	}
}

// stopped lists the places that do not run.
func stopped(t *testing.T, status string) []string {
	t.Helper()
	var document struct {
		Clusters []struct {
			Places []struct {
				Name string `json:"name"`
				Runs bool   `json:"runs"`
			} `json:"places"`
		} `json:"clusters"`
	}
	if err := json.Unmarshal([]byte(status), &document); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, cluster := range document.Clusters {
		for _, place := range cluster.Places {
			if !place.Runs {
				names = append(names, place.Name)
			}
		}
	}
	return names
}
