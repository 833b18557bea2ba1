package cli

import (
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/planner"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Long:    "version prints the version of quorate, of the Go it was built with, and the platform it was built for.",
		Example: "  quorate version\n  quorate version --output json",
		Args:    noArguments,
		RunE: func(*cobra.Command, []string) error {
			if !a.json() {
				_, err := fmt.Fprintf(a.out, "quorate %s (%s, %s/%s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
				return err
			}
			return json.NewEncoder(a.out).Encode(map[string]string{
				"format_version": planner.FormatVersion, "version": Version, "go": runtime.Version(),
				"platform": runtime.GOOS + "/" + runtime.GOARCH,
			})
		},
	}
}
