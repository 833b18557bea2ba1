package e2e

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// running is one quorate under way.
type running struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced when text grows
	ended chan struct{}
}

// Write gathers both streams.
func (r *running) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.Write(p)
	close(r.grown)
	r.grown = make(chan struct{})
	return len(p), nil
}

func (r *running) output() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func (b *bank) start(args ...string) *running {
	b.t.Helper()
	r := &running{cmd: b.command(b.t.Context(), args...), grown: make(chan struct{}), ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r, r
	if err := r.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() { _ = r.cmd.Wait(); close(r.ended) }()
	return r
}

// waitFor waits until the narration (after the plan) says a text.
func (r *running) waitFor(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(2 * time.Minute)
	for {
		r.mu.Lock()
		_, narration, started := strings.Cut(r.text.String(), "; journal ")
		grown := r.grown
		r.mu.Unlock()
		if started && strings.Contains(narration, text) {
			return
		}
		select {
		case <-grown:
		case <-r.ended:
			t.Fatalf("quorate ended before it said %q:\n%s", text, r.output())
		case <-deadline:
			t.Fatalf("quorate did not say %q:\n%s", text, r.output())
		}
	}
}

// startOnTerminal runs quorate on a terminal of its own, with somebody typing.
func (b *bank) startOnTerminal(typed string, args ...string) *running {
	b.t.Helper()
	r := &running{cmd: b.command(b.t.Context(), args...), grown: make(chan struct{}), ended: make(chan struct{})}
	r.cmd.Env = append(r.cmd.Env, "TERM=xterm")
	terminal, err := pty.Start(r.cmd)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = terminal.Close() })
	if _, err := terminal.WriteString(typed); err != nil {
		b.t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(r, terminal) // ends with an error when the process does: a terminal without its end
		_ = r.cmd.Wait()
		close(r.ended)
	}()
	return r
}

// find waits until the output matches and returns the first group.
func (r *running) find(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		r.mu.Lock()
		match := pattern.FindStringSubmatch(r.text.String())
		grown := r.grown
		r.mu.Unlock()
		if match != nil {
			return match[1]
		}
		select {
		case <-grown:
		case <-r.ended:
			t.Fatalf("quorate ended:\n%s", r.output())
		case <-deadline:
			t.Fatalf("quorate did not say %s:\n%s", pattern, r.output())
		}
	}
}

func (r *running) wait() int { <-r.ended; return r.cmd.ProcessState.ExitCode() }

func (r *running) interrupt() error { return r.cmd.Process.Signal(syscall.SIGINT) }
