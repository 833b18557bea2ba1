package kube

import (
	"context"
	"log/slog"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"
)

// logged makes client-go log to our logger instead of to a process-wide one.
func (c *Cluster) logged(ctx context.Context) context.Context {
	return klog.NewContext(ctx, c.logger())
}

func (c *Cluster) logger() klog.Logger { return logr.FromSlogHandler(quiet{c.log.Handler()}) }

// quiet passes everything on at level Debug at most: client-go logs as an error what it also
// returns as one, and what is told to people is the returned one.
type quiet struct{ next slog.Handler }

var _ slog.Handler = quiet{}

// Enabled tells whether a message of this level would be passed on. What is below Debug never
// is: there client-go logs the bodies of requests and answers, with the tokens in them.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelDebug && q.next.Enabled(ctx, slog.LevelDebug)
}

// Handle passes a message on. It asks Enabled itself: logr does not where it logs an error.
func (q quiet) Handle(ctx context.Context, record slog.Record) error {
	if !q.Enabled(ctx, record.Level) {
		return nil
	}
	record.Level = slog.LevelDebug
	return q.next.Handle(ctx, record)
}

// WithAttrs is quiet about more attributes.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.next.WithAttrs(attrs)} }

// WithGroup is quiet within a group.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.next.WithGroup(name)} }

// warnings logs each distinct warning of an API server once.
type warnings struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

var _ rest.WarningHandlerWithContext = (*warnings)(nil)

// HandleWarningHeaderWithContext takes a Warning header; Kubernetes sends code 299 alone (KEP-1693).
func (w *warnings) HandleWarningHeaderWithContext(ctx context.Context, code int, _, text string) {
	const miscellaneousPersistent = 299
	if code != miscellaneousPersistent || text == "" {
		return
	}
	w.mu.Lock()
	first := !w.said[text]
	w.said[text] = true
	w.mu.Unlock()
	if first {
		w.log.WarnContext(ctx, text)
	}
}
