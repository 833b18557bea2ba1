package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	gosync "sync"
	"time"

	"quorate.dev/quorate/dns"
)

// conflictsInARow is how often a pass is made anew at once after a conflict, before the back-off.
const conflictsInARow = 3

// worker keeps the zones of one server.
type worker struct {
	w       *Writer
	target  Target
	pause   time.Duration // of the last failure; 0: the last pass went well
	read    time.Time     // when the zones were last read
	held    map[string]dns.Snapshot
	said    map[string]map[string]bool // by zone: what was logged and still holds
	mu      gosync.Mutex               // guards zones
	zones   map[string]*ZoneStatus
	gone    map[string]gone // by zone
	trouble string          // the failure that was last logged
	silent  []string        // clusters that did not answer when they were last asked
	unread  []string        // clusters of which something was not known at the last pass, the silent ones among them
}

func newWorker(w *Writer, t Target) *worker {
	k := &worker{w: w, target: t, zones: map[string]*ZoneStatus{}, said: map[string]map[string]bool{}, gone: map[string]gone{}}
	for _, zone := range t.Zones() {
		k.zones[zone] = &ZoneStatus{Server: t.Server, Zone: zone}
		k.said[zone] = map[string]bool{}
		k.gone[zone] = gone{}
	}
	return k
}

// run keeps the zones true until ctx is done. Who begins to lead reads them first.
func (k *worker) run(ctx context.Context) {
	k.forget()
	for ctx.Err() == nil {
		_, changed, err := k.w.c.Source.Wanted()
		k.w.awaits(err)
		if err != nil {
			if !wait(ctx, changed, k.w.c.Patience) && ctx.Err() == nil {
				k.w.unready(err) // it lasts
			}
			continue
		}
		err = k.passes(ctx)
		if ctx.Err() != nil {
			return
		}
		k.told(err)
		if err != nil {
			k.forget()
			wait(ctx, nil, k.backoff()) // news would not make the server answer
			continue
		}
		k.pause = 0
		k.rest(ctx, changed)
	}
}

// wait returns when the channel is closed, and tells so, or after a while, or when ctx is done.
func wait(ctx context.Context, news <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-news:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// forget has the zones read anew before the next change.
func (k *worker) forget() { k.held, k.read = nil, time.Time{} }

func (k *worker) untilRecheck() time.Duration {
	return max(0, k.w.c.Recheck-k.w.c.Now().Sub(k.read))
}

// rest waits for a reason for the next pass: news, the time to read the zones anew, or that a cluster is known again, which
// may be no news of any record.
func (k *worker) rest(ctx context.Context, changed <-chan struct{}) {
	for ctx.Err() == nil && k.untilRecheck() > 0 {
		limit := k.untilRecheck()
		if len(k.unread) > 0 {
			limit = min(limit, k.w.c.Patience)
		}
		switch {
		case wait(ctx, changed, limit):
			wait(ctx, nil, k.w.c.Debounce)
			return
		case len(k.unread) > 0 && k.knowsMore(ctx):
			return
		}
	}
}

// knowsMore tells whether other clusters are unknown than at the last pass.
func (k *worker) knowsMore(ctx context.Context) bool {
	var silent []string
	if len(k.silent) > 0 {
		silent = k.w.c.Source.Silent(ctx)
	}
	w, _, err := k.w.c.Source.Wanted()
	return err != nil || !slices.Equal(joined(w, silent).Unread, k.unread)
}

// backoff doubles from pause to pause, and is anywhere between half of that and the whole.
func (k *worker) backoff() time.Duration {
	k.pause = min(max(2*k.pause, k.w.c.Backoff), k.w.c.BackoffCap)
	return k.pause/2 + time.Duration(k.w.c.Random()*float64(k.pause/2))
}

// passes make the zones true, again where another hand was there first.
func (k *worker) passes(ctx context.Context) error {
	var err error
	for range conflictsInARow {
		var conflict bool
		if conflict, err = k.pass(ctx); !conflict {
			return err
		}
		k.forget()
		wait(ctx, nil, k.w.c.Settle)
	}
	return err
}

// pass is one round over the zones, and tells whether another hand was there first.
func (k *worker) pass(ctx context.Context) (conflict bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, k.w.c.Attempt)
	defer cancel()
	plans, err := k.plan(ctx)
	if err != nil {
		return false, err
	}
	outcomes := Apply(ctx, k.target, plans)
	return k.learn(plans, outcomes)
}

