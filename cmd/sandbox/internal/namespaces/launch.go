//go:build linux

package namespaces

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"quorate.dev/quorate/cmd/sandbox/internal/processes"
)

// InitName is the hidden command of the sandbox that becomes process 1 of a place, and what it is called
// in the machine's process list.
const InitName = "node-init"

// Proceed is the line by which Init tells a launched process to go on.
const Proceed = "proceed\n"

// Init is a process 1 that waits to be told to go on.
type Init struct {
	PID     int
	proceed io.WriteCloser
}

// Launch starts this program as process 1 of new namespaces, in a session of its own, with the
// description at file. It waits until Proceed; should this process end before, so does it.
func Launch(file, log string, env []string) (*Init, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start a place: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(log), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of logs: %w", err)
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a log: %w", err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(self)
	cmd.Args = []string{InitName, InitName, "--file", file}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = filepath.Dir(file), env, out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setsid:     true,
		Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
	}
	proceed, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("make the pipe to a place: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a process in new namespaces (run `sandbox preflight`): %w", err)
	}
	go func() { _ = cmd.Wait() }() // so that it is no zombie if it ends before this process
	return &Init{cmd.Process.Pid, proceed}, nil
}

// Proceed lets the process go on.
func (i *Init) Proceed() error {
	_, err := io.WriteString(i.proceed, Proceed)
	if err = errors.Join(err, i.proceed.Close()); err != nil {
		return fmt.Errorf("tell process 1 of a place (pid %d) to go on: %w", i.PID, err)
	}
	return nil
}

// Inits finds the processes that Launch started for descriptions below dir, whoever started them.
func Inits(dir string) ([]processes.Process, error) { return processes.Under(dir, InitName) }

// Description is the file that an Init was started with.
func Description(init processes.Process) string {
	if len(init.Args) < 4 {
		return ""
	}
	return init.Args[3]
}

// killPoll bounds one wait for a killed process, in milliseconds, so that the deadline is looked at.
const killPoll = 50

// Kill ends the processes 1 of places and waits until they, and with them every process and mount of
// the places, are gone: the kernel ends all others of a pid namespace before it reports process 1
// (pid_namespaces(7)).
//
// One that cannot be ended does not keep the others alive. A pid that meanwhile belongs to another
// process counts as ended.
func Kill(ctx context.Context, inits ...processes.Process) error {
	var waiting []int
	var failures []error
	defer func() {
		for _, fd := range waiting {
			_ = unix.Close(fd)
		}
	}()
	for _, process := range inits {
		fd, err := signalKill(process)
		if fd >= 0 {
			waiting = append(waiting, fd)
		}
		failures = append(failures, err)
	}
	for _, fd := range waiting {
		if err := awaitEnd(ctx, fd); err != nil {
			failures = append(failures, fmt.Errorf("wait for the places of %d killed processes to be gone: %w", len(inits), err))
			break
		}
	}
	return errors.Join(failures...)
}

// signalKill kills a process and gives a pidfd that tells when it has ended; -1 if it has already. The
// pidfd is taken before the process is compared with what was found, so that a pid that was given
// to another one in between is not killed.
func signalKill(process processes.Process) (int, error) {
	fd, err := unix.PidfdOpen(process.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("open pid %d: %w", process.PID, err)
	}
	if !process.Runs() {
		return -1, unix.Close(fd)
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fd, fmt.Errorf("end pid %d (%s): %w", process.PID, Description(process), err)
	}
	return fd, nil
}

// awaitEnd waits until the process behind a pidfd has ended: it becomes readable (pidfd_open(2)).
func awaitEnd(ctx context.Context, fd int) error {
	for {
		ready, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, killPoll)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if ready > 0 {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}
