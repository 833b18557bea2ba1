package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

func (a *app) credentialsCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "credentials",
		Short: "Let the authorities inside the clusters watch one another: issue and renew their tokens",
		Long: "credentials gives the authority inside each cluster a token for every other cluster, where it has none\n" +
			"or less than half of its lifetime is left. apply does the same; this command is for those who apply the\n" +
			"overlays by other means, and for a schedule. The tokens go straight from one API server into a Secret of\n" +
			"another cluster; none is printed or kept here. It takes no lock, and may run beside any other command.",
		Example: "  quorate dns credentials\n  quorate dns credentials --all --output json",
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.dnsCredentials(cmd.Context(), all) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "issue every token anew, whether it is due or not")
	return cmd
}

// What to do where the authority inside the clusters is missing, or cannot be shown the way.
const (
	setInCluster  = "set spec.dns.publish.serve.inCluster in the topology, and apply it"
	mendEndpoints = "set apiServer of each cluster named above in the topology, then run the same command again"
)

func (a *app) dnsCredentials(ctx context.Context, all bool) error {
	w, err := a.ready(ctx)
	switch {
	case err != nil:
		return err
	case w.topology.AuthorityInCluster() == nil:
		return advised{invalidInput{fmt.Errorf("%s: no authority runs inside the clusters", w.file)}, setInCluster}
	case w.unfit != nil:
		return advised{invalidInput{w.unfit}, mendEndpoints}
	}
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	if err := wrongClusters(w, observed); err != nil {
		return err
	}
	states := answered(observed)
	due := planner.CredentialsDue(w.topology, states)
	if all {
		due = everyCredential(w.topology, states)
	}
	granted, issueErr := w.issueAll(ctx, due)
	credentials := w.credentialsView(states, granted)
	if a.json() {
		err = credentials.JSON(a.out)
	} else {
		credentials.Text(a.out)
	}
	return errors.Join(err, issueErr, unlooked(states), silence(observed))
}

// answered are the states of the clusters that answered.
func answered(observed []planner.Observation) []regions.ClusterState {
	var out []regions.ClusterState
	for _, o := range observed {
		if o.Unreachable == "" {
			out = append(out, o.State)
		}
	}
	return out
}

// unlooked is the error of clusters whose credentials may not be read.
func unlooked(states []regions.ClusterState) error {
	var problems *multierror.Error
	for _, s := range states {
		if slices.Contains(s.NotLooked, regions.NotLookedCredentials) {
			problems = multierror.Append(problems, fmt.Errorf("cluster %s: %s may not be looked at: this kubeconfig context needs to get and patch that Secret", s.Cluster, regions.NotLookedCredentials))
		}
	}
	return problems.ErrorOrNil()
}

// everyCredential has every cluster that answered be given a token for every other one.
func everyCredential(t *regions.Topology, states []regions.ClusterState) []planner.DueCredentials {
	anew := make([]regions.ClusterState, len(states))
	for i, s := range states {
		if s.Authority != nil {
			forgotten := *s.Authority
			forgotten.Credentials = nil
			s.Authority = &forgotten
		}
		anew[i] = s
	}
	return planner.CredentialsDue(t, anew)
}

// issueAll gives every authority what is due, cluster by cluster; one cluster's failure
// does not keep the others from theirs.
func (w *wired) issueAll(ctx context.Context, due []planner.DueCredentials) (map[string][]kube.Grant, error) {
	granted := map[string][]kube.Grant{}
	var problems *multierror.Error
	for _, d := range due {
		grants, err := w.issue(ctx, d.Cluster, d.Peers)
		granted[d.Cluster] = grants
		problems = multierror.Append(problems, err)
	}
	return granted, problems.ErrorOrNil()
}

// issue asks each peer for a token and puts those that it gets into the Secret of the
// cluster, whatever became of the others. It gives back what the Secret now has anew.
func (w *wired) issue(ctx context.Context, cluster string, peers []string) ([]kube.Grant, error) {
	grants := make([]kube.Grant, len(peers))
	errs := make([]error, len(peers))
	var group errgroup.Group
	for i, peer := range peers {
		group.Go(func() error {
			grants[i], errs[i] = w.clusters[peer].Grant(ctx, w.scopes[peer], w.scopes[cluster].Authority.Watches[peer])
			return nil
		})
	}
	_ = group.Wait() // the goroutines report by slot
	var problems *multierror.Error
	var got []kube.Grant
	for i, peer := range peers {
		if errs[i] != nil {
			problems = multierror.Append(problems, fmt.Errorf("let the authority of %s watch %s: %w", cluster, peer, errs[i]))
			continue
		}
		got = append(got, grants[i])
	}
	if len(got) == 0 && len(peers) > 0 {
		return nil, problems.ErrorOrNil()
	}
	if err := w.clusters[cluster].StoreGrants(ctx, w.scopes[cluster], got); err != nil {
		return nil, multierror.Append(problems, fmt.Errorf("store what lets the authority of %s watch others: %w", cluster, err))
	}
	return got, problems.ErrorOrNil()
}

// credentialsView is what every authority holds now.
func (w *wired) credentialsView(states []regions.ClusterState, granted map[string][]kube.Grant) view.Credentials {
	out := view.NewCredentials(w.topology.Metadata.Name)
	for _, cluster := range w.names() {
		state := slices.IndexFunc(states, func(s regions.ClusterState) bool { return s.Cluster == cluster })
		for _, peer := range w.names() {
			if peer == cluster || state < 0 || slices.Contains(states[state].NotLooked, regions.NotLookedCredentials) {
				continue // unlooked and silence tell of these clusters
			}
			expires, action := time.Time{}, view.CredentialMissing
			if held := states[state].Authority.CredentialFor(peer); !held.Expires.IsZero() {
				expires, action = held.Expires, view.CredentialKept
			}
			for _, g := range granted[cluster] {
				if g.Cluster == peer {
					expires, action = g.Expires, view.CredentialIssued
				}
			}
			out.Add(cluster, peer, action, expires)
		}
	}
	return out
}
