package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/preflight"
)

// carried refuses to install a deployment which the clusters cannot carry, before anything moves. What is installed everywhere is not
// looked at again, and what is in doubt holds nothing up.
func (a *app) carried(ctx context.Context, w *wired, observed []planner.Observation, plan *planner.Plan, skip bool) error {
	installs := slices.ContainsFunc(observed, func(o planner.Observation) bool { return len(o.State.StatefulSets) == 0 })
	if skip || !installs || plan.Empty() {
		return nil
	}
	sites, err := w.survey(ctx, "", observed)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		fmt.Fprintf(a.err, "preflight could not look whether the clusters carry the deployment: %v\n", err)
		return nil
	}
	found := preflight.Judge(w.preflightSettings(), sites)
	if preflight.Worst(found) == preflight.Failed {
		return advised{unsafePlan{errors.New(failures(found))}, "mend what failed; or, where the clusters grow by themselves, run it with --skip-preflight"}
	}
	in := func(level preflight.Level) (n int) {
		for _, f := range found {
			if f.Level == level {
				n++
			}
		}
		return n
	}
	fmt.Fprintf(a.err, "preflight: %d checks ok, %d in doubt; `quorate preflight` shows them\n", in(preflight.OK), in(preflight.Warning))
	return nil
}

// failures lists what failed, with what to do.
func failures(found []preflight.Finding) string {
	var text strings.Builder
	text.WriteString("refused: the clusters cannot carry the deployment (nothing was changed):")
	for _, f := range found {
		if f.Level == preflight.Failed {
			fmt.Fprintf(&text, "\n  %s, %s: %s\n    %s", cmp.Or(f.Cluster, "all clusters"), f.Check, f.Message, f.Hint)
		}
	}
	return text.String()
}
