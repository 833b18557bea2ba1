package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/access"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// site is what the rights in a cluster follow from, as far as the files tell.
func (d *deployment) site(c regions.Cluster) access.Site {
	hooks := d.profile.Hooks
	inside := d.topology.AuthorityInCluster() != nil
	return access.Site{
		Deployment: d.topology.Metadata.Name, Namespace: c.Namespace, Objects: d.desired[c.Name],
		AsksZoneCopy: d.topology.Spec.Locality.Zone == "podLabel",
		Inside:       inside, Serves: !inside && len(d.topology.NameServers()) == 0 || len(d.topology.Updated()) > 0,
		Execs: hooks.Init != nil || hooks.ClusterID != nil || hooks.Gate != nil || hooks.Handover != nil,
	}
}

// seen adds what was seen in the cluster.
func seen(site access.Site, o planner.Observation) access.Site {
	if o.Unreachable != "" {
		return site // with its namespace and record unknown, the most is needed; an authority may know better
	}
	site.CreatesNamespace = !o.State.NamespaceExists
	site.Recorded = o.State.Record.Exists
	site.Owned = o.State.Record.Inventory
	return site
}

// missingRights asks every cluster at once whether a mode may do what it has to, and names all that is
// missing in one error, with the command that prints it. A cluster that does not answer is left
// to whoever observes it.
func (w *wired) missingRights(ctx context.Context, mode access.Mode, observed []planner.Observation) error {
	missing := make([][]access.Need, len(observed))
	var group sync.WaitGroup
	for i, o := range observed {
		cluster, _ := w.topology.ClusterByName(o.Cluster)
		group.Go(func() {
			needs := access.Needs(mode, seen(w.site(cluster), o))
			lacking, err := w.clusters[o.Cluster].Lacking(ctx, access.Rights(needs))
			if _, silent := errors.AsType[*kube.Unreachable](err); silent {
				return // the observation says so already
			}
			if err != nil {
				w.log.WarnContext(ctx, "the own rights could not be reviewed", "cluster", o.Cluster, "err", err)
				return
			}
			missing[i] = access.Missing(needs, lacking)
		})
	}
	group.Wait()
	var problems *multierror.Error
	for i, needs := range missing {
		if len(needs) > 0 {
			problems = multierror.Append(problems, w.lackingError(observed[i].Cluster, mode, needs))
		}
	}
	return problems.ErrorOrNil()
}

// lackingError names the missing rights of one cluster, the verbs of an object together.
func (w *wired) lackingError(cluster string, mode access.Mode, needs []access.Need) error {
	var order []string
	verbs := map[string][]string{}
	for _, n := range needs {
		_, object, _ := strings.Cut(n.String(), " ")
		if verbs[object] == nil {
			order = append(order, object)
		}
		verbs[object] = append(verbs[object], n.Verb)
	}
	var text strings.Builder
	for _, object := range order {
		fmt.Fprintf(&text, "\n  %s %s", strings.Join(slices.Sorted(slices.Values(verbs[object])), ","), object)
	}
	return fmt.Errorf("cluster %s: the credentials of this kubeconfig context lack rights that %s needs:%s\n"+
		"  someone who may grant them prints them with: quorate rbac --mode %s --cluster %s --user NAME -f %s",
		cluster, mode, text.String(), mode, cluster, w.file)
}

// permitted refuses to run a plan for which rights are missing, before anything moves.
func (a *app) permitted(ctx context.Context, w *wired, observed []planner.Observation, plan *planner.Plan) error {
	if plan.Empty() && len(plan.Unreachable()) == 0 {
		return nil
	}
	if err := w.missingRights(ctx, access.Apply, observed); err != nil {
		return unsafePlan{fmt.Errorf("refused: rights are missing (nothing was changed): %w", err)}
	}
	return ctx.Err()
}

// foresee says of a plan which rights whoever applies it would lack, were it the one who plans. That is no failure: who
// plans need not be who applies.
func (a *app) foresee(ctx context.Context, w *wired, observed []planner.Observation, plan *planner.Plan) error {
	if w.readOnly || plan.Empty() && len(plan.Unreachable()) == 0 {
		return nil // a review is a POST
	}
	if err := w.missingRights(ctx, access.Apply, observed); err != nil {
		fmt.Fprintf(a.err, "these credentials could not apply the plan: %v\n", err)
	}
	return ctx.Err()
}
