package sync_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
)

func TestWriterWritesAndFollows(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		if got := s.a(t, "bank-0.w1.bank.example.com"); got != r.clusters.pods[id("w1", 0)] {
			t.Errorf("the zone holds %q at first", got)
		}
		reads, _ := s.asked()
		for i := range 5 { // within one debounce
			r.clusters.alter(func() { r.clusters.pods[id("w1", i%3)] = fmt.Sprintf("10.9.0.%d", i) })
		}
		after(100 * time.Millisecond)
		if got := s.a(t, "bank-1.w1.bank.example.com"); got != "10.9.0.4" {
			t.Errorf("100 ms after the change the zone holds %q", got)
		}
		if now, _ := s.asked(); now != reads {
			t.Errorf("the zone was read %d times more for a change that needs no reading", now-reads)
		}
		after(sync.DefaultRecheck)
		if now, _ := s.asked(); now != reads+1 {
			t.Errorf("read %d times in five minutes, want once", now-reads)
		}
		if st := w.Status(); !st.Leading || st.Waiting != nil || st.Zones[0].Err != nil || st.Zones[0].Changed == 0 {
			t.Errorf("status %+v", st)
		}
	})
}

// An edit by another hand is put right at the next full reading, and said once.
func TestWriterDrift(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		const name = "bank-0.e1.bank.example.com."
		was := s.a(t, name)
		edit := []dns.ChangeSet{{Name: name, Changes: []dns.Change{{Action: dns.Update, Name: name, Type: dns.TypeA, Before: []string{was}, After: []string{"192.0.2.1"}, TTL: 5}}}}
		if results, err := s.Zone.Apply(t.Context(), zoneOf(s), edit); err != nil || results[0].Err != nil {
			t.Fatal(results, err)
		}
		after(sync.DefaultRecheck + time.Second)
		after(sync.DefaultRecheck)
		if got := s.a(t, name); got != was {
			t.Errorf("the edit stays: %s", got)
		}
		if n := strings.Count(r.log.String(), "another hand has changed"); n != 1 {
			t.Errorf("said %d times:\n%s", n, r.log)
		}
		if w.Status().Zones[0].Drift != 1 {
			t.Errorf("drift %d, want 1", w.Status().Zones[0].Drift)
		}
	})
}

// A conflict has the zone read again, and what is wanted written.
func TestWriterConflict(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		const name = "bank-2.n1.bank.example.com."
		was := s.a(t, name)
		edit := []dns.ChangeSet{{Name: name, Changes: []dns.Change{{Action: dns.Update, Name: name, Type: dns.TypeA, Before: []string{was}, After: []string{"192.0.2.1"}, TTL: 5}}}}
		if _, err := s.Zone.Apply(t.Context(), zoneOf(s), edit); err != nil {
			t.Fatal(err)
		}
		r.clusters.alter(func() { r.clusters.pods[id("n1", 2)] = "10.9.9.9" })
		after(time.Second)
		if got := s.a(t, name); got != "10.9.9.9" {
			t.Errorf("after a conflict the zone holds %q", got)
		}
		if z := w.Status().Zones[0]; z.Conflicts != 1 || z.Err != nil {
			t.Errorf("status %+v", z)
		}
	})
}

// A server that is down is asked ever more seldom, holds up no other, and is written once it is back.
func TestWriterServerDown(t *testing.T) {
	down := func(r *rig) { r.servers[0].set(errors.New("connection refused")) }
	started(t, 2, down, func(r *rig, w *sync.Writer) {
		if got := r.servers[1].a(t, "bank-0.w1.bank.example.com"); got == "" {
			t.Error("the other server was not written")
		}
		after(10 * time.Minute)
		if _, n := r.servers[0].asked(); n < 15 || n > 60 {
			t.Errorf("a server that is down was asked %d times in ten minutes", n)
		}
		r.clusters.alter(func() { r.clusters.pods[id("w1", 0)] = "10.9.9.9" })
		after(100 * time.Millisecond)
		if got := r.servers[1].a(t, "bank-0.w1.bank.example.com"); got != "10.9.9.9" {
			t.Errorf("the other server holds %q", got)
		}
		r.servers[0].set(nil)
		after(sync.DefaultBackoffCap)
		if got := r.servers[0].a(t, "bank-0.w1.bank.example.com"); got != "10.9.9.9" {
			t.Errorf("the server that came back holds %q", got)
		}
		if n := strings.Count(r.log.String(), "not all right"); n != 1 {
			t.Errorf("one outage was said %d times:\n%s", n, r.log)
		}
	})
}

