package cli

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
	"quorate.dev/quorate/planner/rollout"
)

// leaseTTL is how long a dead run keeps others out; it is renewed three times as often.
const leaseTTL = 30 * time.Second

func (a *app) applyCommand() *cobra.Command {
	var approved, unchecked bool
	var o planOptions
	cmd := &cobra.Command{
		Use:   "apply [FILE]",
		Short: "Plan, ask, and run the plan; or run a saved one",
		Long: "apply shows the plan, asks for approval on a terminal (--auto-approve elsewhere), and runs it.\n" +
			"Before an installation it looks whether the clusters can carry it, as `quorate preflight` does.\n" +
			"With a FILE that `quorate plan -o FILE` saved it runs exactly that, without asking; when anything\n" +
			"that the plan was made from moved, it says what, changes nothing and exits 16.\n" +
			"Interrupt once to stop after the current step, twice to abort now. After an interruption, a failure\n" +
			"or a crash the same command looks at what is true and goes on from there.",
		Example: "  quorate apply\n  quorate apply --auto-approve --output json\n  quorate plan -o bank.plan && quorate apply bank.plan",
		Args:    atMostOne("a file that `quorate plan -o FILE` saved"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && len(o.forceManagers) > 0 {
				return invalidInput{errors.New("a saved plan has its own --force-manager: plan again with it")}
			}
			if len(args) == 1 {
				return a.applySaved(cmd.Context(), args[0], unchecked)
			}
			return a.apply(cmd.Context(), o, approved, unchecked)
		},
	}
	cmd.Flags().BoolVar(&approved, "auto-approve", false, "run without asking")
	cmd.Flags().BoolVar(&unchecked, "skip-preflight", false, "install without looking whether the clusters can carry the deployment")
	forceManagerFlag(cmd, &o.forceManagers)
	return cmd
}

func (a *app) apply(ctx context.Context, o planOptions, approved, unchecked bool) error {
	if err := o.check(); err != nil {
		return err
	}
	if !approved && !a.inTerminal {
		return advised{invalidInput{errors.New("apply would ask for approval, and standard input is no terminal")}, "read `quorate plan`, then pass --auto-approve, or a plan that `quorate plan -o FILE` saved"}
	}
	w, observed, err := a.look(ctx, true, o.wish)
	if err != nil {
		return err
	}
	plan := planner.Build(w.input(observed))
	if err := a.announce(plan); err != nil {
		return err
	}
	if err := a.permitted(ctx, w, observed, plan); err != nil {
		return err
	}
	if err := runnable(plan); err != nil || plan.Empty() {
		return err
	}
	if err := a.carried(ctx, w, observed, plan, unchecked); err != nil {
		return err
	}
	if !approved {
		if err := a.ask(ctx, "Run this plan? Only 'yes' runs it: "); err != nil {
			return err
		}
	}
	return a.runPlan(ctx, w, observed, plan)
}

// announce shows the plan before it runs; a machine gets it as the first line.
func (a *app) announce(plan *planner.Plan) error {
	if a.json() {
		return view.PlanLine(a.out, plan)
	}
	view.Plan(a.out, a.style(), plan)
	return nil
}

// errNotApproved ends an apply that was not approved.
var errNotApproved = errors.New("not approved; nothing was changed")

// ask waits for an answer or an interrupt.
func (a *app) ask(ctx context.Context, question string) error {
	fmt.Fprint(a.err, question)
	answer := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(a.in).ReadString('\n') // an end without an answer is no yes
		answer <- strings.TrimSpace(line)
	}()
	select {
	case text := <-answer:
		if text == "yes" {
			return nil
		}
		return errNotApproved
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// runPlan gives the engine its ports and its journal, and tells of the run.
func (a *app) runPlan(ctx context.Context, w *wired, observed []planner.Observation, plan *planner.Plan) (err error) {
	ctx, stop, done := a.interruptible(ctx)
	defer done()
	authority, where, end, err := w.authority(ctx, observed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	written, endWriting, err := a.publishing(ctx, w, observed)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, endWriting()) }()
	run, err := a.runID()
	if err != nil {
		return err
	}
	file, err := a.openJournal(plan.Deployment, run)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	view.Lines(a.err, a.narrationStyle(), fmt.Sprintf("run %s; journal %s\n%s\n%s", run, file.Name(), where, written))
	progress := view.NewProgress(view.Terms{
		Out: a.out, Err: a.err, JSON: a.json(), Style: a.narrationStyle(), Screen: a.display(), Now: a.now,
	}, plan)
	defer progress.Close()
	ports := w.ports(authority, leaseTerms{info: a.holder(), ttl: leaseTTL})
	ports.Journal, ports.Emit = journal.New(file, run, a.now), progress.Event
	work := rollout.Work{
		Run: run, Topology: w.topology, Profile: w.profile, Desired: w.desired,
		Slots: planner.Slots(w.input(observed)), Stop: stop, LeaseTTL: leaseTTL,
	}
	err = rollout.Run(ctx, ports, work, plan)
	progress.End(err)
	return err
}

// interruptible turns the first interrupt into a stop after the current step and
// the second into an abort, for as long as a plan runs.
func (a *app) interruptible(ctx context.Context) (context.Context, <-chan struct{}, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := make(chan struct{})
	first := true
	before := a.interrupts.take(func() {
		if first {
			first = false
			fmt.Fprintln(a.err, "stopping after the current step; interrupt again to abort now")
			close(stop)
			return
		}
		fmt.Fprintln(a.err, "aborting now")
		cancel(errInterrupted)
	})
	return ctx, stop, func() { a.interrupts.take(before); cancel(nil) }
}

// runID is unique and sorts by time.
func (a *app) runID() (string, error) {
	suffix := make([]byte, 3)
	if _, err := io.ReadFull(a.random, suffix); err != nil {
		return "", fmt.Errorf("make a run ID: %w", err)
	}
	return a.now().UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(suffix), nil
}

// openJournal makes the run's file and its directory durable before anything runs.
func (a *app) openJournal(deployment, run string) (*os.File, error) {
	state, err := a.stateDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(state, deployment)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the journal's directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, run+".jsonl"), os.O_CREATE|os.O_EXCL|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	if err := errors.Join(syncDir(dir), syncDir(state), syncDir(filepath.Dir(state))); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// syncDir makes a directory's entries durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open %s: %w", dir, err)
	}
	return errors.Join(d.Sync(), d.Close())
}

// holder tells people who holds a Lease, and by which command.
func (a *app) holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s on %s (process %d) since %s", a.command, host, os.Getpid(), a.now().UTC().Format(time.RFC3339))
}
