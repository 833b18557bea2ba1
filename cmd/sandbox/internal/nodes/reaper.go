//go:build linux

package nodes

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// reaper starts children and waits for all processes of the place, children and orphans alike: process
// 1 must (pid_namespaces(7)), and os/exec can only wait for its own.
type reaper struct {
	mu      sync.Mutex // held from a child's start until it is known, so that its end is not missed
	waiting map[int]chan syscall.WaitStatus
}

// newReaper reaps until the process ends.
func newReaper() *reaper {
	r := &reaper{waiting: map[int]chan syscall.WaitStatus{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	go func() {
		for range ended {
			r.reap()
		}
	}()
	return r
}

// reap collects everything that has ended; one signal may stand for several ends.
func (r *reaper) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil || pid <= 0 {
			return
		}
		if waiting, ok := r.waiting[pid]; ok {
			waiting <- status
			delete(r.waiting, pid)
		}
	}
}

// run starts a process and waits until it ends; what it writes goes to log.
func (r *reaper) run(args, env []string, log *os.File) error {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	ended := make(chan syscall.WaitStatus, 1)
	r.mu.Lock()
	pid, err := syscall.ForkExec(args[0], args, &syscall.ProcAttr{
		Dir: "/", Env: env, Files: []uintptr{null.Fd(), log.Fd(), log.Fd()}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
	if err == nil {
		r.waiting[pid] = ended
	}
	r.mu.Unlock()
	if err != nil {
		return fmt.Errorf("start %s: %w", args[0], err)
	}
	status := <-ended
	if status.Signaled() {
		return fmt.Errorf("%s was ended by signal %s", args[0], status.Signal())
	}
	if status.ExitStatus() != 0 {
		return fmt.Errorf("%s ended with exit code %d", args[0], status.ExitStatus())
	}
	return nil
}

// The waits between the starts of a component that keeps ending: from first, doubled up to longest, and
// from first again once it has run for steady.
const (
	firstWait   = 200 * time.Millisecond
	longestWait = 5 * time.Second
	steady      = 10 * time.Second
)

// backOff gives the wait before the next start.
func backOff(last, ran time.Duration) time.Duration {
	if last == 0 || ran >= steady {
		return firstWait
	}
	return min(2*last, longestWait)
}
