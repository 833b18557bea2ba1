package cli

import (
	"context"
	"errors"
	"slices"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/regions"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check a topology offline: every problem at once, with its line and its mend",
		Long: "validate reads the topology and makes the overlays of all clusters, without contacting any. It prints\n" +
			"every problem at once, each with its line and what to do about it, and exits 10 if one is an error.",
		Example: "  quorate validate -f topology.yaml\n" +
			"  quorate validate --output json",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.validate(cmd.Context()) },
	}
}

// validate reports on the file alone; with an error it exits 10 after the report.
func (a *app) validate(ctx context.Context) error {
	read, err := a.declare(ctx)
	if err == nil {
		read.problems, err = a.checkOverlays(read)
	}
	var invalid invalidTopology
	if err != nil && !errors.As(err, &invalid) {
		return err
	}
	if a.json() {
		if printErr := view.ValidationJSON(a.out, read.problems); printErr != nil {
			return printErr
		}
		return reported(err)
	}
	view.Validation(a.out, a.style(), read.file, read.topology, read.problems)
	return reported(err)
}

// checkOverlays builds what follows from the topology: a base that is not there or does not fit is
// an error of the topology too.
func (a *app) checkOverlays(read declaration) (regions.Problems, error) {
	_, err := a.follow(read)
	var invalid invalidTopology
	switch {
	case err == nil:
		return read.problems, nil
	case errors.As(err, &invalid):
		return slices.Concat(read.problems, invalid.problems), err
	}
	path := "spec.base"
	if read.topology.Spec.Base == "" {
		path = "spec.profile"
	}
	problems := slices.Clone(read.problems)
	for _, line := range lines(err) {
		problems = append(problems, regions.Problem{
			Severity: regions.SeverityError, Code: regions.CodeOverlay, Path: path, Line: regions.LineOf(read.data, read.file, path),
			Message: line, Hint: "mend it where the message says, then look again",
		})
	}
	return problems, invalidTopology{read.file, problems}
}

// lines are the messages of an error, one for each of several.
func lines(err error) []string {
	if several, ok := errors.AsType[*multierror.Error](err); ok {
		var out []string
		for _, one := range several.Errors {
			out = append(out, lines(one)...)
		}
		return out
	}
	return []string{err.Error()}
}

// reported keeps an error's exit code and drops its text, which a view has printed.
func reported(err error) error {
	if err == nil {
		return nil
	}
	return alreadyReported{err}
}

type alreadyReported struct{ error }

func (e alreadyReported) Unwrap() error { return e.error }
