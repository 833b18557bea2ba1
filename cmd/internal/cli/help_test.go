package cli

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandTree is a fresh command tree: parsing leaves marks in one.
func commandTree() *cobra.Command {
	return newRoot(&process{in: strings.NewReader(""), out: io.Discard, err: io.Discard, env: func(string) string { return "" }})
}

// everyCommand is the whole tree, hidden commands too.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{cmd}
	for _, child := range cmd.Commands() {
		out = append(out, everyCommand(child)...)
	}
	return out
}

// A command without help is not finished.
func TestEveryCommandIsExplained(t *testing.T) {
	all := everyCommand(commandTree())
	if len(all) < 12 {
		t.Fatalf("only %d commands: the walk is broken", len(all))
	}
	for _, cmd := range all {
		for part, text := range map[string]string{"Short": cmd.Short, "Long": cmd.Long, "Example": cmd.Example} {
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s has no %s", cmd.CommandPath(), part)
			}
		}
		if strings.HasSuffix(cmd.Short, ".") || strings.Contains(cmd.Short, "\n") {
			t.Errorf("%s: Short is one line without a full stop, not %q", cmd.CommandPath(), cmd.Short)
		}
	}
}

// What help shows must work as it stands: each line is parsed by the command that it calls.
func TestExamplesParse(t *testing.T) {
	for _, cmd := range everyCommand(commandTree()) {
		calls := 0
		for line := range strings.Lines(cmd.Example) {
			args, ok := quorateArguments(line)
			if !ok {
				continue
			}
			if called := parseExample(t, cmd.CommandPath(), line, args); called != nil && within(called.CommandPath(), cmd.CommandPath()) {
				calls++
			}
		}
		if calls == 0 {
			t.Errorf("no example of %s calls it", cmd.CommandPath())
		}
	}
}

func within(path, of string) bool { return path == of || strings.HasPrefix(path, of+" ") }

// parseExample gives the command that the line calls, nil after a complaint.
func parseExample(t *testing.T, owner, line string, args []string) *cobra.Command {
	t.Helper()
	if called, problem := exampleProblem(args); problem != nil {
		t.Errorf("%s: the example %q does not parse: %v", owner, strings.TrimSpace(line), problem)
	} else {
		return called
	}
	return nil
}

// exampleProblem gives the command that the arguments call, and what is wrong with them.
func exampleProblem(args []string) (*cobra.Command, error) {
	called, rest, err := commandTree().Find(args)
	if err != nil {
		return nil, err
	}
	if err := called.ParseFlags(rest); err != nil {
		return nil, err
	}
	if called.HasSubCommands() && called.Flags().NArg() > 0 {
		return nil, unknownCommand(called, called.Flags().Arg(0))
	}
	return called, errors.Join(called.ValidateArgs(called.Flags().Args()), called.ValidateRequiredFlags(), called.ValidateFlagGroups())
}

// quorateArguments are what the call of quorate in a line of shell gets. What is around the
// call is the shell's: comments, redirections, pipes, variables set for it.
func quorateArguments(line string) ([]string, bool) {
	line, _, _ = strings.Cut(line, " #")
	var words []string
	for word := range strings.FieldsSeq(strings.NewReplacer("(", " ( ", ")", " ) ", "'", "", `"`, "").Replace(line)) {
		words = append(words, word)
	}
	start := slices.Index(words, "quorate")
	if start < 0 {
		return nil, false
	}
	args := words[start+1:]
	if end := slices.IndexFunc(args, func(word string) bool { return strings.ContainsAny(word[:1], ")|>&;") || strings.HasPrefix(word, "2>") }); end >= 0 {
		args = args[:end]
	}
	return args, true
}

func TestWrongExamplesAreNoticed(t *testing.T) {
	for _, line := range []string{
		"quorate nonsense", "quorate plan --nonsense", "quorate dns nonsense", "quorate version extra | cat", "quorate completion tcsh",
		"quorate dns serve --manifests --listen 127.0.0.1:53", "quorate render -o",
	} {
		args, ok := quorateArguments(line)
		if !ok {
			t.Errorf("%q is not taken for a call", line)
		} else if _, problem := exampleProblem(args); problem == nil {
			t.Errorf("%q parses", line)
		}
	}
	if _, ok := quorateArguments("kubectl kustomize rendered"); ok {
		t.Error("a call of kubectl is taken for one of quorate")
	}
}
