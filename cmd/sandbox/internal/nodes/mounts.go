//go:build linux

package nodes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// prepare makes the namespaces this process was started in the place's own. Nothing of it is seen outside.
func (d Description) prepare() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	for _, cover := range d.Covers {
		if err := cover.mount(d.Keep); err != nil {
			return fmt.Errorf("cover %s: %w", cover.Target, err)
		}
	}
	for _, name := range d.Sysctls {
		if err := coverSysctl(name, d.SysctlDir); err != nil {
			return fmt.Errorf("cover the machine-wide setting %s: %w", name, err)
		}
	}
	if err := unix.Sethostname([]byte(d.HostName)); err != nil {
		return fmt.Errorf("set the host name: %w", err)
	}
	return d.setNetworkSysctls()
}

// setNetworkSysctls writes those of the place's own network namespace. Without IPv6 no address of the
// machine's real network can be learnt or used.
func (d Description) setNetworkSysctls() error {
	settings := map[string]string{"net/ipv6/conf/all/disable_ipv6": "1", "net/ipv6/conf/default/disable_ipv6": "1"}
	if d.Forward {
		settings["net/ipv4/ip_forward"] = "1"
	}
	for name, value := range settings {
		err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("set %s of the place: %w", name, err)
		}
	}
	return nil
}

// mount covers the target, and lets directories below it that must stay visible show through.
func (c Cover) mount(keep []string) error {
	if c.Make {
		if err := os.MkdirAll(c.Target, 0o755); err != nil {
			return err
		}
	}
	target, err := filepath.EvalSymlinks(c.Target)
	if err != nil {
		return err
	}
	kept := map[string]*os.File{}
	for _, dir := range keep {
		if !strings.HasPrefix(dir, target+"/") {
			continue
		}
		file, err := os.OpenFile(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		kept[dir] = file
	}
	if c.Source == "" {
		err = unix.Mount("tmpfs", target, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755")
	} else {
		err = unix.Mount(c.Source, target, "", unix.MS_BIND, "")
	}
	if err != nil {
		return err
	}
	for dir, file := range kept {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", file.Fd()), dir, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
			return fmt.Errorf("keep %s: %w", dir, err)
		}
	}
	return nil
}

// coverSysctl puts a private file with the present value over a machine-wide setting. A setting that
// this kernel lacks needs none.
func coverSysctl(name, dir string) error {
	path := filepath.Join("/proc/sys", name)
	value, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	private := filepath.Join(dir, strings.ReplaceAll(name, "/", "."))
	if err := os.WriteFile(private, value, 0o600); err != nil {
		return err
	}
	return unix.Mount(private, path, "", unix.MS_BIND, "")
}
