//go:build linux

// Package cgroups makes and removes the cgroups that a sandbox's kubelets put their pods in: own
// directories in every cgroup v1 hierarchy (https://docs.kernel.org/admin-guide/cgroup-v1/cgroups.html).
// Nothing outside them is written.
package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/sys/mountinfo"
)

// Root is the directory in each hierarchy that holds all sandboxes.
const Root = "quorate-sandbox"

// Path is a cgroup of a sandbox as the kubelet names it: from the root of the hierarchies.
func Path(sandbox string, more ...string) string {
	return "/" + filepath.Join(append([]string{Root, sandbox}, more...)...)
}

// Hierarchy is one mounted hierarchy.
type Hierarchy struct {
	Dir         string
	Controllers []string // of version 1, such as cpu; empty for a version 2 hierarchy
}

// Mounted lists the hierarchies of this machine, version 1 first.
func Mounted() ([]Hierarchy, error) {
	mounts, err := mountinfo.GetMounts(mountinfo.FSTypeFilter("cgroup", "cgroup2"))
	if err != nil {
		return nil, fmt.Errorf("list cgroup hierarchies: %w", err)
	}
	var one, two []Hierarchy
	for _, mount := range mounts {
		if mount.FSType == "cgroup2" {
			two = append(two, Hierarchy{Dir: mount.Mountpoint})
			continue
		}
		one = append(one, Hierarchy{Dir: mount.Mountpoint, Controllers: strings.Split(mount.VFSOptions, ",")})
	}
	return append(one, two...), nil
}

// Make makes the cgroup at path in every version 1 hierarchy.
func Make(path string) error {
	hierarchies, err := Mounted()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		if len(hierarchy.Controllers) == 0 {
			continue
		}
		if err := hierarchy.make(path); err != nil {
			return fmt.Errorf("make cgroup %s in %s: %w", path, hierarchy.Dir, err)
		}
	}
	return nil
}

// makeAttempts is how often make begins anew when a directory goes from under it.
const makeAttempts = 1000

// make makes the cgroup at path. Another sandbox that ends may take away Root, empty for a moment, between two
// of its directories; then it begins anew.
func (h Hierarchy) make(path string) error {
	for range makeAttempts {
		if err := h.makeOnce(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return h.makeOnce(path)
}

// makeOnce makes the directories one by one: a cpuset is born empty and takes no process before it is given
// CPUs and memory (https://docs.kernel.org/admin-guide/cgroup-v1/cpusets.html).
func (h Hierarchy) makeOnce(path string) error {
	dir := h.Dir
	for part := range strings.SplitSeq(strings.Trim(path, "/"), "/") {
		parent := dir
		dir = filepath.Join(dir, part)
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if !slices.Contains(h.Controllers, "cpuset") {
			continue
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := inherit(parent, dir, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// inherit copies a setting from the parent unless the cgroup has one.
func inherit(parent, dir, file string) error {
	own, err := os.ReadFile(filepath.Join(dir, file))
	if err != nil || strings.TrimSpace(string(own)) != "" {
		return err
	}
	value, err := os.ReadFile(filepath.Join(parent, file))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, file), value, 0)
}

// removePoll is how often a cgroup whose processes are just ending is tried again: the kernel tells
// nobody when it is empty.
const removePoll = 20 * time.Millisecond

// Remove removes the cgroup at path and all below it from every hierarchy, whichever program made them, and the
// directory of all sandboxes if this was the last. It waits for ending processes until ctx ends.
func Remove(ctx context.Context, path string) error {
	hierarchies, err := Mounted()
	if err != nil {
		return err
	}
	for _, hierarchy := range hierarchies {
		dir := filepath.Join(hierarchy.Dir, path)
		if err := removeWaiting(ctx, dir); err != nil {
			return fmt.Errorf("remove cgroup %s: %w", dir, err)
		}
		_ = os.Remove(filepath.Join(hierarchy.Dir, Root)) // fails while there are other sandboxes
	}
	return nil
}

// removeWaiting removes a tree of cgroups, again while some are busy.
func removeWaiting(ctx context.Context, dir string) error {
	tick := time.NewTicker(removePoll)
	defer tick.Stop()
	for {
		err := removeTree(dir)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// removeTree removes directories from the bottom up; the files of a cgroup go with it.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var failures error
	for _, entry := range entries {
		if entry.IsDir() {
			failures = errors.Join(failures, removeTree(filepath.Join(dir, entry.Name())))
		}
	}
	if failures != nil {
		return failures
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
