package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/query"
	"quorate.dev/quorate/planner/preflight"
	"quorate.dev/quorate/regions/reach"
)

const (
	// probeAttempts is how often a connection is opened; the fastest counts.
	probeAttempts = 3
	// probeAttempt is how long one may take.
	probeAttempt = 3 * time.Second
)

// probeCommand is what `preflight --probe-image` runs inside the clusters.
func (a *app) probeCommand() *cobra.Command {
	cmd := groupCommand("probe", "What `quorate preflight` runs in pods", a.probeListenCommand(), a.probeReachCommand())
	cmd.Hidden = true
	return cmd
}

func (a *app) probeListenCommand() *cobra.Command {
	var ports []int
	cmd := &cobra.Command{
		Use:     "listen",
		Short:   "Accept TCP connections, and close them, until interrupted",
		Long:    "listen is what the pods of `quorate preflight --probe-image` do until they are ended.",
		Example: "  quorate probe listen --port 26257 --port 8080",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(ports) == 0 {
				return invalidInput{errors.New("--port is missing: name the ports to listen on")}
			}
			return reach.Listen(cmd.Context(), ports, func() { fmt.Fprintf(a.err, "listening on %v\n", ports) })
		},
	}
	cmd.Flags().IntSliceVar(&ports, "port", nil, "a `port` to listen on; once for each")
	return cmd
}

func (a *app) probeReachCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reach KIND=TARGET...",
		Short: "Open connections and ask for names, all at once, and print what came of it",
		Long: "reach answers each question with one line: its kind, its target, ok or failed, and microseconds or the reason,\n" +
			"with tabs between. Kinds: tcp=ADDRESS:PORT, name=NAME for the resolver of this machine, and authority=HOST:PORT/NAME for a\n" +
			"name server that must speak for the zone of the name.",
		Example: "  quorate probe reach tcp=10.1.0.4:26257 name=kubernetes.default.svc authority=10.0.0.53:53/join-0.bank.db.example.com",
		Args:    cobra.ArbitraryArgs,
		RunE:    func(cmd *cobra.Command, args []string) error { return a.reach(cmd.Context(), args) },
	}
}

func (a *app) reach(ctx context.Context, questions []string) error {
	ctx, cancel := context.WithTimeout(ctx, (probeAttempts+1)*probeAttempt)
	defer cancel()
	answers := make([]preflight.Answer, len(questions))
	var group sync.WaitGroup
	for i, question := range questions {
		kind, target, _ := strings.Cut(question, "=")
		group.Go(func() {
			answers[i] = preflight.Answer{Kind: kind, Target: target}
			var err error
			switch kind {
			case preflight.AskTCP:
				answers[i].RTT, err = reach.RoundTrip(ctx, target, probeAttempts, probeAttempt, a.now)
			case preflight.AskName:
				_, err = net.DefaultResolver.LookupHost(ctx, target)
			case preflight.AskAuthority:
				err = speaksFor(ctx, target)
			default:
				err = fmt.Errorf("%q is no question: tcp, name or authority", kind)
			}
			if err != nil {
				answers[i].Error = err.Error()
			}
		})
	}
	group.Wait()
	for _, answer := range answers {
		if _, err := a.out.Write([]byte(answer.Line())); err != nil {
			return fmt.Errorf("print the answers: %w", err)
		}
	}
	return nil
}

// speaksFor asks a name server, over UDP, for a name that it must have authority over; whether the name exists is no matter.
func speaksFor(ctx context.Context, target string) error {
	server, name, _ := strings.Cut(target, "/")
	ctx, cancel := context.WithTimeout(ctx, probeAttempt)
	defer cancel()
	answer, err := query.Client{}.LookupAddresses(ctx, server, dns.Canonical(name))
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("no answer within %s", probeAttempt)
	case err != nil:
		return err
	case answer.Authoritative:
		return nil
	}
	return fmt.Errorf("it answers %s, without authority over the zone", cmp.Or(answer.Rcode, "nothing"))
}
