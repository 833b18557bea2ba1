package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"quorate.dev/quorate/dns"
)

// Source knows what the zones should hold.
type Source interface {
	// Wanted is what is known now, and a channel that is closed once it is something else. An error says what was not
	// read yet: nothing may be written before.
	Wanted() (dns.Wanted, <-chan struct{}, error)
	// Silent asks every cluster now, and returns those that do not answer. A watch may have been cut off without
	// a word, so what is known of them may be old; what is known of the others is not.
	Silent(ctx context.Context) []string
}

// Elector lets one process of several write.
type Elector interface {
	// Lead calls lead whenever this process leads, with a context that ends when it does not any more, until
	// ctx is done.
	Lead(ctx context.Context, lead func(context.Context)) error
}

// The pace of a Writer, where a Config names no other.
const (
	// DefaultDebounce is how long changes are collected after the first one.
	DefaultDebounce = 50 * time.Millisecond
	// DefaultRecheck is how often a zone is read anew although nothing changed.
	DefaultRecheck = 5 * time.Minute
	// DefaultBackoff and DefaultBackoffCap bound the pause after a failure, which doubles.
	DefaultBackoff    = 500 * time.Millisecond
	DefaultBackoffCap = 30 * time.Second
	// DefaultSettle is the pause after a conflict: the other hand may be a writer that knew sooner.
	DefaultSettle = 250 * time.Millisecond
	// DefaultPatience is how soon it is looked whether a cluster is known again.
	DefaultPatience = 2 * time.Second
	// DefaultAttempt bounds one reading and one writing of a server's zones.
	DefaultAttempt = time.Minute
)

// Config is what a Writer needs.
type Config struct {
	Source  Source
	Targets []Target
	Elector Elector // nil: this process always writes
	Options dns.Options
	Now     func() time.Time
	Random  func() float64 // in [0, 1)
	Log     *slog.Logger   // nil: silence

	Debounce, Recheck, Backoff, BackoffCap, Settle, Patience, Attempt time.Duration // 0: the defaults
}

// Writer keeps zones true. Make it with New, then Run it.
type Writer struct {
	c       Config
	workers []*worker

	mu      gosync.Mutex
	leading bool
	waiting error  // what is not known yet; nil: all
	told    string // of that, what was logged
}

// New checks the configuration; nothing is asked yet.
func New(c Config) (*Writer, error) {
	if c.Source == nil || len(c.Targets) == 0 || c.Now == nil || c.Random == nil {
		return nil, errors.New("a writer needs a source, a target, a clock and randomness")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	for value, otherwise := range map[*time.Duration]time.Duration{
		&c.Debounce: DefaultDebounce, &c.Recheck: DefaultRecheck, &c.Backoff: DefaultBackoff,
		&c.BackoffCap: DefaultBackoffCap, &c.Settle: DefaultSettle, &c.Patience: DefaultPatience, &c.Attempt: DefaultAttempt,
	} {
		if *value <= 0 {
			*value = otherwise
		}
	}
	w := &Writer{c: c}
	for _, t := range c.Targets {
		if t.Provider == nil || t.Server == "" || strings.Trim(t.Zone, ".") == "" {
			return nil, fmt.Errorf("server %q, zone %q: a target needs both, and a provider", t.Server, t.Zone)
		}
		w.workers = append(w.workers, newWorker(w, t))
	}
	return w, nil
}

// Run writes, whenever this process leads, until ctx is done. Each server has a pace of its own: one that is down holds
// up no other.
func (w *Writer) Run(ctx context.Context) error {
	if w.c.Elector == nil {
		w.lead(ctx)
		return nil
	}
	return w.c.Elector.Lead(ctx, w.lead)
}

func (w *Writer) lead(ctx context.Context) {
	w.setLeading(true)
	defer w.setLeading(false)
	var group gosync.WaitGroup
	for _, k := range w.workers {
		group.Go(func() { k.run(ctx) })
	}
	group.Wait()
}

func (w *Writer) setLeading(leads bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.c.Elector != nil && w.leading != leads {
		w.c.Log.Info(map[bool]string{true: "this process writes from now on", false: "this process does not write any more"}[leads])
	}
	w.leading = leads
}

// awaits notes what has to be known before anything is written; nil: nothing.
func (w *Writer) awaits(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting = err; err == nil {
		w.told = ""
	}
}

// unready says once that nothing is written while something is not known.
func (w *Writer) unready(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told != err.Error() {
		w.told = err.Error()
		w.c.Log.Warn("nothing is written yet", "error", err)
	}
}

// ZoneStatus is how well one zone is kept.
type ZoneStatus struct {
	Server, Zone string
	LastRead     time.Time // zero: never
	LastWritten  time.Time // zero: never, or there was nothing to write
	LastRight    time.Time // when the zone was last known to hold what is wanted, obstacles aside; zero: never
	Serial       uint32    // at LastRead
	Blind        string    // what cannot be seen of it
	Changed      uint64    // record sets written
	Conflicts    uint64    // names that another hand had changed first
	Drift        uint64    // names of ours that a reading found changed by another hand
	Failures     uint64    // readings and writings that failed
	Obstacles    int       // names that cannot be published now
	Withheld     int       // names whose deletion the cap refuses now
	Err          error     // why it is not right now; nil: it is
}

// Status is that of the whole writer.
type Status struct {
	Leading bool
	Waiting error // what was not read yet, so that nothing is written; nil: all was
	Zones   []ZoneStatus
}

// Status tells how well the zones are kept, in the order of the targets and their zones.
func (w *Writer) Status() Status {
	w.mu.Lock()
	out := Status{Leading: w.leading, Waiting: w.waiting}
	w.mu.Unlock()
	for _, k := range w.workers {
		out.Zones = append(out.Zones, k.status()...)
	}
	return out
}

// joined adds clusters to those that are not known.
func joined(w dns.Wanted, silent []string) dns.Wanted {
	w.Unread = slices.Compact(slices.Sorted(slices.Values(slices.Concat(w.Unread, silent))))
	return w
}
