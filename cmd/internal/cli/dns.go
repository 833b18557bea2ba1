package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
)

func (a *app) dnsCommand() *cobra.Command {
	records := &cobra.Command{
		Use:     "records",
		Short:   "Print the records that the clusters' pods call for now",
		Example: "  quorate dns records\n  quorate dns records --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsRecords(cmd.Context()) },
	}
	var listen string
	serve := &cobra.Command{
		Use:   "serve",
		Short: "Answer for the zone, with authority, from watches of all clusters",
		Long: "serve is a standing authority for the deployment's zone: UDP and TCP, from EndpointSlice watches of\n" +
			"all clusters. A cluster that cannot be reached keeps its last known records; the names of one that was\n" +
			"never read are answered with SERVFAIL, never with NXDOMAIN. It runs until it is interrupted.",
		Example: "  quorate dns serve\n  quorate dns serve --listen 127.0.0.1:5300",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsServe(cmd.Context(), listen) },
	}
	serve.Flags().StringVar(&listen, "listen", "", "`host:port` to answer on (default: spec.dns.publish.serve.listen)")
	return groupCommand("dns", "Names of replicas: print them, serve them", records, serve)
}

// authorityFor connects and makes a server for the zone; its slots are those
// recorded. A standing one follows silent clusters too, in case they come back.
func (a *app) authorityFor(ctx context.Context, standing bool) (*wired, []planner.Observation, *serve.Server, error) {
	w, observed, err := a.look(ctx, false)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := wrongClusters(w, observed); err != nil {
		return nil, nil, nil, err
	}
	names := w.names()
	if !standing {
		names = answering(observed)
	}
	server, err := w.server(planner.Slots(w.input(observed)), names)
	return w, observed, server, err
}

// dnsRecords prints what an authority that has read every cluster would serve.
func (a *app) dnsRecords(ctx context.Context) error {
	w, observed, server, err := a.authorityFor(ctx, false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	err = w.waitSynced(ctx, server)
	cancel()
	if err := errors.Join(err, <-ended); err != nil {
		return err
	}
	records := server.Zone().Records()
	if a.json() {
		err = view.RecordsJSON(a.out, w.topology.Spec.DNS.Zone, records)
	} else {
		view.Records(a.out, records)
	}
	return cmp.Or(err, silence(observed))
}

func (a *app) dnsServe(ctx context.Context, listen string) error {
	w, observed, server, err := a.authorityFor(ctx, true)
	if err != nil {
		return err
	}
	if listen == "" {
		listen = listenAddress(w)
	}
	if listen == "" {
		return invalidInput{errors.New("no address to listen on: set spec.dns.publish.serve.listen or pass --listen")}
	}
	address, err := server.Listen(ctx, listen)
	if err != nil {
		return fmt.Errorf("serve zone %s: %w", w.topology.Spec.DNS.Zone, err)
	}
	for _, o := range observed {
		if o.Unreachable != "" {
			fmt.Fprintf(a.err, "%s does not answer yet; its names are answered with SERVFAIL until it does: %s\n", o.Cluster, o.Unreachable)
		}
	}
	fmt.Fprintf(a.err, "serving %s at %s (UDP and TCP)\n", dns.Canonical(w.topology.Spec.DNS.Zone), address)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go w.followSlots(ctx, server)
	return server.Run(ctx)
}

func listenAddress(w *wired) string {
	for _, p := range w.topology.Spec.DNS.Publish {
		if p.Serve != nil {
			return p.Serve.Listen
		}
	}
	return ""
}
