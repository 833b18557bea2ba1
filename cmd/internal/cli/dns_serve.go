package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// serveOptions are the flags of `dns serve`.
type serveOptions struct {
	manifests bool
	cluster   string // of the manifests; empty: all
	inCluster inClusterOptions
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer for the zone, with authority, from watches of all clusters",
		Long: "serve is a standing authority for the deployment's zone: UDP and TCP, from EndpointSlice watches of\n" +
			"all clusters. A cluster that cannot be reached keeps its last known records; the names of one that was\n" +
			"never read are answered with SERVFAIL, never with NXDOMAIN. It runs until it is interrupted.\n\n" +
			"With --in-cluster it is the authority inside one cluster, as spec.dns.publish.serve.inCluster puts it\n" +
			"there: it watches that cluster by its pod's ServiceAccount and the others by the credentials that\n" +
			"quorate apply issues, and needs no more than EndpointSlices and the deployment's record. With --manifests\n" +
			"it serves nothing and prints the objects of that authority, as the overlays hold them.",
		Example: "  quorate dns serve\n  quorate dns serve --listen 127.0.0.1:5300\n  quorate dns serve --manifests --cluster use1",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.serve(cmd, o) },
	}
	flags := cmd.Flags()
	in := &o.inCluster
	flags.StringVar(&in.listen, "listen", "", fmt.Sprintf("`host:port` to answer on (default: spec.dns.publish.serve.listen; 127.0.0.1:%d with --in-cluster)", regions.AuthorityPort))
	flags.StringVar(&in.cluster, "in-cluster", "", "the `cluster` that this process runs in")
	flags.StringVar(&in.credentials, "credentials", regions.CredentialsDir, "with --in-cluster: the `directory` of the credentials for the other clusters; it may fill later")
	flags.StringVar(&in.health, "health", "", "`host:port` to answer /livez, /readyz and /metrics on (default: nowhere)")
	flags.StringToStringVar(&in.services, "service", nil, "with --in-cluster: the governing Service of each pool, as `pool=service`")
	in.standing.flags(flags)
	flags.BoolVar(&o.manifests, "manifests", false, "print the objects of the authority inside the clusters, and serve nothing")
	flags.StringVar(&o.cluster, "cluster", "", "with --manifests: the `cluster` whose objects are printed (default: all)")
	cmd.MarkFlagsMutuallyExclusive("manifests", "in-cluster")
	cmd.MarkFlagsMutuallyExclusive("manifests", "listen")
	return cmd
}

// serve chooses between the three things that the command does, and refuses flags that
// would have no effect.
func (a *app) serve(cmd *cobra.Command, o serveOptions) error {
	needs := map[string]string{"cluster": "manifests", "credentials": "in-cluster", "service": "in-cluster"}
	for _, flag := range []string{"cluster", "credentials", "service"} {
		if cmd.Flags().Changed(flag) && !cmd.Flags().Changed(needs[flag]) {
			return advised{invalidInput{fmt.Errorf("--%s has no effect without --%s", flag, needs[flag])}, fmt.Sprintf("add --%s or leave --%s out", needs[flag], flag)}
		}
	}
	if problem := o.inCluster.standing.useless(cmd.Flags(), o.manifests); problem != "" {
		return advised{invalidInput{errors.New(problem)}, "leave it out: what the authority inside the clusters keeps is in its manifests"}
	}
	switch {
	case o.manifests:
		return a.dnsManifests(cmd.Context(), o.cluster)
	case cmd.Flags().Changed("in-cluster"):
		return a.dnsServeInCluster(cmd.Context(), o.inCluster)
	}
	return a.dnsServe(cmd.Context(), o.inCluster)
}

func (a *app) dnsServe(ctx context.Context, o inClusterOptions) error {
	option, err := o.standing.option(a.log)
	if err := errors.Join(o.flagProblems(), err); err != nil {
		return advised{invalidInput{err}, "correct the flags; `quorate dns serve --help` tells what they mean"}
	}
	w, observed, server, err := a.authorityFor(ctx, true, option)
	if err != nil {
		return err
	}
	listen := o.listen
	if listen == "" {
		listen = listenAddress(w)
	}
	if listen == "" {
		return advised{invalidInput{errors.New("there is no address to listen on")}, "set spec.dns.publish.serve.listen in the topology, or pass --listen"}
	}
	address, err := server.Listen(ctx, listen)
	if err != nil {
		return advised{fmt.Errorf("serve zone %s: %w", w.topology.Spec.DNS.Zone, err), "end what listens there, or pass another address with --listen"}
	}
	health, err := healthListener(ctx, o.health)
	if err != nil {
		return advised{err, "end what listens there, or pass another address with --health"}
	}
	tellSilent(a.err, observed, server.Status())
	fmt.Fprintf(a.err, "serving %s at %s (UDP and TCP)\n", dns.Canonical(w.topology.Spec.DNS.Zone), address)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return server.Run(ctx) })
	slots := &recordedSlots{w: w, server: server, known: make(chan struct{})}
	group.Go(func() error { slots.follow(ctx); return nil })
	if health != nil {
		group.Go(func() error { return serve.ServeHealth(ctx, health, anyKnown(server), server.Metrics()) })
	}
	return group.Wait()
}

func listenAddress(w *wired) string {
	for _, p := range w.topology.Spec.DNS.Publish {
		if p.Serve != nil && p.Serve.Listen != "" {
			return p.Serve.Listen
		}
	}
	return ""
}
