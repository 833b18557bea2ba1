package cli

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"quorate.dev/quorate/regions"
)

// addCompletions lets the shell complete what the commands take. It goes by how each
// command documents itself, so a new one needs nothing more: a flag by the name of its value
// in its usage (`cluster`, `region`, `file`, `directory`), arguments by the words of the use
// line (REGION, CLUSTER, FILE, DIRECTORY). Whatever a command completes itself stays.
func (a *app) addCompletions(cmd *cobra.Command) {
	complete := func(flag *pflag.Flag) { a.completeFlag(cmd, flag) }
	cmd.LocalNonPersistentFlags().VisitAll(complete)
	cmd.PersistentFlags().VisitAll(complete)
	if cmd.ValidArgsFunction == nil && len(cmd.ValidArgs) == 0 && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = a.argumentCompletion(cmd.Use)
	}
	for _, child := range cmd.Commands() {
		a.addCompletions(child)
	}
}

func (a *app) completeFlag(cmd *cobra.Command, flag *pflag.Flag) {
	if _, own := cmd.GetFlagCompletionFunc(flag.Name); own || flag.NoOptDefVal != "" {
		return
	}
	if complete := a.valueCompletion(flag); complete != nil {
		_ = cmd.RegisterFlagCompletionFunc(flag.Name, complete) // it fails only for a flag that has one or is none of the command's
	}
}

// valueCompletion is what completes the value of a flag; nil: the shell's own way, files.
func (a *app) valueCompletion(flag *pflag.Flag) cobra.CompletionFunc {
	switch flag.Name {
	case "output":
		return cobra.FixedCompletions([]cobra.Completion{"json", "text"}, cobra.ShellCompDirectiveNoFileComp)
	case "log-level":
		return cobra.FixedCompletions([]cobra.Completion{"debug", "info", "warn", "error"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveKeepOrder)
	}
	value, _ := pflag.UnquoteUsage(flag)
	return a.placeholderCompletion(value, "")
}

// argumentCompletion goes by a use line, such as `scale REGION|CLUSTER=N ...`.
func (a *app) argumentCompletion(use string) cobra.CompletionFunc {
	var placeholder, suffix string
	flagValue := false
	for _, word := range strings.Fields(use)[1:] {
		if !flagValue && !strings.HasPrefix(word, "-") && placeholder == "" && strings.Trim(word, ".[]") != "" {
			placeholder = word
		}
		flagValue = strings.HasPrefix(word, "-")
	}
	if strings.Contains(placeholder, "=") {
		suffix = "="
	}
	if placeholder == "" {
		return cobra.NoFileCompletions
	}
	return a.placeholderCompletion(placeholder, suffix)
}

// placeholderCompletion completes what a placeholder stands for; nil: files. The suffix
// follows the name of a region or a cluster at once, and a value follows the suffix.
func (a *app) placeholderCompletion(placeholder, suffix string) cobra.CompletionFunc {
	word := strings.ToLower(placeholder)
	clusters, areas := strings.Contains(word, "cluster"), strings.Contains(word, "region")
	switch {
	case clusters || areas:
		return a.topologyNames(areas, clusters, suffix)
	case strings.Contains(word, "file"):
		return nil
	case strings.Contains(word, "dir"):
		return cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs)
	}
	return cobra.NoFileCompletions
}

// topologyNames completes the names of regions, clusters or both, of the topology that the
// command line, the environment or the settings name. Without a readable one it offers nothing.
func (a *app) topologyNames(areas, clusters bool, suffix string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		directive := cobra.ShellCompDirectiveNoFileComp
		if suffix != "" {
			directive |= cobra.ShellCompDirectiveNoSpace
		}
		taken := map[string]bool{}
		for _, argument := range given {
			name, _, _ := strings.Cut(argument, "=")
			taken[name] = true
		}
		var out []cobra.Completion
		offer := func(name, description string) {
			if name != "" && !taken[name] && strings.HasPrefix(name+suffix, start) {
				out = append(out, cobra.CompletionWithDesc(name+suffix, description))
			}
		}
		for _, region := range a.topologyRegions(cmd) {
			if areas {
				offer(region.Name, "region")
			}
			for _, cluster := range region.Clusters {
				if clusters {
					offer(cluster.Name, "cluster in "+region.Name)
				}
			}
		}
		return out, directive
	}
}

// topologyRegions are as far as the file can be read: one that is being written has problems.
func (a *app) topologyRegions(cmd *cobra.Command) []regions.Region {
	if a.configure(cmd) != nil { // the flags of the line that is being written, not of the hidden command that completes it
		return nil
	}
	file := a.settings.GetString("file")
	data, err := readFile(cmd.Context(), file)
	if err != nil {
		return nil
	}
	t, _ := regions.Parse(data, file)
	if t == nil {
		return nil
	}
	return t.Spec.Regions
}