// Before all that it needs was read, nothing is written; a cluster that is not known keeps its records.
func TestWriterUnread(t *testing.T) {
	missing := func(r *rig) { r.clusters.missing = errors.New("no record of any cluster was read") }
	started(t, 1, missing, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		after(time.Minute)
		if _, n := s.asked(); n != 0 || w.Status().Waiting == nil {
			t.Fatalf("%d requests before anything is known", n)
		}
		r.clusters.alter(func() { r.clusters.missing = nil })
		after(time.Second)
		const name = "bank-1.n1.bank.example.com"
		was := s.a(t, name)
		r.clusters.alter(func() { r.clusters.unread = []string{"n1"}; delete(r.clusters.pods, id("n1", 1)) })
		after(time.Second)
		r.clusters.alter(func() { r.clusters.pods[id("w1", 1)] = "10.9.9.9" })
		after(time.Second)
		if s.a(t, name) != was || s.a(t, "bank-1.w1.bank.example.com") != "10.9.9.9" {
			t.Errorf("of an unread cluster %q became %q", was, s.a(t, name))
		}
		r.clusters.alter(func() { r.clusters.unread = nil; r.clusters.pods[id("n1", 1)] = "10.8.8.8" })
		after(time.Second)
		if got := s.a(t, name); got != "10.8.8.8" {
			t.Errorf("the cluster is read again, and its name holds %q", got)
		}
	})
}

// A watch that was cut off without a word: its cluster does not answer, and what another writer knew sooner stays.
func TestWriterSilentCluster(t *testing.T) {
	started(t, 1, nil, func(r *rig, _ *sync.Writer) {
		s := r.servers[0]
		const name = "bank-0.n1.bank.example.com."
		r.clusters.mu.Lock()
		r.clusters.silent = []string{"n1"}
		r.clusters.mu.Unlock()
		other := newClusters(r.clusters.topology)
		other.pods[id("n1", 0)] = "10.7.7.7"
		writeOnce(t, other, s)
		after(2 * sync.DefaultRecheck)
		r.clusters.alter(func() { r.clusters.pods[id("w1", 1)] = "10.9.9.9" })
		after(time.Second)
		if got := s.a(t, name); got != "10.7.7.7" {
			t.Errorf("what another writer knew of a silent cluster became %q", got)
		}
		r.clusters.mu.Lock()
		r.clusters.silent = nil
		r.clusters.pods[id("n1", 0)] = "10.6.6.6"
		r.clusters.mu.Unlock()
		after(2 * sync.DefaultPatience)
		if got := s.a(t, name); got != "10.6.6.6" {
			t.Errorf("the cluster answers again, and its name holds %q", got)
		}
	})
}

func writeOnce(t testing.TB, c *clusters, s *server) {
	t.Helper()
	w, _, err := c.Wanted()
	if err != nil {
		t.Fatal(err)
	}
	target := sync.Target{Server: "ns:53", Zone: zoneOf(s), Provider: s}
	for _, o := range sync.Apply(t.Context(), target, sync.Plan(t.Context(), target, w, dns.Options{})) {
		if o.Err != nil {
			t.Fatal(o.Err)
		}
	}
}

// Too many deletes at once are withheld, said once, and hold up nothing else.
func TestWriterDeleteCap(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		fewer := topology(t, "bank: 20", "bank: 5")
		r.clusters.alter(func() {
			r.clusters.topology = fewer
			for i := 5; i < 20; i++ {
				delete(r.clusters.pods, id("e1", i))
			}
			r.clusters.pods[id("w1", 0)] = "10.9.9.9"
		})
		after(2 * sync.DefaultRecheck)
		if s.a(t, "bank-19.e1.bank.example.com") == "" || s.a(t, "bank-0.w1.bank.example.com") != "10.9.9.9" {
			t.Error("the deletes were made, or held up another change")
		}
		if z := w.Status().Zones[0]; z.Withheld != 15 || z.Err != nil {
			t.Errorf("status %+v", z)
		}
		if n := strings.Count(r.log.String(), "too many at once"); n != 1 {
			t.Errorf("said %d times:\n%s", n, r.log)
		}
	})
}

// An obstacle is said once, again when it returns, and holds up nothing else.
func TestWriterObstacle(t *testing.T) {
	foreign := dns.RecordSet{Name: "bank-0.w1.bank.example.com.", Type: dns.TypeA, TTL: 60, Values: []string{"192.0.2.7"}}
	edit := func(r *rig) { r.servers[0] = newServer(t, "bank.example.com.", foreign) }
	started(t, 1, edit, func(r *rig, w *sync.Writer) {
		after(3 * sync.DefaultRecheck)
		s := r.servers[0]
		if s.a(t, foreign.Name) != "192.0.2.7" || s.a(t, "bank-1.w1.bank.example.com") == "" {
			t.Error("a foreign name was overwritten, or held up others")
		}
		if n := strings.Count(r.log.String(), "cannot be published"); n != 1 || w.Status().Zones[0].Obstacles != 1 {
			t.Errorf("said %d times:\n%s", n, r.log)
		}
	})
}
