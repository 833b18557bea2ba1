package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	"github.com/spf13/cobra"

	"quorate.dev/quorate/kustomize/adopt"
	"quorate.dev/quorate/planner"
)

// formerManagers are the field managers of the tools by which people make objects: server-side and client-side
// `kubectl apply`, `create`, `edit` and the like (kubectl names them kubectl-<command>), and Helm.
func formerManagers() []string {
	return []string{
		"helm", "kubectl", "kubectl-annotate", "kubectl-client-side-apply", "kubectl-create", "kubectl-edit", "kubectl-label",
		"kubectl-patch", "kubectl-replace", "kubectl-rollout", "kubectl-set",
	}
}

// adoption is what `quorate adopt` was asked for.
type adoption struct {
	clusters   []string // NAME=CONTEXT@REGION
	namespaces []string // NAMESPACE or CLUSTER=NAMESPACE
	takeFrom   []string
	dir        string
	options    adopt.Options
	dryRun     bool
	approved   bool
}

func (a *app) adoptCommand() *cobra.Command {
	var o adoption
	cmd := &cobra.Command{
		Use:   "adopt",
		Short: "Take over a database that runs already, without restarting a replica",
		Long: "adopt reads a StatefulSet database that others made (kubectl, Helm, scripts) in all its clusters, and writes a\n" +
			"topology and a kustomize base that reproduce it; then it shows the plan that takes it over: whose fields become\n" +
			"quorate's, what differs, what is recorded. Approved, the plan is run; no pod restarts by it. Secrets are neither\n" +
			"read nor copied. Files that are there already are never overwritten. The same command again goes on where it stopped.",
		Example: "  quorate adopt --cluster use1=prod-east@us-east1 --cluster usw1=prod-west@us-west1 --namespace bank --zone bank.db.example.com -o bank\n" +
			"  quorate adopt --cluster use1=prod-east@us-east1 --zone bank.db.example.com --auto-approve  # where nobody can be asked\n" +
			"  quorate plan -f bank/topology.yaml  # afterwards: nothing to do",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.adopt(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.clusters, "cluster", nil, "a cluster as `NAME=CONTEXT@REGION`; once for each")
	flags.StringArrayVar(&o.namespaces, "namespace", nil, "the database's `namespace`, or CLUSTER=NAMESPACE where clusters differ (default: default)")
	flags.StringArrayVar(&o.options.Sets, "statefulset", nil, "the database's StatefulSet by `name`; needed where a namespace holds several")
	flags.StringVar(&o.options.Name, "name", "", "the deployment's `name` (default: the StatefulSet's)")
	flags.StringVar(&o.options.Zone, "zone", "", "the DNS `zone` in which replicas get names beside their own")
	flags.StringArrayVar(&o.options.Authorities, "authority", nil, "a name server of the zone, `host:port`; needed outside of a sandbox before anything runs")
	flags.StringVar(&o.options.Model, "model", "", "how a database that quorate does not know survives failures: none, or `quorum-group` where every replica votes in one group")
	flags.StringArrayVar(&o.takeFrom, "take-from", nil, "a further field `manager` whose fields are taken over, beside kubectl's and Helm's")
	flags.StringVarP(&o.dir, "output-dir", "o", "adopted", "the `directory` for topology.yaml and base")
	flags.BoolVar(&o.dryRun, "dry-run", false, "write the files and show the plan, without asking")
	flags.BoolVar(&o.approved, "auto-approve", false, "run without asking")
	return cmd
}

func (a *app) adopt(ctx context.Context, o adoption) error {
	clusters, err := o.places()
	if err != nil {
		return invalidInput{err}
	}
	if err := a.find(ctx, clusters); err != nil {
		return err // of all clusters: those that gave no answer
	}
	result, err := adopt.Files(clusters, o.options)
	if err != nil {
		return unadoptable(err)
	}
	if err := writeNew(o.dir, result.Files); err != nil {
		return invalidInput{err}
	}
	file := filepath.Join(o.dir, "topology.yaml")
	a.settings.Set("file", file)
	fmt.Fprintf(a.err, "%s and %s reproduce what runs\n", file, filepath.Join(o.dir, "base"))
	for _, note := range result.Notes {
		fmt.Fprintln(a.err, "note: "+note)
	}
	return a.takeOver(ctx, o, file)
}

// takeOver shows the plan that takes the database over, and runs it once it is approved.
func (a *app) takeOver(ctx context.Context, o adoption, file string) error {
	w, observed, err := a.lookTakingOver(ctx, slices.Concat(formerManagers(), o.takeFrom))
	if err != nil {
		return err
	}
	plan := planner.Build(w.input(observed))
	if err := a.announce(plan); err != nil {
		return err
	}
	if err := runnable(plan); err != nil {
		return advised{err, "mend what was refused above, and run the same command again; " + file + " is written"}
	}
	if plan.Empty() {
		return nil
	}
	if n := plan.Summary.Disruptive; n > 0 {
		return unsafePlan{fmt.Errorf("taking the database over would restart replicas (%d), and adopting never does: look at the differences above, correct %s, and run `quorate apply -f %s` when they are what you want (nothing was changed)", n, o.dir, file)}
	}
	switch {
	case o.approved && !o.dryRun:
	case o.dryRun || !a.inTerminal:
		fmt.Fprintln(a.err, "nothing was changed; the same command with --auto-approve takes the database over")
		return nil
	default:
		if err := a.ask(ctx, "Take the database over? Only 'yes' does: "); err != nil {
			return err
		}
	}
	if err := a.runPlan(ctx, w, observed, plan); err != nil {
		return err
	}
	fmt.Fprintf(a.err, "taken over; from here on: quorate plan -f %s\n", file)
	return nil
}

// unadoptable gives an error its exit code: what has to be mended in the database first is unsafe, not bad input.
func unadoptable(err error) error {
	var unfit *adopt.Unfit
	if !errors.As(err, &unfit) {
		return invalidInput{err}
	}
	var text strings.Builder
	text.WriteString("it cannot be adopted as it is (nothing was written or changed):")
	for _, problem := range unfit.Problems.Errors {
		text.WriteString("\n  " + problem.Error())
	}
	return advised{unsafePlan{errors.New(text.String())}, "mend that in the clusters, then run the same command again"}
}

// places reads the clusters and namespaces; all problems come together.
func (o adoption) places() ([]adopt.Cluster, error) {
	var out []adopt.Cluster
	var problems *multierror.Error
	for _, text := range o.clusters {
		name, rest, named := strings.Cut(text, "=")
		i := strings.LastIndex(rest, "@") // a context may hold one too
		if !named || name == "" || i < 1 || i == len(rest)-1 {
			problems = multierror.Append(problems, fmt.Errorf("--cluster %q: write NAME=CONTEXT@REGION, such as use1=prod-east@us-east1", text))
			continue
		}
		out = append(out, adopt.Cluster{Name: name, Context: rest[:i], Region: rest[i+1:], Namespace: "default"})
	}
	if len(o.clusters) == 0 {
		problems = multierror.Append(problems, errors.New("--cluster is missing: name every cluster in which the database runs, NAME=CONTEXT@REGION"))
	}
	if o.options.Zone == "" {
		problems = multierror.Append(problems, errors.New("--zone is missing: name a DNS zone of your own, such as bank.db.example.com; replicas get names in it beside their own"))
	}
	problems = multierror.Append(problems, o.place(out)...)
	return out, problems.ErrorOrNil()
}

// place sets the namespaces, those for one cluster last.
func (o adoption) place(clusters []adopt.Cluster) []error {
	var errs []error
	own := map[string]string{}
	for _, text := range o.namespaces {
		cluster, namespace, one := strings.Cut(text, "=")
		known := slices.ContainsFunc(clusters, func(c adopt.Cluster) bool { return c.Name == cluster })
		switch {
		case !one:
			for i := range clusters {
				clusters[i].Namespace = text
			}
		case !known:
			errs = append(errs, fmt.Errorf("--namespace %q: there is no --cluster %s", text, cluster))
		default:
			own[cluster] = namespace
		}
	}
	for i, c := range clusters {
		if namespace := own[c.Name]; namespace != "" {
			clusters[i].Namespace = namespace
		}
	}
	return errs
}
