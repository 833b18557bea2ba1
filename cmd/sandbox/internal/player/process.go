// Package player starts and ends the sandbox's background process, which plays pods, volumes and the
// database (package kubelet).
package player

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

const (
	poll      = 30 * time.Millisecond // how often a starting or ending player is looked at
	endGrace  = 5 * time.Second       // how long a player may take to end before it is killed
	logTail   = 2000                  // bytes of the log that an error repeats
	startWait = 30 * time.Second      // how long a player may take to answer
)

// Runs tells whether the sandbox's player is there: it holds a lock for as long as it lives.
func Runs(dir state.Dir) (bool, error) { return state.Held(dir.PlayerLock()) }

// Claim makes this process the sandbox's player: it takes the lock and writes its pid. It fails when
// there is another. The lock goes with the process.
func Claim(ctx context.Context, dir state.Dir) (func(), error) {
	if running, err := Runs(dir); err != nil || running {
		return nil, errors.Join(fmt.Errorf("sandbox %s has a player already (lock %s)", dir.Name, dir.PlayerLock()), err)
	}
	unlock, err := state.LockFile(ctx, dir.PlayerLock(), "another player")
	if err != nil {
		return nil, err
	}
	if err := state.WriteFile(dir.PlayerPID(), []byte(strconv.Itoa(os.Getpid()))); err != nil {
		unlock()
		return nil, err
	}
	return unlock, nil
}

// Ensure starts the player if there is none, in a session of its own so that it outlives the
// terminal, and waits until it answers.
func Ensure(ctx context.Context, paths state.Paths, dir state.Dir, spec *state.Spec) error {
	running, err := Runs(dir)
	if err != nil {
		return err
	}
	exited := make(chan error, 1)
	if !running {
		if exited, err = launch(paths, dir); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startWait, errors.New("no answer in "+startWait.String()))
	defer cancel()
	client := admin.Client{Port: spec.AdminPort, Token: spec.AdminToken}
	return wait.PollUntilContextCancel(ctx, poll, true, func(ctx context.Context) (bool, error) {
		select {
		case err := <-exited:
			return false, fmt.Errorf("the player ended at once: %w; %s", err, tailOf(dir.PlayerLog()))
		default:
		}
		_, err := client.State(ctx)
		return err == nil, nil
	})
}

// launch starts this program as the player. The channel tells when it ends.
func launch(paths state.Paths, dir state.Dir) (chan error, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program to start the player: %w", err)
	}
	if err := os.MkdirAll(dir.Player(), 0o700); err != nil {
		return nil, fmt.Errorf("make the player's directory: %w", err)
	}
	log, err := os.OpenFile(dir.PlayerLog(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the player's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(self, "play", "--name", dir.Name)
	cmd.Dir = dir.Path
	cmd.Env = append(os.Environ(), state.EnvCache+"="+paths.Cache, state.EnvSandboxes+"="+paths.Sandboxes)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the player: %w", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- errors.Join(errors.New("exited"), cmd.Wait()) }()
	return exited, nil
}

// End ends the sandbox's player, if there is one, and waits until it is gone.
func End(ctx context.Context, dir state.Dir) error {
	deadline := time.Now().Add(endGrace)
	signal := syscall.SIGTERM
	signalled := map[syscall.Signal]bool{}
	return wait.PollUntilContextCancel(ctx, poll, true, func(context.Context) (bool, error) {
		running, err := Runs(dir)
		if err != nil || !running {
			return !running, err
		}
		data, err := os.ReadFile(dir.PlayerPID())
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil // it has just claimed the lock and not written its pid yet
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(data)))
		if err != nil {
			return false, fmt.Errorf("read the player's pid from %s: %w", dir.PlayerPID(), err)
		}
		if time.Now().After(deadline) {
			signal = syscall.SIGKILL
		}
		if !signalled[signal] {
			signalled[signal] = true
			if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
				return false, fmt.Errorf("end the player (pid %d): %w", pid, err)
			}
		}
		return false, nil
	})
}

// tailOf is the end of a log, for an error.
func tailOf(path string) string {
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "its log cannot be read: " + err.Error()
	}
	if len(data) > logTail {
		data = data[len(data)-logTail:]
	}
	return "its log says: " + strings.TrimSpace(string(data))
}
