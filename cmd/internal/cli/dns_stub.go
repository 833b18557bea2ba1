package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns/stub"
)

// stubOptions are the flags of `dns stub`.
type stubOptions struct {
	flavour   string
	clusters  []string
	to        []string // servers of the zone
	chain     bool
	addresses []string // CLUSTER=IP[:PORT] of the clusters' DNS
	corefile  string   // a file in place of the live ConfigMap
	values    string   // a file of the EKS add-on's configuration values
	configMap string
	apply     bool
	remove    bool
	check     bool
	force     bool
	approved  bool
}

func (a *app) stubCommand() *cobra.Command {
	var o stubOptions
	cmd := &cobra.Command{
		Use:   "stub",
		Short: "Lead the clusters' own DNS to the names of the replicas: show, write, check or remove the entry",
		Long: "stub shows the entry that makes the DNS of each cluster answer the deployment's names: one marked part of\n" +
			"CoreDNS's Corefile, a key of AKS's coredns-custom, the Corefile in the configuration values of the EKS\n" +
			"add-on, or stubDomains of kube-dns. Everything else there stays byte for byte. It sends the zone to the\n" +
			"authority: the one inside the cluster (dnsServers), those of spec.dns.authorities, or --to.\n\n" +
			"With --chain no authority is needed: each cluster's CoreDNS serves the names of its own replicas, and\n" +
			"forwards those of the others to the DNS addresses that --dns-address names.\n\n" +
			"Nothing is written without --apply, and nothing with it where an entry would take names from somebody,\n" +
			"would make a loop, or was changed by another hand: that is refused, and it exits 12. --check exits 1 unless\n" +
			"the entry stands as it should in every cluster: an upgrade of an add-on may have taken it out. It exits 17\n" +
			"where a cluster does not answer; what concerns the others is done.",
		Example: "  quorate dns stub\n" +
			"  quorate dns stub --apply\n" +
			"  quorate dns stub --check\n" +
			"  quorate dns stub --chain --dns-address use1=10.1.0.53 --dns-address euw1=10.2.0.53\n" +
			"  quorate dns stub --cluster use1 --corefile Corefile > Corefile.new",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.dnsStub(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.flavour, "flavour", "", "what the clusters' DNS is: "+flavourNames()+" (default: as their ConfigMaps tell)")
	flags.StringSliceVar(&o.clusters, "cluster", nil, "the `cluster` that is looked at; once for each (default: all)")
	flags.StringSliceVar(&o.to, "to", nil, "`IP[:PORT]` of an authority that the zone is sent to; once for each")
	flags.BoolVar(&o.chain, "chain", false, "forward the names of each cluster to its own DNS, without an authority")
	flags.StringArrayVar(&o.addresses, "dns-address", nil, "with --chain: where the other clusters reach a cluster's DNS, as `CLUSTER=IP[:PORT]`; once for each")
	flags.StringVar(&o.corefile, "corefile", "", "print this `file` with the entry, and contact no cluster")
	flags.StringVar(&o.values, "values", "", "print this `file` of the EKS add-on's configuration values with the entry")
	flags.StringVar(&o.configMap, "config-map", "", "the `name` of the ConfigMap in kube-system (default: coredns, or kube-dns)")
	flags.BoolVar(&o.apply, "apply", false, "write what is shown, once it was approved")
	flags.BoolVar(&o.remove, "remove", false, "take the entry out")
	flags.BoolVar(&o.check, "check", false, "exit 1 unless the entry stands as it should in every cluster")
	flags.BoolVar(&o.force, "force", false, "overwrite what another hand has changed within the entry")
	flags.BoolVar(&o.approved, "auto-approve", false, "with --apply: write without asking")
	cmd.MarkFlagsMutuallyExclusive("check", "apply")
	cmd.MarkFlagsMutuallyExclusive("check", "remove")
	cmd.MarkFlagsMutuallyExclusive("to", "chain")
	return cmd
}

func flavourNames() string {
	var names []string
	for _, f := range stub.Flavours() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// validate refuses flags that contradict one another.
func (o stubOptions) validate(inTerminal bool) error {
	offline := o.corefile != "" || o.values != ""
	flavour := stub.Flavour(cmp.Or(o.flavour, string(stub.Corefile)))
	if o.values != "" {
		flavour = stub.Flavour(cmp.Or(o.flavour, string(stub.EKS)))
	}
	for _, rule := range []struct {
		broken     bool
		what, next string
	}{
		{!slices.Contains(stub.Flavours(), flavour), fmt.Sprintf("--flavour %q is not known", o.flavour), "use one of " + flavourNames()},
		{len(o.addresses) > 0 && !o.chain, "--dns-address has no effect without --chain", "add --chain or leave --dns-address out"},
		{o.approved && !o.apply, "--auto-approve has no effect without --apply", "add --apply or leave --auto-approve out"},
		{offline && (o.apply || o.check), "--corefile and --values look at files alone", "leave --apply and --check out"},
		{o.values != "" && flavour != stub.EKS, "--values are those of the EKS add-on", "leave --flavour out"},
		{offline && o.values == "" && flavour != stub.Corefile, "--corefile alone prints a Corefile", "leave --flavour out; for the EKS add-on pass --values, too"},
		{
			o.apply && !o.approved && !inTerminal, "stub would ask for approval, and standard input is no terminal",
			"look at `quorate dns stub`, then pass --auto-approve",
		},
	} {
		if rule.broken {
			return advised{invalidInput{errors.New(rule.what)}, rule.next}
		}
	}
	return nil
}

func (a *app) dnsStub(ctx context.Context, o stubOptions) error {
	if err := o.validate(a.inTerminal); err != nil {
		return err
	}
	if o.corefile != "" || o.values != "" {
		return a.stubOffline(ctx, o)
	}
	parts, err := a.stubParts(ctx, o)
	if err != nil {
		return err
	}
	if err := parts.show(a, o); err != nil {
		return err
	}
	switch {
	case o.check:
		return errors.Join(parts.silent, parts.unsettled())
	case !o.apply:
		parts.next(a, o)
		return errors.Join(parts.blocked(), parts.silent)
	}
	return a.applyStub(ctx, parts, o)
}

// applyStub writes the edits of all clusters, or, where one is refused, of none.
func (a *app) applyStub(ctx context.Context, parts stubParts, o stubOptions) error {
	if err := parts.refused(); err != nil {
		return err
	}
	changing := parts.changing()
	if len(changing) == 0 {
		fmt.Fprintln(a.err, "nothing to write")
		return parts.silent
	}
	if !o.approved {
		fmt.Fprintln(a.err)
		if err := a.ask(ctx, "Write this? Only 'yes' does: "); err != nil {
			return err
		}
	}
	var problems error
	for _, p := range changing {
		if err := p.write(ctx); err != nil {
			problems = errors.Join(problems, fmt.Errorf("%w (see what stands there: run the same command again)", err))
			continue
		}
		view.Lines(a.err, a.narrationStyle(), fmt.Sprintf("%s: %s was written; its DNS reads it again within two minutes or so\n", p.name, p.config))
	}
	return errors.Join(problems, parts.silent)
}
