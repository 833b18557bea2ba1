package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print the script that completes quorate's commands in a shell",
		Long: "completion prints a script for one shell. It completes commands, flags and their values, and the\n" +
			"names of regions and clusters, which it reads from the topology that -f names. Load it once to try\n" +
			"it, or put it where the shell looks for such scripts. The one for bash needs the package bash-completion.",
		Example: "  source <(quorate completion bash)\n" +
			"  quorate completion bash > /etc/bash_completion.d/quorate\n" +
			"  quorate completion zsh > \"${fpath[1]}/_quorate\"\n" +
			"  quorate completion fish > ~/.config/fish/completions/quorate.fish\n" +
			"  quorate completion powershell | Out-String | Invoke-Expression",
		ValidArgs: shells(),
		Args:      oneShell,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := completionScript(cmd.Root(), args[0], a.out); err != nil {
				return fmt.Errorf("print the completion script for %s: %w", args[0], err)
			}
			return nil
		},
	}
}

func shells() []cobra.Completion { return []cobra.Completion{"bash", "zsh", "fish", "powershell"} }

// oneShell refuses anything but the name of one known shell.
func oneShell(cmd *cobra.Command, args []string) error {
	known := strings.Join(shells(), ", ")
	switch {
	case len(args) != 1:
		return advised{invalidInput{fmt.Errorf("%s takes the name of one shell, got %d", cmd.CommandPath(), len(args))}, "name one of " + known}
	case !slices.Contains(shells(), args[0]):
		return advised{invalidInput{fmt.Errorf("%q is no shell that can be completed in", args[0])}, "name one of " + known}
	}
	return nil
}

// completionScript writes the script of one of the known shells.
func completionScript(root *cobra.Command, shell string, out io.Writer) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(out, true)
	case "zsh":
		return root.GenZshCompletion(out)
	case "fish":
		return root.GenFishCompletion(out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(out)
	}
	return errors.New("unknown shell " + shell)
}
