package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
)

// app is one invocation: the process around it and its settings.
type app struct {
	*process
	settings *viper.Viper
	log      *slog.Logger
	command  string // as it was called, such as quorate dns serve
}

// newRoot builds the command tree.
func newRoot(p *process) *cobra.Command {
	a := &app{process: p, settings: viper.New()}
	return a.rootCommand()
}

func (a *app) rootCommand() *cobra.Command {
	p := a.process
	root := &cobra.Command{
		Use:   "quorate",
		Short: "Deploy one stateful system over many Kubernetes clusters, and keep it quorate",
		Long: "quorate turns a topology file into per-cluster kustomize overlays, names for every replica,\n" +
			"and an ordered plan; and runs the plan so that at every step the system still survives\n" +
			"the failures that it promised to survive.",
		Example:      "  quorate validate -f topology.yaml\n  quorate plan\n  quorate apply",
		SilenceUsage: true, SilenceErrors: true,
		Args: cobra.ArbitraryArgs, RunE: helpOrUnknown,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.configure(cmd) },
	}
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return advised{invalidInput{err}, fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
	})
	flags := root.PersistentFlags()
	flags.StringP("file", "f", "topology.yaml", "the topology `file`")
	flags.String("kubeconfig", "", "kubeconfig `file` (default: $KUBECONFIG, else ~/.kube/config)")
	flags.String("output", "text", "output `format`: text or json")
	flags.Bool("no-color", false, "no colours (also: the NO_COLOR environment variable)")
	flags.String("log-level", "warn", "narration on standard error: debug, info, warn or error")
	flags.String("config", "", "settings `file` (YAML) with defaults for these flags; QUORATE_* variables override it")
	flags.String("state-dir", "", "`directory` of run journals (default: $XDG_STATE_HOME/quorate, else ~/.local/state/quorate)")
	root.AddCommand(
		a.validateCommand(), a.renderCommand(), a.planCommand(), a.applyCommand(), a.statusCommand(), a.dnsCommand(),
		a.versionCommand(), a.initCommand(), a.scaleCommand(), a.releaseCommand(), a.adoptCommand(),
		a.completionCommand(), a.manCommand(), a.schemaCommand(), a.rbacCommand(), a.preflightCommand(), a.probeCommand(),
	)
	root.CompletionOptions.DisableDefaultCmd = true // completionCommand has examples
	a.addCompletions(root)
	return root
}

// configure reads the settings: flags over QUORATE_* variables over the settings file.
func (a *app) configure(cmd *cobra.Command) error {
	if err := cmd.ValidateFlagGroups(); err != nil {
		return advised{invalidInput{err}, fmt.Sprintf("see `%s --help`", cmd.CommandPath())}
	}
	a.command = cmd.CommandPath()
	a.settings.SetEnvPrefix("QUORATE")
	a.settings.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	a.settings.AutomaticEnv()
	if err := a.settings.BindPFlags(cmd.Flags()); err != nil {
		return fmt.Errorf("bind flags of %s: %w", cmd.Name(), err)
	}
	if err := a.readSettings(cmd.Root().PersistentFlags()); err != nil {
		return err
	}
	if out := a.settings.GetString("output"); out != "text" && out != "json" {
		return advised{invalidInput{fmt.Errorf("--output %q is not known: text or json", out)}, "pass one of them, or correct QUORATE_OUTPUT or the settings file"}
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(a.settings.GetString("log-level"))); err != nil {
		err := fmt.Errorf("--log-level %q is not known: debug, info, warn or error", a.settings.GetString("log-level"))
		return advised{invalidInput{err}, "pass one of them, or correct QUORATE_LOG_LEVEL or the settings file"}
	}
	a.log = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: level}))
	return nil
}

func (a *app) readSettings(known *pflag.FlagSet) error {
	path := a.settings.GetString("config")
	if path == "" {
		return nil
	}
	file := viper.New()
	file.SetConfigFile(path)
	file.SetConfigType("yaml")
	if err := file.ReadInConfig(); err != nil {
		return advised{invalidInput{fmt.Errorf("settings file %s: %w", path, err)}, "correct that file, or name another one with --config or QUORATE_CONFIG"}
	}
	for _, key := range file.AllKeys() {
		if known.Lookup(key) == nil {
			return advised{invalidInput{fmt.Errorf("settings file %s: %q is no setting", path, key)}, "take it out of the file; `quorate --help` lists what may be set"}
		}
	}
	return a.settings.MergeConfigMap(file.AllSettings())
}

func (a *app) json() bool { return a.settings.GetString("output") == "json" }

// stateDir is where run journals live.
func (a *app) stateDir() (string, error) {
	if dir := a.settings.GetString("state-dir"); dir != "" {
		return dir, nil
	}
	if dir := a.env("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "quorate"), nil
	}
	home := a.env("HOME")
	if home == "" {
		return "", advised{invalidInput{errors.New("there is no place for run journals")}, "set --state-dir, XDG_STATE_HOME or HOME"}
	}
	return filepath.Join(home, ".local", "state", "quorate"), nil
}

// noArguments refuses arguments with the documented exit code.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		err := fmt.Errorf("%s takes no arguments, got %s", cmd.CommandPath(), strings.Join(args, " "))
		return advised{invalidInput{err}, fmt.Sprintf("leave them out, or see `%s --help`", cmd.CommandPath())}
	}
	return nil
}

// atMostOne takes one argument or none, and refuses more with the documented exit code.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return invalidInput{fmt.Errorf("%s takes %s, got %s", cmd.CommandPath(), what, strings.Join(args, " "))}
		}
		return nil
	}
}

// groupCommand is a command that only has subcommands.
func groupCommand(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: helpOrUnknown}
	cmd.AddCommand(children...)
	describeGroup(cmd)
	return cmd
}

// helpOrUnknown is what a command that only has subcommands does by itself.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

// readFile reads a whole file, with errors for people. It may be a pipe or a terminal, of which nothing may ever
// come: an interrupt ends that.
func readFile(ctx context.Context, path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case path == "":
		return nil, advised{invalidInput{errors.New("the name of the topology file is empty")}, "name the topology with -f"}
	case errors.Is(err, fs.ErrNotExist):
		return nil, advised{invalidInput{fmt.Errorf("%s does not exist", path)}, "name the topology with -f"}
	case err != nil:
		return nil, invalidInput{fmt.Errorf("read %s: %w", path, err)}
	case info.IsDir():
		return nil, advised{invalidInput{fmt.Errorf("%s is a directory", path)}, "name the topology file itself with -f"}
	case info.Mode().IsRegular():
		return readBounded(path)
	}
	type content struct {
		data []byte
		err  error
	}
	read := make(chan content, 1)
	go func() {
		data, err := readBounded(path)
		read <- content{data, err}
	}()
	select {
	case c := <-read:
		return c.data, c.err
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", path, context.Cause(ctx))
	}
}

// readBounded reads a file up to a size that no topology has. Parse has a limit of its own, a smaller one; this
// keeps a device, whose size is 0, from filling the memory.
func readBounded(path string) ([]byte, error) {
	const limit = 16 << 20
	f, err := os.Open(path)
	if err != nil {
		return nil, invalidInput{fmt.Errorf("read %s: %w", path, err)}
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, invalidInput{fmt.Errorf("read %s: %w", path, err)}
	case len(data) > limit:
		return nil, invalidInput{fmt.Errorf("%s has more than %d bytes; a topology is never that large", path, limit)}
	}
	return data, nil
}
