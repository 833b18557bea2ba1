package cli

import (
	"context"
	"sync"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/kustomize/adopt"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions/kube"
)

// find reads what the clusters' namespaces hold, all at once. An error names every cluster that gave no answer.
func (a *app) find(ctx context.Context, clusters []adopt.Cluster) error {
	contexts := map[string]string{}
	for _, c := range clusters {
		contexts[c.Name] = c.Context
	}
	opened, err := kube.Open(a.settings.GetString("kubeconfig"), contexts, kube.Options{Version: Version, Logger: a.log})
	if err != nil {
		return invalidInput{err}
	}
	errs := make([]error, len(clusters))
	var group sync.WaitGroup
	for i := range clusters {
		group.Go(func() {
			var there kube.Existing
			there, errs[i] = opened[clusters[i].Name].Existing(ctx, clusters[i].Namespace)
			clusters[i].Objects, clusters[i].Pods, clusters[i].NodeZones = there.Objects, there.Pods, there.Zones
		})
	}
	group.Wait()
	var all *multierror.Error
	for _, err := range errs {
		all = multierror.Append(all, err)
	}
	return all.ErrorOrNil()
}

// lookTakingOver loads the deployment that was written and asks every cluster about it, as one whose objects other
// field managers made and shall own no more.
func (a *app) lookTakingOver(ctx context.Context, managers []string) (*wired, []planner.Observation, error) {
	return a.look(ctx, true, func(w *wired) {
		for name, scope := range w.scopes {
			scope.TakeFrom = managers
			w.scopes[name] = scope
		}
	})
}
