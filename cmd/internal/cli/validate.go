package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "validate",
		Short: "Check a topology offline: every problem at once, with its line and its mend",
		Example: "  quorate validate -f topology.yaml\n" +
			"  quorate validate --output json",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error { return a.validate() },
	}
}

// validate reports on the file alone; with an error it exits 10 after the report.
func (a *app) validate() error {
	t, problems, err := a.parse()
	var invalid invalidTopology
	if err != nil && !errors.As(err, &invalid) {
		return err
	}
	if a.json() {
		if printErr := view.ValidationJSON(a.out, problems); printErr != nil {
			return printErr
		}
		return reported(err)
	}
	view.Validation(a.out, a.style(), a.settings.GetString("file"), t, problems)
	return reported(err)
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
