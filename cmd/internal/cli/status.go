package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

func (a *app) statusCommand() *cobra.Command {
	var watch bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what is where, who holds the lock, and what could fail safely now",
		Long: "status asks every cluster, changes nothing, and takes no lock. It shows the replicas of each cluster and\n" +
			"what keeps one from being ready, whether the authority answers for their names, who holds the lock, and\n" +
			"which failures the system survives as it is now. It exits 17 if a cluster does not answer. With --watch it\n" +
			"goes on: in place on a terminal, elsewhere a block (or a line of JSON) whenever something has changed; an\n" +
			"interrupt ends it with exit code 0.",
		Example: "  quorate status\n" +
			"  quorate status --watch\n" +
			"  quorate status --output json",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if watch {
				return a.watchStatus(cmd.Context())
			}
			return a.status(cmd.Context())
		},
	}
	cmd.Flags().BoolVarP(&watch, "watch", "w", false, "show it again whenever something changes, until interrupted")
	return cmd
}

func (a *app) status(ctx context.Context) error {
	w, observed, err := a.look(ctx, false)
	if err != nil {
		return err
	}
	status := view.NewStatus(w.topology, observed, a.now())
	nameErr := a.nameStatus(ctx, w, observed, status)
	if a.json() {
		if err := status.JSON(a.out); err != nil {
			return err
		}
	} else {
		status.Text(a.out, a.style())
	}
	return cmp.Or(wrongClusters(w, observed), silence(observed), nameErr)
}

// nameStatus asks the authority for every replica's name. In a sandbox without a
// standing authority this process serves the names itself, and says so; elsewhere
// nobody is asked.
func (a *app) nameStatus(ctx context.Context, w *wired, observed []planner.Observation, status *view.Status) error {
	if !canAsk(w, observed) {
		status.Authority = "none: the topology names no standing authority"
		return nil
	}
	authority, where, end, err := w.authority(ctx, observed)
	if err != nil {
		status.Authority = err.Error()
		return nil
	}
	status.Authority = where
	status.AskNames(func(name string) ([]string, error) { return authority.Lookup(ctx, name) })
	return end()
}

func canAsk(w *wired, observed []planner.Observation) bool {
	if _, _, standing := w.standing(); standing {
		return true
	}
	for _, o := range observed {
		if o.Unreachable != "" || !o.State.Sandbox {
			return false
		}
	}
	return true
}

// wrongClusters is the error of contexts that reach other clusters than those which
// were recorded: what they show is of something else.
func wrongClusters(w *wired, observed []planner.Observation) error {
	var states []regions.ClusterState
	for _, o := range observed {
		if o.Unreachable == "" {
			states = append(states, o.State)
		}
	}
	var problems *multierror.Error
	for _, r := range planner.WrongClusters(w.topology, states) {
		problems = multierror.Append(problems, errors.New(r.Message+"; "+r.Hint))
	}
	if err := problems.ErrorOrNil(); err != nil {
		return unsafePlan{err}
	}
	return nil
}

// answering are the clusters that answered.
func answering(observed []planner.Observation) []string {
	var out []string
	for _, o := range observed {
		if o.Unreachable == "" {
			out = append(out, o.Cluster)
		}
	}
	return out
}

// silence is the error of clusters that did not answer; the view has named them.
func silence(observed []planner.Observation) error {
	var silent []string
	for _, o := range observed {
		if o.Unreachable != "" {
			silent = append(silent, fmt.Sprintf("%s (%s)", o.Cluster, o.Unreachable))
		}
	}
	if len(silent) == 0 {
		return nil
	}
	return unreachableClusters{fmt.Errorf("did not answer: %s", strings.Join(silent, ", "))}
}
