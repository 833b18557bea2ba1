// Package subprocess drives programs in end-to-end tests: it starts them, waits for what they say, and
// tells how they ended.
package subprocess

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
)

// patience bounds every wait for a program's words.
const patience = 2 * time.Minute

// Result is how one invocation ended.
type Result struct {
	Stdout, Stderr string
	Code           int
}

// Run executes the command to its end. Only one that cannot be started fails the test.
func Run(t testing.TB, cmd *exec.Cmd) Result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	return Result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// Output executes the command and returns what it printed on standard output; the error of one that
// fails has its standard error.
func Output(cmd *exec.Cmd) (string, error) {
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.String())
	}
	return string(out), nil
}

// Process is one program under way; both its streams are gathered in one text.
type Process struct {
	cmd   *exec.Cmd
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{} // closed and replaced when text grows
	ended chan struct{}
	// terminal is the other end of the program's terminal, nil where it has none.
	terminal *os.File
}

func newProcess(cmd *exec.Cmd) *Process {
	return &Process{cmd: cmd, grown: make(chan struct{}), ended: make(chan struct{})}
}

// Start runs the command in the background.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := newProcess(cmd)
	cmd.Stdout, cmd.Stderr = p, p
	if err := cmd.Start(); err != nil {
		t.Fatalf("%s: %v", strings.Join(cmd.Args, " "), err)
	}
	go func() { _ = cmd.Wait(); close(p.ended) }()
	return p
}

// OnTerminal runs the command on a terminal of its own, with somebody typing.
func OnTerminal(t testing.TB, cmd *exec.Cmd, typed string) *Process {
	t.Helper()
	p := newProcess(cmd)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	p.terminal = terminal
	t.Cleanup(func() { _ = terminal.Close() })
	p.Type(t, typed)
	go func() {
		_, _ = io.Copy(p, terminal) // ends with an error when the process does: a terminal without its end
		_ = cmd.Wait()
		close(p.ended)
	}()
	return p
}

// Type types on the program's terminal; "\x03" interrupts it.
func (p *Process) Type(t testing.TB, text string) {
	t.Helper()
	if _, err := p.terminal.WriteString(text); err != nil {
		t.Fatal(err)
	}
}

// Resize gives the program's terminal another size.
func (p *Process) Resize(t testing.TB, columns, rows uint16) {
	t.Helper()
	if err := pty.Setsize(p.terminal, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

// Write gathers what the program says.
func (p *Process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text.Write(data)
	close(p.grown)
	p.grown = make(chan struct{})
	return len(data), nil
}

// Output is everything that it has said so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// WaitFor waits until the output after the first occurrence of begin holds a text. An empty begin means
// all of it.
func (p *Process) WaitFor(t testing.TB, begin, text string) {
	t.Helper()
	p.until(t, text, func(said string) bool {
		_, after, begun := strings.Cut(said, begin)
		return begun && strings.Contains(after, text)
	})
}

// Find waits until the output matches and returns the first group.
func (p *Process) Find(t testing.TB, pattern *regexp.Regexp) string {
	t.Helper()
	var match []string
	p.until(t, pattern.String(), func(said string) bool {
		match = pattern.FindStringSubmatch(said)
		return match != nil
	})
	return match[1]
}

func (p *Process) until(t testing.TB, what string, holds func(said string) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		said, grown := p.text.String(), p.grown
		p.mu.Unlock()
		if holds(said) {
			return
		}
		select {
		case <-grown:
		case <-p.ended:
			if holds(p.Output()) {
				return
			}
			t.Fatalf("%s ended before it said %q:\n%s", p.cmd.Path, what, p.Output())
		case <-deadline:
			t.Fatalf("%s did not say %q:\n%s", p.cmd.Path, what, p.Output())
		}
	}
}

// Wait waits for the end and gives the exit code.
func (p *Process) Wait() int { <-p.ended; return p.cmd.ProcessState.ExitCode() }

// Ended tells whether it has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Signal sends it a signal.
func (p *Process) Signal(signal syscall.Signal) error { return p.cmd.Process.Signal(signal) }
