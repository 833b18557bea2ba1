package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"quorate.dev/quorate/planner/access"
	"quorate.dev/quorate/regions"
)

// rbacOptions are the flags of quorate rbac.
type rbacOptions struct{ mode, cluster, user, group, account string }

func (a *app) rbacCommand() *cobra.Command {
	var o rbacOptions
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the least rights that a use of quorate needs, as RBAC objects",
		Long: "rbac prints, for each cluster, a Role and a RoleBinding in the deployment's namespace, and a ClusterRole\n" +
			"and a ClusterRoleBinding for the little that lies in none. The rights follow from the topology and the\n" +
			"overlays; every rule says what it is for. No cluster is contacted. The namespace must exist before the\n" +
			"Role can be made in it.\n\n" +
			"Modes: read-only (status; plan without dry runs), plan (with server-side dry runs, which the API server\n" +
			"authorizes like writes), apply, preflight, probe (preflight that looks from inside pods), dns-serve (dns serve\n" +
			"outside the clusters; dns records, plan and apply), dns-sync, dns-verify, dns-stub (dns stub, which writes to\n" +
			"the DNS in kube-system).",
		Example: "  quorate rbac --mode apply --cluster use1 --user jane | kubectl --context use1 apply -f -\n" +
			"  quorate rbac --mode read-only --group watchers\n" +
			"  quorate rbac --mode apply --service-account ci:deployer --cluster use1",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.rbac(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.mode, "mode", string(access.Apply), "what the subject is to do: "+modeNames())
	flags.StringVar(&o.cluster, "cluster", "", "the `cluster` whose objects are printed (default: all)")
	flags.StringVar(&o.user, "user", "", "the subject: a user's `name`, as the clusters know it")
	flags.StringVar(&o.group, "group", "", "the subject: a group's `name`")
	flags.StringVar(&o.account, "service-account", "", "the subject: a ServiceAccount, as `namespace:name`")
	cmd.MarkFlagsMutuallyExclusive("user", "group", "service-account")
	return cmd
}

func modeNames() string {
	var names []string
	for _, m := range access.Modes() {
		names = append(names, string(m))
	}
	return strings.Join(names, ", ")
}

func (a *app) rbac(ctx context.Context, o rbacOptions) error {
	mode := access.Mode(o.mode)
	if !slices.Contains(access.Modes(), mode) {
		return invalidInput{fmt.Errorf("--mode %q is not known: %s", o.mode, modeNames())}
	}
	subject, err := o.subject()
	if err != nil {
		return invalidInput{err}
	}
	if a.json() {
		return invalidInput{errors.New("rbac prints YAML: leave --output json out")}
	}
	d, err := a.load(ctx)
	if err != nil {
		return err
	}
	clusters := d.topology.OrderedClusters()
	if o.cluster != "" {
		clusters = slices.DeleteFunc(slices.Clone(clusters), func(c regions.Cluster) bool { return c.Name != o.cluster })
		if len(clusters) == 0 {
			return invalidInput{fmt.Errorf("--cluster %s: %s has no cluster of that name, only %s", o.cluster, d.file, strings.Join(d.clusterNames(), ", "))}
		}
	}
	var out bytes.Buffer
	for i, c := range clusters {
		if i > 0 {
			out.WriteString("---\n")
		}
		site := d.site(c)
		fmt.Fprintf(&out, "# cluster %s\n%s", c.Name, access.Manifest(mode, site, access.Needs(mode, site), subject))
	}
	if _, err := a.out.Write(out.Bytes()); err != nil {
		return fmt.Errorf("print the rights: %w", err)
	}
	return nil
}

func (o rbacOptions) subject() (access.Subject, error) {
	switch {
	case o.user != "":
		return access.Subject{Kind: "User", Name: o.user}, nil
	case o.group != "":
		return access.Subject{Kind: "Group", Name: o.group}, nil
	case o.account != "":
		namespace, name, ok := strings.Cut(o.account, ":")
		if !ok || namespace == "" || name == "" {
			return access.Subject{}, fmt.Errorf("--service-account %q: write it as namespace:name", o.account)
		}
		return access.Subject{Kind: "ServiceAccount", Name: name, Namespace: namespace}, nil
	}
	return access.Subject{}, errors.New("nobody to give the rights to: name one with --user, --group or --service-account")
}
