// Package cli is quorate's command line: each command parses, calls the core or
// the engine, and hands the result to a view. Standard output carries data,
// standard error narration.
package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/hashicorp/go-multierror"
	"golang.org/x/term"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner/rollout"
)

// Version is set at link time.
var Version = "devel" //nolint:gochecknoglobals // the linker writes it (-X)

// process is everything a command has of the world around it.
type process struct {
	in       io.Reader
	out, err io.Writer
	// inTerminal and outTerminal tell whether somebody can answer, and whether somebody watches.
	inTerminal, outTerminal bool
	// screen is the door to a standard error that is a terminal, outScreen to such a standard
	// output; nil where it is none. columns is the width of either, 0 where unknown.
	screen, outScreen *view.Screen
	columns           func() int
	env               func(string) string
	interrupts        *interrupts
	now               func() time.Time
	random            io.Reader
}

// Main runs the command line of this process and returns its exit code.
func Main() int {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	// A reader that went away must not end a run half-way: writes then fail, and
	// are ignored, while the journal goes on.
	signal.Ignore(syscall.SIGPIPE)
	p := &process{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		inTerminal: term.IsTerminal(int(os.Stdin.Fd())), outTerminal: term.IsTerminal(int(os.Stdout.Fd())),
		env: os.Getenv, interrupts: &interrupts{signals: signals}, now: time.Now, random: rand.Reader, columns: columns,
	}
	if p.outTerminal {
		p.outScreen = view.NewScreen(os.Stdout)
	}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		p.screen = view.NewScreen(os.Stderr)
		p.err = p.screen
	}
	return p.run(context.Background(), os.Args[1:])
}

// columns is the width of the terminal that standard output or standard error is.
func columns() int {
	for _, file := range []*os.File{os.Stdout, os.Stderr} {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			return width
		}
	}
	return 0
}

// run executes one command line.
func (p *process) run(ctx context.Context, args []string) int {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer p.interrupts.follow(func() { cancel(errInterrupted) })()
	out := &output{to: p.out}
	p.out = out
	root := newRoot(p) //nolint:contextcheck // commands get ctx from ExecuteContext, when they run
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && errors.Is(context.Cause(ctx), errInterrupted) && !errors.Is(err, rollout.ErrStopped) && !errors.Is(err, errInterrupted) {
		err = errors.Join(errInterrupted, err)
	}
	var pending pendingChanges
	var printed alreadyReported
	if err != nil && !errors.As(err, &pending) && !errors.As(err, &printed) {
		p.report(err)
	}
	if lost := out.incomplete(); lost != nil {
		return p.reportLost(lost, err)
	}
	return exitCode(err)
}

// reportLost tells that something could not be printed, unless the command's own error does. Where that is no error, it is one now.
func (p *process) reportLost(lost, err error) int {
	var pending pendingChanges
	said := errors.Is(err, errors.Unwrap(lost))
	if !said {
		p.report(lost)
	}
	if err == nil || errors.As(err, &pending) {
		return ExitError
	}
	return exitCode(err)
}

// eachProblem is how several errors are said: one as it is, more below each other.
func eachProblem(errs []error) string {
	if len(errs) == 1 {
		return errs[0].Error()
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%d problems:", len(errs))
	for _, err := range errs {
		text.WriteString("\n  " + strings.ReplaceAll(err.Error(), "\n", "\n  "))
	}
	return text.String()
}

// report prints an error for people, several lines where it has several.
func (p *process) report(err error) {
	var account interface{ Account() string }
	var several *multierror.Error
	if errors.As(err, &several) && several.ErrorFormat == nil {
		several.ErrorFormat = eachProblem
	}
	text := err.Error()
	if errors.As(err, &account) {
		text = account.Account()
	}
	text = withNextStep(text, err)
	style := view.Style{}
	if p.screen != nil && p.columns != nil {
		style.Width = p.columns()
	}
	view.Lines(p.err, style, "quorate: "+text)
}
