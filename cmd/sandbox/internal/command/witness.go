package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/sandbox/internal/witness"
)

// witness is `sandbox witness`.
func (a *app) witness() *cobra.Command {
	cmd := &cobra.Command{Use: "witness", Short: "A client that writes to etcd all the time, and what it saw"}
	cmd.AddCommand(a.witnessWrite(), a.witnessJudge(), a.witnessNames())
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

func (a *app) witnessJudge() *cobra.Command {
	var from, to string
	cmd := &cobra.Command{
		Use:   "judge LOG",
		Short: "Say what a witness saw; exit 1 if an acknowledged write was lost or nothing was read back",
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := os.Open(args[0])
			if err != nil {
				return fmt.Errorf("open the witness's log: %w", err)
			}
			defer func() { _ = file.Close() }()
			return judge(a.stdout, file, from, to)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "only from this `time` on (RFC 3339)")
	cmd.Flags().StringVar(&to, "to", "", "only up to this `time` (RFC 3339)")
	return cmd
}

func judge(out io.Writer, log io.Reader, from, to string) error {
	begin, beginErr := instant(from)
	end, endErr := instant(to)
	if err := errors.Join(beginErr, endErr); err != nil {
		return err
	}
	entries, err := witness.ReadLog(log)
	if err != nil {
		return err
	}
	verdict := witness.Judge(entries, begin, end)
	fmt.Fprintf(out, "acknowledged %d, lost %d, failed writes %d, failed reads %d, longest gap %s\n",
		verdict.Acknowledged, len(verdict.Lost), verdict.Failed, verdict.FailedReads, verdict.LongestGap.Round(time.Millisecond))
	switch {
	case len(verdict.Lost) > 0:
		return fmt.Errorf("acknowledged writes were lost: %v", verdict.Lost)
	case !verdict.Checked:
		return errors.New("the log does not end with a look at every key: nothing is known about lost writes")
	}
	return nil
}

// instant reads a time that may be left out.
func instant(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, fmt.Errorf("read a time: %w", err)
	}
	return at, nil
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
