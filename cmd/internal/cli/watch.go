package cli

import (
	"context"
	"errors"
	"time"

	"quorate.dev/quorate/cmd/internal/view"
)

const (
	// watchCalm is how long changes are gathered before the next look: they come in bursts.
	watchCalm = 500 * time.Millisecond
	// watchPatience is how long a look is shown at most before the next one: names cannot be watched.
	watchPatience = 10 * time.Second
)

// watchStatus shows the status whenever something changes, until it is interrupted: that is how it
// ends well.
func (a *app) watchStatus(ctx context.Context) error {
	w, err := a.ready(ctx)
	if err != nil {
		return err
	}
	display := a.outScreen
	if a.dumb() {
		display = nil
	}
	watching := view.NewWatching(a.out, display, a.style(), a.json())
	defer watching.Close()
	changed := w.changes(ctx)
	for {
		err := a.lookAndShow(ctx, w, watching)
		if errors.Is(context.Cause(ctx), errInterrupted) {
			return nil
		}
		if err != nil {
			return err
		}
		settle(ctx, changed)
	}
}

func (a *app) lookAndShow(ctx context.Context, w *wired, watching *view.Watching) error {
	observed, err := w.observe(ctx, false)
	if err != nil {
		return err
	}
	status := view.NewStatus(w.topology, observed, a.now())
	if err := a.nameStatus(ctx, w, observed, status); err != nil {
		return err
	}
	return watching.Show(status)
}

// changes tells of every change in any cluster; what comes while nobody looks is told once.
func (w *wired) changes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	for _, name := range w.names() {
		go func() {
			for range w.clusters[name].Watch(ctx, w.scopes[name]) {
				select {
				case out <- struct{}{}:
				default: // a change is told already
				}
			}
		}()
	}
	return out
}

// settle waits for a change, and until the burst that it began is over.
func settle(ctx context.Context, changed <-chan struct{}) {
	patience, calm := time.NewTimer(watchPatience), (<-chan time.Time)(nil)
	defer patience.Stop()
	for {
		select {
		case <-changed:
			if calm == nil {
				calm = time.After(watchCalm)
			}
		case <-calm:
			return
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}
