//go:build linux

// Package namespaces starts processes in namespaces of their own, finds and ends them, and runs commands
// inside those namespaces. Namespaces are held by their processes alone: there is nothing in /run/netns
// to leave behind.
package namespaces

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Kind is one kind of namespace, as in /proc/<pid>/ns.
type Kind string

// The kinds that can be entered.
const (
	Network Kind = "net"
	Mount   Kind = "mnt"
	PID     Kind = "pid"
	Host    Kind = "uts"
)

// Run runs cmd inside the given namespaces of the process pid and waits for it. A command that should
// end when this process is killed begins with EndWithParent.
func Run(pid int, cmd *exec.Cmd, kinds ...Kind) error {
	done := make(chan error, 1)
	go func() {
		// The thread is never unlocked, so it ends with the goroutine and nothing else runs in the namespaces.
		runtime.LockOSThread()
		if err := enter(pid, kinds); err != nil {
			done <- err
			return
		}
		done <- cmd.Run()
	}()
	return <-done
}

// EndWithParent turns this process into the given program, which is killed when the parent's thread ends
// (PR_SET_PDEATHSIG(2const)). What os/exec has for it takes a parent outside the pid namespace for a dead one.
func EndWithParent(path string, args, env []string) error {
	runtime.LockOSThread()
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("ask to be ended with the parent: %w", err)
	}
	if err := unix.Exec(path, args, env); err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	return nil
}

// enter moves the calling thread. A thread that shares its file system attributes cannot change its
// mounts, and a pid namespace is that of its children only (setns(2)).
func enter(pid int, kinds []Kind) error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("leave the shared file system attributes: %w", err)
	}
	files := make([]*os.File, len(kinds))
	for i, kind := range kinds { // all before the first setns: /proc may be another one after
		file, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", pid, kind))
		if err != nil {
			return fmt.Errorf("open the %s namespace of pid %d: %w", kind, pid, err)
		}
		files[i] = file
	}
	var failures error
	for i, file := range files {
		if err := unix.Setns(int(file.Fd()), 0); err != nil {
			failures = errors.Join(failures, fmt.Errorf("enter the %s namespace of pid %d: %w", kinds[i], pid, err))
		}
		failures = errors.Join(failures, file.Close())
	}
	return failures
}
