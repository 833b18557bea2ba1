//go:build !linux

package command

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// errNeedsLinux is why there are no real containers here.
var errNeedsLinux = errors.New("real containers run in Linux namespaces: use Linux, or the simulated runtime")

func realContainers(state.Dir, binaries.Set) (runtime, error) { return runtime{}, errNeedsLinux }

func claimer(state.Dir) func(addresses.Plan) error {
	return func(addresses.Plan) error { return errNeedsLinux }
}

func endContainers(context.Context, state.Dir) error { return nil }

func (a *app) missing(context.Context, bool) []string { return []string{errNeedsLinux.Error()} }

func (a *app) linuxCommands() []*cobra.Command { return nil }
