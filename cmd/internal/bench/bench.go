package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// clusters are those of the sandbox, in rollout order, with their regions.
var clusters = []struct{ name, region string }{ //nolint:gochecknoglobals // constant
	{"usw1", "us-west1"}, {"use1", "us-east1"}, {"euw1", "europe-west1"},
}

// bench is one run: a sandbox and what drives it.
type bench struct {
	options
	dir        string // for files
	name       string // the sandbox's
	kubectl    string
	kubeconfig string // of the sandbox; empty until it is up
	narration  io.Writer
}

func newBench(ctx context.Context, o options, dir string, narration io.Writer) (*bench, error) {
	if err := o.absolute(); err != nil {
		return nil, err
	}
	b := &bench{options: o, dir: dir, name: fmt.Sprintf("bench-%d", os.Getpid()), narration: narration}
	out, err := b.exec(ctx, b.sandbox, "build", "--print-path")
	b.kubectl = filepath.Join(strings.TrimSpace(out.stdout), "kubectl")
	return b, err
}

// up starts the sandbox, once.
func (b *bench) up(ctx context.Context) error {
	if b.kubeconfig != "" {
		return nil
	}
	fmt.Fprintln(b.narration, "bench: starting three control planes")
	args := []string{"up", "--name", b.name}
	for _, c := range clusters {
		args = append(args, "--cluster", c.name+"="+c.region)
	}
	b.kubeconfig = "starting" // so that down ends what there is of it
	if _, err := b.exec(ctx, b.sandbox, args...); err != nil {
		return err
	}
	out, err := b.exec(ctx, b.sandbox, "kubeconfig", "--name", b.name)
	b.kubeconfig = strings.TrimSpace(out.stdout)
	return err
}

// down ends the sandbox, also when the run was interrupted.
func (b *bench) down() error {
	if b.kubeconfig == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := b.exec(ctx, b.sandbox, "down", "--name", b.name)
	return err
}

// finished is how a program ended.
type finished struct {
	stdout string
	wall   time.Duration
	memory int64 // peak, bytes
	code   int
}

// exec runs a program to its end. One that fails is an error with its standard error.
func (b *bench) exec(ctx context.Context, program string, args ...string) (finished, error) {
	f, stderr, err := b.try(ctx, program, args...)
	if err == nil && f.code != 0 {
		err = fmt.Errorf("%s %s: exit code %d:\n%s%s", filepath.Base(program), strings.Join(args, " "), f.code, f.stdout, stderr)
	}
	return f, err
}

// try runs a program to its end, whatever its exit code.
func (b *bench) try(ctx context.Context, program string, args ...string) (f finished, stderr string, err error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig, "XDG_STATE_HOME="+filepath.Join(b.dir, "state"), "NO_COLOR=1")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	began := time.Now()
	err = cmd.Run()
	f.wall, f.stdout = time.Since(began), out.String()
	if _, exited := errors.AsType[*exec.ExitError](err); exited && ctx.Err() == nil {
		err = nil
	}
	if cmd.ProcessState != nil {
		f.code = cmd.ProcessState.ExitCode()
		if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			const kibibyte = 1024 // Linux counts in these
			f.memory = usage.Maxrss * kibibyte
		}
	}
	return f, errs.String(), err
}

// write puts a file into the run's directory.
func (b *bench) write(name, text string) (string, error) {
	file := filepath.Join(b.dir, name)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// repeat measures something several times and gives the durations, shortest first.
func repeat(times int, measure func() (time.Duration, error)) ([]time.Duration, error) {
	var all []time.Duration
	for range times {
		d, err := measure()
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	slices.Sort(all)
	return all, nil
}

// median is the middle of sorted durations.
func median(sorted []time.Duration) time.Duration { return sorted[len(sorted)/2] }

// inTurn measures two things in turn, so that what else the machine does falls on both, and gives the medians.
func inTurn(times int, one, other func() (time.Duration, error)) (first, second time.Duration, err error) {
	var a, c []time.Duration
	for range times {
		for _, m := range []struct {
			of   func() (time.Duration, error)
			into *[]time.Duration
		}{{one, &a}, {other, &c}} {
			d, err := m.of()
			if err != nil {
				return 0, 0, err
			}
			*m.into = append(*m.into, d)
		}
	}
	slices.Sort(a)
	slices.Sort(c)
	return median(a), median(c), nil
}
