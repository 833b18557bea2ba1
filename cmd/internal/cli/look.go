package cli

import (
	"context"
	"runtime/debug"

	"quorate.dev/quorate/planner"
)

// look loads the deployment and asks every cluster about it. The overlays are built while the clusters
// are asked for what they hold: to be compared, they are waited for. Overlays that cannot be built end the asking, and are
// the error whatever else is wrong.
func (a *app) look(ctx context.Context, compare bool, wishes ...func(*wired)) (*wired, []planner.Observation, error) {
	read, err := a.declare(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := a.rendered(read)
	if err != nil {
		return nil, nil, err
	}
	defer a.collecting(len(read.topology.OrderedClusters()))()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	built := make(chan struct{})
	var buildErr error
	build := func() {
		defer close(built)
		if buildErr = d.build(); buildErr != nil {
			cancel()
		}
	}
	if len(read.topology.OrderedClusters()) > fewClusters {
		build() // of many clusters the memory of both at once counts for more than the time of one
	} else {
		go build()
	}
	waits := func(w *wired) { w.built = func() bool { <-built; return buildErr == nil } }
	w, observed, err := a.lookAt(ctx, d, compare, append([]func(*wired){waits}, wishes...)...)
	<-built
	if buildErr != nil {
		return nil, nil, buildErr
	}
	return w, observed, err
}

// fewClusters are so many that what is held of them all is little memory.
const fewClusters = 10

// collecting sets when garbage is collected while clusters are looked at. Of few clusters there is little, and collecting it
// again and again took a quarter of the work: it lies until it is four times what is in use. Of many clusters memory counts
// for more, and it is collected sooner than Go would. The returned function ends that. Who set GOGC has the say.
func (a *app) collecting(clusters int) (end func()) {
	const rarely, often = 400, 50
	if a.env("GOGC") != "" {
		return func() {}
	}
	percent := rarely
	if clusters > fewClusters {
		percent = often
	}
	before := debug.SetGCPercent(percent)
	return func() { debug.SetGCPercent(before) }
}

// lookAt asks every cluster about a deployment.
func (a *app) lookAt(ctx context.Context, d *deployment, compare bool, wishes ...func(*wired)) (*wired, []planner.Observation, error) {
	w, err := a.connect(d)
	if err != nil {
		return nil, nil, err
	}
	for _, wish := range wishes {
		wish(w)
	}
	if compare && w.unfit != nil {
		return nil, nil, advised{invalidInput{w.unfit}, mendEndpoints}
	}
	observed, err := w.observe(ctx, compare)
	return w, observed, err
}
