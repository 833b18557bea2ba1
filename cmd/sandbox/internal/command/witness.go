package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/witness"
)

// witness is `sandbox witness`.
func (a *app) witness() *cobra.Command {
	cmd := &cobra.Command{Use: "witness", Short: "A client that writes to etcd all the time, and what it saw"}
	cmd.AddCommand(a.witnessWrite(), a.witnessMark(), a.witnessJudge(), a.witnessNames())
	return cmd
}

func (a *app) witnessWrite() *cobra.Command {
	w := &witness.Witness{Now: time.Now}
	var server, file string
	cmd := &cobra.Command{
		Use:   "write",
		Short: "Write and read through names until it is interrupted, then read everything back",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			net.DefaultResolver = witness.Resolver(server) // gRPC has no other way to be told
			out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				return fmt.Errorf("open the witness's log: %w", err)
			}
			defer func() { err = errors.Join(err, out.Close()) }()
			w.Log = out
			return w.Run(cmd.Context())
		},
	}
	cmd.Flags().StringSliceVar(&w.Endpoints, "endpoints", nil, "client `URLs` of the members, by name")
	cmd.Flags().StringVar(&server, "dns", "", "name server to ask, `host:port` (default: those of /etc/resolv.conf)")
	cmd.Flags().DurationVar(&w.Pause, "pause", 20*time.Millisecond, "between two writes")
	cmd.Flags().StringVar(&file, "log", "witness.jsonl", "where every operation is noted")
	return cmd
}

func (a *app) witnessMark() *cobra.Command {
	return &cobra.Command{
		Use:   "mark LOG PHASE",
		Short: "Note in the log that a phase begins",
		Args:  cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) (err error) {
			file, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
			if err != nil {
				return fmt.Errorf("open the witness's log: %w", err)
			}
			defer func() { err = errors.Join(err, file.Close()) }()
			return witness.Mark(file, time.Now(), args[1])
		},
	}
}

func (a *app) witnessJudge() *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "judge LOG",
		Short: "Say what a witness saw, phase by phase; exit 1 if an acknowledged write was lost or nothing was read back",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("open the witness's log: %w", err)
			}
			defer func() { _ = file.Close() }()
			return judge(a.stdout, file, output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "text", "text or json")
	return cmd
}

func judge(out io.Writer, log io.Reader, output string) error {
	entries, err := witness.ReadLog(log)
	if err != nil {
		return err
	}
	phases := append(witness.Phases(entries), witness.Phase{Name: "all of it", Verdict: witness.Judge(entries, time.Time{}, time.Time{})})
	switch output {
	case "json":
		err = json.NewEncoder(out).Encode(phases)
	case "text":
		err = verdicts(out, phases)
	default:
		err = fmt.Errorf("--output is text or json, not %q", output)
	}
	verdict := phases[len(phases)-1].Verdict
	switch {
	case err != nil:
		return err
	case len(verdict.Lost) > 0:
		return fmt.Errorf("acknowledged writes were lost: %v", verdict.Lost)
	case !verdict.Checked:
		return errors.New("the log does not end with a look at every key: nothing is known about lost writes")
	}
	return nil
}

// verdicts prints a table, one phase a line.
func verdicts(out io.Writer, phases []witness.Phase) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "phase\tacknowledged\tlost\tfailed writes\tfailed reads\tlongest gap\t")
	for _, phase := range phases {
		fmt.Fprintf(table, "%s\t%d\t%d\t%d\t%d\t%s\t\n", phase.Name, phase.Acknowledged, len(phase.Lost),
			phase.Failed, phase.FailedReads, phase.LongestGap.Round(time.Millisecond))
	}
	return table.Flush()
}

func (a *app) witnessNames() *cobra.Command {
	var server string
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "names NAME...",
		Short: "Ask for names all the time and print a line whenever an answer changes",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return follow(cmd.Context(), server, args, every, a.stdout)
		},
	}
	cmd.Flags().StringVar(&server, "dns", "", "name server to ask, `host:port` (default: those of /etc/resolv.conf)")
	cmd.Flags().DurationVar(&every, "every", 5*time.Millisecond, "time between two questions for a name")
	return cmd
}

func follow(ctx context.Context, server string, names []string, every time.Duration, out io.Writer) error {
	return witness.FollowNames(ctx, witness.Resolver(server), names, every, time.Now, out)
}
