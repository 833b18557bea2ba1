package cli

import (
	"context"
	"fmt"
	"sync"
	"time"

	"quorate.dev/quorate/regions/discover"
	"quorate.dev/quorate/regions/kube"
)

// discoverTimeout bounds each question to a cluster that may be long gone: a kubeconfig gathers
// contexts over the years.
const discoverTimeout = 5 * time.Second

// discover asks the clusters of the contexts, all at once; those that give no usable answer come back as silent,
// and only an interrupt is an error. No cluster is changed.
func (a *app) discover(ctx context.Context, contexts []string) ([]discover.Facts, []discover.Silent, error) {
	targets := map[string]string{}
	for _, name := range contexts {
		targets[name] = name
	}
	clusters, openErr := kube.Open(a.settings.GetString("kubeconfig"), targets,
		kube.Options{Version: Version, Logger: a.log, RequestTimeout: discoverTimeout})
	if clusters == nil {
		return nil, nil, invalidInput{openErr}
	}
	if openErr != nil {
		fmt.Fprintf(a.err, "%v\n", openErr)
	}
	fmt.Fprintf(a.err, "asking %d kubeconfig contexts, for at most %s each question\n", len(clusters), discoverTimeout)
	facts, errs := make([]discover.Facts, len(contexts)), make([]error, len(contexts))
	var group sync.WaitGroup
	for i, name := range contexts {
		if cluster := clusters[name]; cluster != nil {
			group.Go(func() { facts[i], errs[i] = cluster.Discover(ctx) })
		}
	}
	group.Wait()
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	var answered []discover.Facts
	var silent []discover.Silent
	for i, name := range contexts {
		switch {
		case clusters[name] == nil:
			silent = append(silent, discover.Silent{Context: name, Reason: "its kubeconfig entry is broken"})
		case errs[i] != nil:
			fmt.Fprintf(a.err, "%v\n", errs[i])
			silent = append(silent, discover.Silent{Context: name, Reason: kube.Brief(errs[i])})
		default:
			answered = append(answered, facts[i])
		}
	}
	return answered, silent, nil
}
