package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/docs/schema"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a topology file, by which editors complete and check it",
		Long: "schema prints the JSON Schema (draft 2020-12) of a topology file. An editor with the YAML language\n" +
			"server completes and checks a topology that begins with\n\n" +
			"  # yaml-language-server: $schema=./topology.schema.json\n\n" +
			"`quorate validate` checks far more: names, zones, promises.",
		Example: "  quorate schema\n" +
			"  quorate schema > topology.schema.json",
		Args: noArguments,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprint(a.out, schema.Topology()); err != nil {
				return fmt.Errorf("print the schema: %w", err)
			}
			return nil
		},
	}
}
