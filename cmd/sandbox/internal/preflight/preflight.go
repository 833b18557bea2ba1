//go:build linux

// Package preflight tells whether this machine can run real containers in namespaces: every right is
// tried, in namespaces that end with the trial, so that nothing of the machine changes.
package preflight

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/cgroups"
	"quorate.dev/quorate/cmd/sandbox/internal/network"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// ProbeCommand is the hidden command of the sandbox that runs Probe, in new namespaces.
const ProbeCommand = "preflight-probe"

// Missing lists what the machine lacks to run real containers whose files are below dir, each with its mend. Empty
// means that nothing is missing.
func Missing(ctx context.Context, dir string) []string {
	if os.Geteuid() != 0 {
		return []string{"not root: run as root (namespaces, mounts, cgroups and network links need it)"}
	}
	missing := slices.Concat(tools(), controlGroups(ctx), fileSystem(dir))
	if err := network.Free(addresses.Plans()); err != nil {
		missing = append(missing, err.Error())
	}
	return append(missing, namespaceRights(ctx)...)
}

// MissingToBuild lists what building the containers runtime needs beside Go: runc's start is C code.
func MissingToBuild(ctx context.Context) []string {
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return []string{"no C compiler (cc), needed to build runc: install package gcc"}
	}
	if err := exec.CommandContext(ctx, compiler, "-E", "-include", "seccomp.h", "-x", "c", os.DevNull, "-o", os.DevNull).Run(); err != nil {
		return []string{"no seccomp.h, needed to build runc: install package libseccomp-dev"}
	}
	return nil
}

// tools looks for the programs that Kubernetes calls.
func tools() []string {
	var missing []string
	for _, tool := range []struct{ name, who, pkg string }{
		{"nft", "kube-proxy and partitions", "nftables"}, {"mount", "the kubelet", "mount"}, {"umount", "the kubelet", "mount"},
	} {
		if _, err := exec.LookPath(tool.name); err != nil {
			missing = append(missing, fmt.Sprintf("no %s in PATH, needed by %s: install package %s", tool.name, tool.who, tool.pkg))
		}
	}
	return missing
}

// fileSystem looks what the containers' own overlays would lie upon: overlayfs takes no upper layer on overlayfs
// (https://docs.kernel.org/filesystems/overlayfs.html).
func fileSystem(dir string) []string {
	var found unix.Statfs_t
	for err := unix.Statfs(dir, &found); err != nil; err = unix.Statfs(dir, &found) {
		if dir == filepath.Dir(dir) {
			return []string{fmt.Sprintf("the file system of the sandboxes is not known (%v): set %s", err, state.EnvSandboxes)}
		}
		dir = filepath.Dir(dir) // not made yet
	}
	if found.Type == unix.OVERLAYFS_SUPER_MAGIC {
		return []string{fmt.Sprintf("%s is on overlayfs, upon which containers cannot lie: set %s to a directory on a disk", dir, state.EnvSandboxes)}
	}
	return nil
}

// controllers are the cgroup controllers that a kubelet needs (pkg/kubelet/cm), and runc's freezer and
// devices.
func controllers() []string {
	return []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "pids"}
}

// controlGroups looks for the version 1 hierarchies and tries to make a cgroup in each.
func controlGroups(ctx context.Context) []string {
	hierarchies, err := cgroups.Mounted()
	if err != nil {
		return []string{err.Error()}
	}
	var have, missing []string
	for _, hierarchy := range hierarchies {
		have = append(have, hierarchy.Controllers...)
	}
	if len(have) == 0 {
		return []string{"no cgroup v1 hierarchy (a pure cgroup v2 machine is not supported): boot with systemd.unified_cgroup_hierarchy=0"}
	}
	for _, controller := range controllers() {
		if !slices.Contains(have, controller) {
			missing = append(missing, fmt.Sprintf("no cgroup v1 controller %s: boot with systemd.unified_cgroup_hierarchy=0 and without cgroup_disable=%s", controller, controller))
		}
	}
	if len(missing) > 0 {
		return missing
	}
	trial := cgroups.Path(fmt.Sprintf("preflight-%d", os.Getpid()))
	if err := errors.Join(cgroups.Make(trial), cgroups.Remove(ctx, trial)); err != nil {
		missing = append(missing, fmt.Sprintf("cgroups cannot be made (%v): mount the cgroup hierarchies writable", err))
	}
	return missing
}

// namespaceRights runs Probe in new namespaces and gives what it could not do.
func namespaceRights(ctx context.Context) []string {
	self, err := os.Executable()
	if err != nil {
		return []string{fmt.Sprintf("this program is not found again: %v", err)}
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, self, ProbeCommand)
	cmd.Stdout = &out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	if err := cmd.Run(); err != nil {
		return []string{fmt.Sprintf("namespaces cannot be made (%v): give CAP_SYS_ADMIN, and a kernel with mount, pid, network, UTS and IPC namespaces", err)}
	}
	return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' })
}

// Probe tries every right that a place needs, inside the namespaces that it was started in, and gives what failed.
// It must be the only thing that the process does.
func Probe(ctx context.Context) []string {
	var missing []string
	for _, trial := range []struct {
		what, mend string
		try        func(context.Context) error
	}{
		{"mounts cannot be made", "give CAP_SYS_ADMIN", mounts},
		{"overlayfs cannot be mounted", "load the kernel module overlay, or build it into the kernel", overlay},
		{"the host name cannot be set", "give CAP_SYS_ADMIN", func(context.Context) error { return unix.Sethostname([]byte("probe")) }},
		{"network links cannot be made", "give CAP_NET_ADMIN, and a kernel with bridge and veth", func(context.Context) error { return network.Probe() }},
		{"packets cannot be forwarded", "give CAP_NET_ADMIN, and mount /proc/sys writable", func(context.Context) error {
			return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0)
		}},
		{"nft cannot set rules", "give CAP_NET_ADMIN, and a kernel with nf_tables and nft_ct (5.13 or newer)", network.ProbeFilter},
	} {
		if err := trial.try(ctx); err != nil {
			missing = append(missing, fmt.Sprintf("%s (%v): %s", trial.what, err, trial.mend))
		}
	}
	return missing
}

// mounts tries what process 1 of a place does first.
func mounts(context.Context) error {
	return errors.Join(
		unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""),
		unix.Mount("proc", "/proc", "proc", 0, ""),
		unix.Mount("tmpfs", "/run", "tmpfs", 0, ""),
	)
}

// overlay tries containerd's snapshotter, in the memory file system that mounts has put over /run.
func overlay(context.Context) error {
	var options []string
	for _, layer := range []string{"lowerdir", "upperdir", "workdir"} {
		dir := filepath.Join("/run", layer)
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		options = append(options, layer+"="+dir)
	}
	return unix.Mount("overlay", "/run/upperdir", "overlay", 0, strings.Join(options, ","))
}
