package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// How long a server may take to answer once started, and to end once asked to.
const (
	startTimeout = 20 * time.Second
	stopTimeout  = 10 * time.Second
)

// process is one run of a server after the other, in one directory.
type process struct {
	kind Kind
	dir  string
	argv []string
	cmd  *exec.Cmd     // nil: not running
	done chan struct{} // closed once cmd has ended
}

func (p *process) logPath() string { return filepath.Join(p.dir, "server.log") }

// launch starts the server; it does not answer yet.
func (p *process) launch() error {
	if p.cmd != nil {
		return fmt.Errorf("%s runs already", p.kind)
	}
	log, err := os.OpenFile(p.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = p.dir, log, log, ownGroup()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting %s: %w", p.kind, err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended shows in its log
	}()
	p.cmd, p.done = cmd, done
	return nil
}

// signal sends one to the server, or to all processes that it started too.
func (p *process) signal(s syscall.Signal, all bool) error {
	if p.cmd == nil {
		return fmt.Errorf("%s does not run", p.kind)
	}
	pid := p.cmd.Process.Pid
	if all {
		pid = -pid
	}
	if err := syscall.Kill(pid, s); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("ending %s, process %d: %w", p.kind, pid, err)
	}
	return nil
}

// end asks the server to end, or kills it and all that it started, and waits until it is gone.
func (p *process) end(kill bool) error {
	asked := syscall.SIGTERM
	if kill {
		asked = syscall.SIGKILL
	}
	if err := p.signal(asked, kill); err != nil {
		return err
	}
	select {
	case <-p.done:
	case <-time.After(stopTimeout):
		_ = p.signal(syscall.SIGKILL, true)
		<-p.done
		p.cmd = nil
		return fmt.Errorf("%s did not end within %v of %v, and was killed", p.kind, stopTimeout, asked)
	}
	_ = p.signal(syscall.SIGKILL, true) // children that outlived it
	p.cmd = nil
	return nil
}

// log is the end of what the server wrote, at most n lines, without the secrets of keys.
func (p *process) log(n int, keys ...TSIGKey) string {
	text, err := os.ReadFile(p.logPath())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	out := strings.Join(lines[max(0, len(lines)-n):], "\n")
	for _, k := range keys {
		if k.Secret != "" {
			out = strings.ReplaceAll(out, k.Secret, "(secret)")
		}
	}
	return out
}