// plan takes what is held of the zones, as last read and changed by this writer since, or reads them when that is too long ago. Before
// anything follows from a reading, the clusters are asked whether they answer: a difference that no news explains may
// be what another writer knew sooner.
func (k *worker) plan(ctx context.Context) ([]ZonePlan, error) {
	fresh := k.held == nil || k.untilRecheck() == 0
	if fresh {
		if err := k.readAll(ctx); err != nil {
			return nil, err
		}
	}
	if fresh || len(k.silent) > 0 {
		k.silent = k.w.c.Source.Silent(ctx)
	}
	w, _, err := k.w.c.Source.Wanted() // as late as can be
	if err != nil {
		return nil, err
	}
	w = joined(w, k.silent)
	k.unread = w.Unread
	wanted := k.target.wanted(w)
	var plans []ZonePlan
	for _, zone := range k.target.Zones() {
		o := k.w.c.Options
		o.Gone = k.gone[zone].lately(k.w.c.Now())
		p := planZone(k.target.Server, zone, wanted[zone], k.held[zone], o)
		withheld := 0
		if p.Refused() {
			p, withheld = k.withhold(zone, wanted[zone], p.Err)
		}
		k.note(p, fresh, withheld)
		plans = append(plans, p)
	}
	return plans, nil
}

// readAll reads every zone of the server.
func (k *worker) readAll(ctx context.Context) error {
	w, _, err := k.w.c.Source.Wanted()
	if err != nil {
		return err
	}
	began := k.w.c.Now()
	wanted := k.target.wanted(w)
	held := map[string]dns.Snapshot{}
	for _, zone := range k.target.Zones() {
		actual, err := k.target.Provider.Read(ctx, zone, wanted[zone].OwnerNames())
		if err != nil {
			err = fmt.Errorf("read zone %s at %s: %w", zone, k.target.Server, err)
			k.failed(zone, err)
			return err
		}
		held[zone] = actual
	}
	k.held, k.read = held, began
	return nil
}

// withhold plans everything but the deletions of too many names of a cluster: that many at once are likelier a mistake than a
// wish, and meanwhile the other names have to be right.
func (k *worker) withhold(zone string, w dns.Wanted, refused error) (ZonePlan, int) {
	o := k.w.c.Options
	o.LiftDeleteCap = true
	p := planZone(k.target.Server, zone, w, k.held[zone], o)
	kept := p.Sets[:0:0]
	for _, s := range p.Sets {
		if !deletes(s) {
			kept = append(kept, s)
		}
	}
	withheld := len(p.Sets) - len(kept)
	p.Sets = kept
	k.say(zone, "withheld", func() {
		k.w.c.Log.Warn("names are not deleted: too many at once", "zone", zone, "server", k.target.Server, "names", withheld, "error", refused)
	})
	return p, withheld
}

// learn takes up what became of the changes.
func (k *worker) learn(plans []ZonePlan, outcomes []Outcome) (conflict bool, err error) {
	var errs []error
	for _, p := range plans {
		errs = append(errs, p.Err)
	}
	written := map[string]int{}
	conflicts := map[string]uint64{}
	for _, o := range outcomes {
		if _, met := errors.AsType[*dns.ConflictError](o.Err); met {
			conflicts[o.Zone]++
		}
		if o.Err == nil {
			o.Err = k.hold(o)
			k.gone[o.Zone].note(o.Changes, k.w.c.Now())
			written[o.Zone] += len(o.Changes)
		}
		if o.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", o.Name, o.Err))
		}
	}
	err = errors.Join(errs...)
	k.count(plans, written, conflicts, err)
	return len(conflicts) > 0, err
}

// hold adds a change that was made to what is held of the zone.
func (k *worker) hold(o Outcome) error {
	snapshot := k.held[o.Zone]
	sets, err := dns.Apply(snapshot.Sets, o.Changes)
	if err != nil {
		return err
	}
	snapshot.Sets = sets
	k.held[o.Zone] = snapshot
	return nil
}
