package cli

import (
	"context"
	"errors"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// Exit codes, append-only.
const (
	ExitOK          = 0
	ExitError       = 1
	ExitPending     = 2  // changes pending, only with --detailed-exitcode
	ExitInvalid     = 10 // invalid input
	ExitLocked      = 11 // another run holds the lock
	ExitUnsafe      = 12 // refused as unsafe
	ExitAborted     = 14 // stopped or aborted by a signal
	ExitStale       = 16 // a saved plan that no longer fits
	ExitUnreachable = 17 // a cluster cannot be reached
)

// invalidInput is bad usage, a bad topology, a bad base.
type invalidInput struct{ err error }

func (e invalidInput) Error() string { return e.err.Error() }
func (e invalidInput) Unwrap() error { return e.err }

// unsafePlan is a plan that may not run; the view has printed why.
type unsafePlan struct{ err error }

func (e unsafePlan) Error() string { return e.err.Error() }

// unreachableClusters are clusters that did not answer; the view has named them.
type unreachableClusters struct{ err error }

func (e unreachableClusters) Error() string { return e.err.Error() }

// pendingChanges is no failure: --detailed-exitcode tells of it by code alone.
type pendingChanges struct{}

func (pendingChanges) Error() string { return "changes are pending" }

// exitCode finds the documented code of an error.
func exitCode(err error) int {
	var (
		pending     pendingChanges
		invalid     invalidInput
		problems    regions.Problems
		unsafe      unsafePlan
		stale       stalePlan
		silent      unreachableClusters
		unreachable *kube.Unreachable
		held        *kube.Held
		lost        *kube.LeaseLost
	)
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &pending):
		return ExitPending
	case errors.As(err, &invalid), errors.As(err, &problems):
		return ExitInvalid
	case errors.As(err, &held), errors.As(err, &lost):
		return ExitLocked
	case errors.As(err, &unsafe):
		return ExitUnsafe
	case errors.As(err, &stale):
		return ExitStale
	case errors.Is(err, rollout.ErrStopped), errors.Is(err, errInterrupted), errors.Is(err, errNotApproved), errors.Is(err, context.Canceled):
		return ExitAborted
	case errors.As(err, &silent), errors.As(err, &unreachable):
		return ExitUnreachable
	}
	return ExitError
}
