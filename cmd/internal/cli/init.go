package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/discover"
	"quorate.dev/quorate/regions/kube"
)

// initFlags are what init is told on the command line.
type initFlags struct {
	discover.Choices
	contexts []string
	output   string // the file to write; - for standard output
}

func (a *app) initCommand() *cobra.Command {
	var f initFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Look at the clusters of a kubeconfig and write a first topology",
		Long: "init asks the cluster of each kubeconfig context, all at once, what it is: regions, zones, storage classes,\n" +
			"version. It writes a first topology in which a comment explains each choice. Two contexts of one cluster,\n" +
			"and clusters that do not answer, are in it as comments, with the reason. Nothing in any cluster is changed, and\n" +
			"an existing file is never overwritten.\n\n" +
			"What no cluster can tell is asked for on a terminal; elsewhere the flags say it.",
		Example: "  quorate init\n" +
			"  quorate init --name bank --dns-zone bank.db.example.com --image cockroachdb/cockroach:v25.4.1\n" +
			"  quorate init --context prod-us --context prod-eu --output-file -    # to standard output",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.contexts, "context", nil, "a kubeconfig `context` to ask; repeat it (default: all)")
	flags.StringVar(&f.Profile, "profile", "cockroachdb", "the database's `profile`: "+strings.Join(regions.ProfileNames(), ", "))
	flags.StringVar(&f.Name, "name", "", "the deployment's `name`")
	flags.StringVar(&f.Namespace, "namespace", "", "its `namespace` in each cluster (default: the name)")
	flags.StringVar(&f.Zone, "dns-zone", "", "the DNS `zone` in which replicas have their names")
	flags.StringArrayVar(&f.Authorities, "dns-authority", nil, "a name server (`host:port`) that serves the zone already; repeat it")
	flags.StringVar(&f.Image, "image", "", "the database's `image`, with a tag or digest")
	flags.StringVar(&f.Base, "base", "./base", "your kustomize `directory`, for profile generic")
	flags.IntVar(&f.Replicas, "replicas", 3, "replicas of each cluster")
	flags.StringVar(&f.Size, "storage", "100Gi", "the `size` of each replica's volume")
	flags.StringVar(&f.Class, "storage-class", "", "the StorageClass `name` (default: one that every cluster has)")
	flags.StringToStringVar(&f.Regions, "region", nil, "the region of a context whose nodes do not say theirs, `CONTEXT=REGION`; repeat it")
	flags.StringVar(&f.output, "output-file", "", "the `file` to write, - for standard output (default: that of -f)")
	return cmd
}

func (a *app) init(ctx context.Context, f initFlags) error {
	if f.output == "" {
		f.output = a.settings.GetString("file")
	}
	if _, err := os.Lstat(f.output); err == nil && f.output != "-" {
		return existingFile(f.output)
	}
	if f.output == "-" && a.json() {
		return invalidInput{errors.New("--output-file - and --output json both want standard output: name a file")}
	}
	if !slices.Contains(regions.ProfileNames(), f.Profile) {
		return invalidInput{fmt.Errorf("--profile: no built-in profile is named %q (%s)", f.Profile, regions.Suggest(f.Profile, regions.ProfileNames()))}
	}
	contexts, err := a.contexts(f.contexts)
	if err != nil {
		return err
	}
	if err := a.complete(ctx, &f.Choices); err != nil {
		return err
	}
	facts, silent, err := a.discover(ctx, contexts)
	if err != nil {
		return err
	}
	proposal := discover.Propose(f.Choices, facts, silent)
	if len(facts) == 0 {
		return unreachableClusters{fmt.Errorf("none of the kubeconfig's contexts gave a usable answer (%s); nothing was written", strings.Join(contexts, ", "))}
	}
	if len(proposal.Clusters) == 0 {
		return invalidInput{fmt.Errorf("no cluster can be part of a topology; nothing was written:\n%s", view.LeftOutText(proposal.LeftOut))}
	}
	return a.writeProposal(f.output, proposal)
}

// contexts are those that were named, once each and in their order, or all.
func (a *app) contexts(named []string) ([]string, error) {
	all, err := kube.Contexts(a.settings.GetString("kubeconfig"))
	if err != nil {
		return nil, invalidInput{err}
	}
	if len(named) == 0 {
		return all, nil
	}
	var out, unknown []string
	for _, name := range named {
		if !slices.Contains(all, name) {
			unknown = append(unknown, fmt.Sprintf("--context %s: the kubeconfig has no such context (%s)", name, regions.Suggest(name, all)))
		}
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(unknown) > 0 {
		return nil, invalidInput{errors.New(strings.Join(unknown, "\n"))}
	}
	return out, nil
}

// writeProposal writes the file, says what is in it and what is still missing. A file that is not valid
// yet is written too, since that is where one goes on, and exits 10.
func (a *app) writeProposal(path string, p discover.Proposal) error {
	if path == "-" {
		if _, err := a.out.Write(p.Text); err != nil {
			return err
		}
		view.ProposalText(a.err, view.Style{}, "the topology", p)
		return incomplete("the topology", p)
	}
	if err := createFile(path, p.Text); err != nil {
		return err
	}
	if a.json() {
		if err := view.ProposalJSON(a.out, path, p); err != nil {
			return err
		}
		return incomplete(path, p)
	}
	view.ProposalText(a.out, a.style(), path, p)
	return incomplete(path, p)
}

func incomplete(path string, p discover.Proposal) error {
	if n := len(p.Problems.Errors()); n > 0 {
		return invalidInput{fmt.Errorf("%s is not valid yet: mend what is listed, then run `quorate validate`", path)}
	}
	return nil
}
