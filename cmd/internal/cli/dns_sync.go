package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// syncOptions are the flags of dns sync.
type syncOptions struct {
	alone  bool   // without a Lease
	home   string // the cluster of the Lease
	health string
	zones  dns.Options
}

func (a *app) dnsSyncCommand() *cobra.Command {
	var o syncOptions
	cmd := &cobra.Command{
		Use:   "sync",
		Short: "Keep the zones of the primaries that are updated true, for as long as it runs",
		Long: "sync watches every cluster and writes what changes into the zones of every rfc2136 publisher, within a fraction\n" +
			"of a second, and reads the zones anew every five minutes. Several may run: one leads, by a Lease in the home\n" +
			"cluster, and a second writer is harmless all the same, since every change is conditional on what the zone holds. A\n" +
			"cluster that cannot be read keeps its records; a server that is down holds up no other. It runs until it is interrupted.",
		Example: "  quorate dns sync\n  quorate dns sync --home use1 --health 127.0.0.1:8080\n  quorate dns sync --no-lease",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsSync(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.alone, "no-lease", false, "write without an election: for a standby elsewhere, or where one process runs for certain")
	flags.StringVar(&o.home, "home", "", "the `cluster` whose Lease elects the writer (default: the first one in rollout order)")
	flags.StringVar(&o.health, "health", "", "`host:port` to answer /livez, /readyz and /metrics on (default: nowhere)")
	zoneFlags(cmd, &o.zones)
	return cmd
}

func (a *app) dnsSync(ctx context.Context, o syncOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	w, targets, err := a.readyToPublish(ctx)
	if err != nil {
		return err
	}
	elector, err := a.elector(w, o, targets)
	if err != nil {
		return err
	}
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	if err := wrongClusters(w, observed); err != nil {
		return err
	}
	server, err := w.server(ctx, nil, w.names())
	if err != nil {
		return err
	}
	slots := &recordedSlots{w: w, server: server, known: make(chan struct{})}
	writer, err := w.writer(&followed{w: w, server: server, slotsKnown: slots.waitFor}, targets, elector, o.zones)
	if err != nil {
		return err
	}
	a.tellUnread(observed)
	if elector == nil {
		fmt.Fprintln(a.err, writes(targets))
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx) })
	group.Go(func() error { slots.follow(ctx); return nil })
	group.Go(func() error { return writer.Run(ctx) })
	if o.health != "" {
		listener, err := listenHealth(ctx, o.health)
		if err != nil {
			return err
		}
		group.Go(func() error { return serveWriterHealth(ctx, listener, writer) })
	}
	return group.Wait()
}

// tellUnread names the clusters that do not answer at the start.
func (a *app) tellUnread(observed []planner.Observation) {
	for _, o := range observed {
		if o.Unreachable != "" {
			fmt.Fprintf(a.err, "%s does not answer yet; its records stay as they are until it does: %s\n", o.Cluster, o.Unreachable)
		}
	}
}

// check refuses flags that cannot be meant so.
func (o syncOptions) check() error {
	if o.alone && o.home != "" {
		return advised{invalidInput{errors.New("--home names the cluster of the Lease, and --no-lease asks for none")}, "pass one of them"}
	}
	if _, port, err := net.SplitHostPort(o.health); o.health != "" && (err != nil || port == "") {
		return advised{invalidInput{fmt.Errorf("--health %q is not host:port", o.health)}, "write it as 127.0.0.1:8080"}
	}
	return nil
}

// writes says which zones are kept true, and where.
func writes(targets []sync.Target) string {
	var lines []string
	for _, t := range targets {
		lines = append(lines, fmt.Sprintf("writing %s into %s", strings.Join(t.Zones(), ", "), t.Server))
	}
	return strings.Join(lines, "\n")
}

// elected lets one process of several write, by a Lease in the home cluster.
type elected struct {
	w            *wired
	home, holder string
	say          func(line string)
	writes       string // what this process says when it leads
}

var _ sync.Elector = elected{}

// Lead calls lead whenever this process leads.
func (e elected) Lead(ctx context.Context, lead func(context.Context)) error {
	name, namespace := regions.WriterName(e.w.topology.Metadata.Name), e.w.scopes[e.home].Namespace
	lease := fmt.Sprintf("Lease %s/%s in %s", namespace, name, e.home)
	e.say("one writes at a time, by " + lease)
	return e.w.clusters[e.home].Elect(ctx, namespace, name, e.holder, func(ctx context.Context) {
		e.say(e.writes)
		lead(ctx)
		if ctx.Err() != nil {
			e.say("this process does not write any more")
		}
	}, func(leader string) { e.say("standing by: " + leader + " writes, as it holds " + lease) })
}

// elector is that of the flags; nil: none.
func (a *app) elector(w *wired, o syncOptions, targets []sync.Target) (sync.Elector, error) {
	if o.alone {
		return nil, nil
	}
	home := o.home
	if home == "" {
		home = w.names()[0]
	}
	if w.clusters[home] == nil {
		return nil, advised{invalidInput{fmt.Errorf("--home %s: the topology has no cluster of that name", home)}, "name one of " + strings.Join(w.names(), ", ")}
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	suffix, err := a.runID()
	if err != nil {
		return nil, err
	}
	say := func(line string) { fmt.Fprintln(a.err, line) }
	return elected{w: w, home: home, holder: host + "_" + suffix, say: say, writes: writes(targets)}, nil
}
