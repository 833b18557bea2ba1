package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions/kube"
)

// advised is an error that knows what to do next better than its kind does.
type advised struct {
	err  error
	next string // an imperative, without a full stop
}

func (e advised) Error() string { return e.err.Error() }
func (e advised) Unwrap() error { return e.err }

// withNextStep ends the text of an error with a line that says what to do next.
func withNextStep(text string, err error) string {
	next := nextStep(err)
	if next == "" {
		return text
	}
	return text + "\nNext: " + next
}

// nextStep is what to do about an error; empty where its own account ends with that.
func nextStep(err error) string {
	var own advised
	var stopped *rollout.Stopped
	switch {
	case errors.As(err, &stopped):
		return ""
	case errors.As(err, &own):
		return own.next
	}
	if next := nextByKind(err); next != "" {
		return next
	}
	return "run the same command again; with --log-level debug it tells more"
}

// nextByKind goes from the more telling kinds to the less telling ones, as several may be joined.
func nextByKind(err error) string {
	switch {
	case errors.Is(err, errNotApproved):
		return "run the same command again and answer yes, or pass --auto-approve"
	case is[*kube.Held](err):
		return "let that run end, then run the same command again; `quorate status` shows who holds the lock"
	case is[*kube.LeaseLost](err):
		return "look with `quorate status` at what the other run does, let it end, then run the same command again"
	case errors.Is(err, rollout.ErrStopped), errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return "run the same command again to go on"
	case is[unsafePlan](err):
		return "change what was refused as it is said above, then look again with `quorate plan`"
	case is[unreachableClusters](err), is[*kube.Unreachable](err):
		return "see that the context of each cluster named above answers (`kubectl --context CONTEXT get --raw /readyz`)" +
			" and may read there, then run the same command again"
	}
	return nextForInput(err)
}

func nextForInput(err error) string {
	var topology invalidTopology
	var path *fs.PathError
	switch {
	case errors.As(err, &topology):
		return fmt.Sprintf("mend %s; `quorate validate -f %s` shows what is left", topology.file, topology.file)
	case is[invalidInput](err):
		return "correct that, then run the same command again"
	case errors.As(err, &path):
		return fmt.Sprintf("see that %s may be used by this user and that its disk has room, then run the same command again", path.Path)
	}
	return ""
}

func is[T error](err error) bool {
	_, found := errors.AsType[T](err)
	return found
}
