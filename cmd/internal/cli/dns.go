package cli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/planner"
)

func (a *app) dnsCommand() *cobra.Command {
	records := &cobra.Command{
		Use:   "records",
		Short: "Print the records that the clusters' pods call for now",
		Long: "records reads the EndpointSlices of every cluster and prints what an authority that has read them all\n" +
			"answers: a name for every replica, cluster and region, the seeds, and SRV records for discovery. It serves\n" +
			"nothing and changes nothing; the records of a cluster that does not answer are missing, and it exits 17.",
		Example: "  quorate dns records\n  quorate dns records --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsRecords(cmd.Context()) },
	}
	return groupCommand("dns", "Names of replicas: print them, serve them, write them into your own name servers, prove them",
		records, a.dnsPlanCommand(), a.dnsApplyCommand(), a.dnsSyncCommand(), a.serveCommand(), a.verifyCommand(), a.credentialsCommand(), a.stubCommand())
}

// authorityFor connects and makes a server for the zone; its slots are those
// recorded. A standing one follows silent clusters too, in case they come back.
func (a *app) authorityFor(ctx context.Context, standing bool, more ...serveOption) (*wired, []planner.Observation, *serve.Server, error) {
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
	more = append(more, func(c *serve.Config) { c.SeedsUnknown = seedsKnown(observed, silence(observed)) != nil })
	server, err := w.server(ctx, planner.Slots(w.input(observed)), names, more...)
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
	var text bytes.Buffer // a zone file that is cut short is none
	if a.json() {
		err = view.RecordsJSON(&text, w.topology.Spec.DNS.Zone, records, unread(observed))
	} else {
		view.Records(&text, a.style(), w.topology.Spec.DNS.Zone, records)
	}
	if _, writeErr := a.out.Write(text.Bytes()); err == nil && writeErr != nil {
		err = fmt.Errorf("print the records: %w", writeErr)
	}
	return cmp.Or(err, silence(observed))
}

// unread are the clusters that do not answer, and why.
func unread(observed []planner.Observation) map[string]string {
	out := map[string]string{}
	for _, o := range observed {
		if o.Unreachable != "" {
			out[o.Cluster] = o.Unreachable
		}
	}
	return out
}
