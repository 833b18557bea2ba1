package command

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/admin"
	"quorate.dev/quorate/cmd/sandbox/internal/kubelet"
	"quorate.dev/quorate/cmd/sandbox/internal/player"
)

// play is `sandbox play`, the background process that `up` starts.
func (a *app) play() *cobra.Command {
	return &cobra.Command{
		Use:    "play",
		Short:  "Play pods, volumes and the database (started by `up`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			spec, err := a.dir.Load()
			if err != nil {
				return err
			}
			release, err := player.Claim(cmd.Context(), a.dir)
			if err != nil {
				return err
			}
			defer release()
			return kubelet.Run(cmd.Context(), a.dir, spec, slog.New(slog.NewTextHandler(a.stderr, nil)))
		},
	}
}

// db is `sandbox db`.
func (a *app) db() *cobra.Command {
	cmd := &cobra.Command{Use: "db", Short: "Look at the played database and change how long things take"}
	cmd.AddCommand(a.dbState(), a.dbSet())
	return cmd
}

// client talks to the sandbox's player.
func (a *app) client() (admin.Client, error) {
	spec, err := a.dir.Load()
	if err != nil {
		return admin.Client{}, err
	}
	return admin.Client{Port: spec.AdminPort, Token: spec.AdminToken}, nil
}

// dbState is `sandbox db state`.
func (a *app) dbState() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "state",
		Short: "Show the played databases: id, inits, nodes, who is live and ready on which claim",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			current, err := client.State(cmd.Context())
			if err != nil {
				return err
			}
			if output == "json" {
				return writeJSON(a.stdout, current)
			}
			return writeDatabases(a.stdout, current)
		},
	}
	outputFlag(cmd, &output)
	return cmd
}

// writeDatabases prints the databases as tables.
func writeDatabases(out io.Writer, current admin.State) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, d := range current.Databases {
		id := d.ClusterID
		if !d.Initialised {
			id = "not initialised"
		}
		fmt.Fprintf(table, "database %d: %s, inits %d, quorate %t, under-replicated %t\n", d.Number, id, d.InitsAccepted, d.Quorate, d.UnderReplicated)
		fmt.Fprintln(table, "NODE\tCLUSTER\tPOD\tLIVE\tREADY\tBUILD\tADDRESS\tLOCALITY")
		for _, n := range d.Nodes {
			fmt.Fprintf(table, "%d\t%s\t%s/%s\t%t\t%t\t%s\t%s\t%s\n", n.NodeID, n.Cluster, n.Namespace, n.Pod, n.Live, n.Ready, n.Build, n.Address, n.Locality)
		}
	}
	if len(current.Databases) == 0 {
		fmt.Fprintln(table, "no database is played: no pod starts CockroachDB")
	}
	return table.Flush()
}

// dbSet is `sandbox db set`.
func (a *app) dbSet() *cobra.Command {
	var change admin.Change
	cmd := &cobra.Command{
		Use:     "set",
		Short:   "Change how long things take, from now on",
		Example: "  sandbox db set --start-delay 2s --cluster use1\n  sandbox db set --under-replicated-for 3s",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runDBSet(cmd.Context(), change) },
	}
	cmd.Flags().StringVar(&change.Cluster, "cluster", "", "only this cluster (pull, start, termination, crash)")
	duration := func(target **time.Duration, name, usage string) {
		cmd.Flags().Var(&optionalDuration{target}, name, usage)
	}
	duration(&change.PullDelay, "pull-delay", "from binding until a pod's containers run")
	duration(&change.StartDelay, "start-delay", "from running until ready")
	duration(&change.TerminationDelay, "termination-delay", "from deletion until a pod is gone, at most its grace period")
	duration(&change.CrashBackOff, "crash-back-off", "first wait of CrashLoopBackOff; it doubles up to ten times this")
	duration(&change.UnderReplicatedFor, "under-replicated-for", "how long ranges stay under-replicated after a node came back")
	duration(&change.DeadAfter, "dead-after", "how long a node is down before its replicas are made anew elsewhere")
	return cmd
}

// runDBSet sends the change and prints the settings that are now in force.
func (a *app) runDBSet(ctx context.Context, change admin.Change) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	settings, err := client.Change(ctx, change)
	if err != nil {
		return err
	}
	return writeJSON(a.stdout, settings)
}

// optionalDuration is a flag that is nil unless given. Negative durations are refused.
type optionalDuration struct{ target **time.Duration }

// Set reads a duration such as 2s.
func (o *optionalDuration) Set(text string) error {
	parsed, err := time.ParseDuration(text)
	if err == nil && parsed < 0 {
		err = fmt.Errorf("%s is negative", text)
	}
	if err != nil {
		return err
	}
	*o.target = &parsed
	return nil
}

// String gives the value for help texts.
func (o *optionalDuration) String() string {
	if o.target == nil || *o.target == nil {
		return ""
	}
	return (*o.target).String()
}

// Type names the value in help texts.
func (o *optionalDuration) Type() string { return "duration" }
