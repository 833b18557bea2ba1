package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// describeGroup gives a command that only has subcommands what `--help` needs beside
// its one line: what each of them is for, and how each is called first of all.
func describeGroup(cmd *cobra.Command) {
	about := []string{cmd.Short + "."}
	var examples []string
	for _, child := range cmd.Commands() {
		about = append(about, fmt.Sprintf("`%s %s`: %s.", cmd.Name(), child.Name(), child.Short))
		first, _, _ := strings.Cut(child.Example, "\n")
		if first != "" {
			examples = append(examples, first)
		}
	}
	cmd.Long, cmd.Example = strings.Join(about, "\n"), strings.Join(examples, "\n")
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
