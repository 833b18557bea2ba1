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
		Example: "  quorate version",
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
