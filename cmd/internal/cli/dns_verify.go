package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
)

// verifyOptions are the flags of dns verify.
type verifyOptions struct {
	resolvers    []string
	fromClusters bool
	addresses    bool // alone
	wait         time.Duration
}

func (a *app) verifyCommand() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Ask every authority and resolver for every name, and say which answers are not right",
		Long: "verify asks every authority of the topology (spec.dns.authorities, the primaries that are updated, those inside\n" +
			"the clusters) and every named resolver for every name, from here, and with --from-clusters a replica of every\n" +
			"cluster too, by getent or nslookup in its container: addresses, the SRV records for discovery, and PTR records\n" +
			"where reverseZones are named; replicas are asked for addresses alone. It prints what each of them knows of each\n" +
			"cluster's names, and exits 1 where an answer is not exactly what the clusters call for now, or nothing can be asked.\n" +
			"Names whose pods are away are not asked for, nor those of a cluster that does not answer: then it exits 17. A\n" +
			"resolver may answer from its cache until the lifetime of a record is over: --wait asks again for so long.",
		Example: "  quorate dns verify\n  quorate dns verify --from-clusters --wait 30s\n  quorate dns verify --resolver 10.0.0.2:53 --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsVerify(cmd.Context(), o) },
	}
	cmd.Flags().StringArrayVar(&o.resolvers, "resolver", nil, "a resolver to be asked too, `host:port` (repeatable)")
	cmd.Flags().BoolVar(&o.fromClusters, "from-clusters", false, "ask in a replica of every cluster too")
	cmd.Flags().BoolVar(&o.addresses, "addresses", false, "ask for addresses alone: a chain of stub-domains has no SRV and no PTR records")
	cmd.Flags().DurationVar(&o.wait, "wait", 0, "ask again for what is not right, for at most so long")
	return cmd
}

func (o verifyOptions) check() error {
	for _, resolver := range o.resolvers {
		if host, port, err := net.SplitHostPort(resolver); err != nil || host == "" || port == "" {
			return advised{invalidInput{fmt.Errorf("--resolver %q is not host:port", resolver)}, "write it as 10.0.0.2:53 or [fd00::2]:53"}
		}
	}
	if o.wait < 0 {
		return invalidInput{fmt.Errorf("--wait %s is below zero", o.wait)}
	}
	return nil
}

func (a *app) dnsVerify(ctx context.Context, o verifyOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	w, err := a.ready(ctx)
	if err != nil {
		return err
	}
	defer w.closeTunnels()
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	asked := w.vantages(observed, o.resolvers, o.fromClusters)
	if len(asked) == 0 {
		return advised{invalidInput{fmt.Errorf("%s names no authority, so there is nobody to ask", w.file)}, "list it under spec.dns.authorities, or pass --resolver or --from-clusters"}
	}
	wanted, err := w.wantedNow(ctx, observed)
	if err != nil {
		return err
	}
	m := newMatrix(w.topology, wanted, w.reverseZones(), asked)
	if o.addresses {
		m.addressesAlone()
	}
	m.doc.Unread = unread(observed)
	if err := m.askPatiently(ctx, w.narration, a.now, o.wait); err != nil {
		return err
	}
	doc := m.document()
	if a.json() {
		err = view.MatrixJSON(a.out, doc)
	} else {
		view.Matrix(a.out, a.style(), doc)
	}
	if err != nil {
		return err
	}
	if len(m.names) == 0 {
		return cmp.Or(silence(observed), error(advised{errors.New("nothing is proven: no name has an address now"), "see `quorate status`: are the replicas there?"}))
	}
	if doc.Wrong() {
		return advised{errors.New("not every name is answered rightly"), w.mendHoles(doc)}
	}
	return silence(observed)
}

// mendHoles is what to do about what is not right.
func (w *wired) mendHoles(doc view.MatrixDocument) string {
	switch {
	case len(doc.Holes) == 0:
		return "see that what is named above runs, and may be asked from here; then run the same command again"
	case len(w.topology.Updated()) > 0:
		return "see above where; `quorate dns plan` tells what differs in the zones, `quorate status` what the clusters hold"
	}
	return "see above where; `quorate dns records` tells what the clusters call for, `quorate status` what they hold"
}
