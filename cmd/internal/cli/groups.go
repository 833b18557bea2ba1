package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// describeGroup gives a command that only has subcommands what `--help` needs beside
// its one line; the list of the subcommands is cobra's.
func describeGroup(cmd *cobra.Command) {
	cmd.Long = fmt.Sprintf("%s.\nEach command has help and examples of its own: `quorate help %s COMMAND`.", cmd.Short, cmd.Name())
	var examples []string
	for _, child := range cmd.Commands() {
		if first, _, _ := strings.Cut(child.Example, "\n"); first != "" {
			examples = append(examples, first)
		}
	}
	cmd.Example = strings.Join(examples, "\n")
}

// unknownCommand names the command that was meant, where one is near.
func unknownCommand(cmd *cobra.Command, name string) error {
	err := invalidInput{fmt.Errorf("%q is no command of %s", name, cmd.CommandPath())}
	next := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	if cmd.SuggestionsMinimumDistance <= 0 {
		cmd.SuggestionsMinimumDistance = 2 // cobra sets this only where it looks itself
	}
	if near := cmd.SuggestionsFor(name); len(near) > 0 {
		next = fmt.Sprintf("did you mean `%s %s`? Otherwise %s", cmd.CommandPath(), strings.Join(near, "` or `"), next)
	}
	return advised{err, next}
}
