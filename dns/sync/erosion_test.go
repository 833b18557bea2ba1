package sync_test

import (
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/dns/sync"
)

// Replicas that the topology does not declare lose their pods one by one: what one pass may not delete, many small ones may not
// either. What is deleted and comes back does not count, and after a day the names of then are what the cap is a share of.
func TestWriterDeleteCapOverPasses(t *testing.T) {
	started(t, 1, nil, func(r *rig, w *sync.Writer) {
		s := r.servers[0]
		standing := func() (n int) {
			for i := range 20 {
				if s.a(t, id("e1", i).Pod()+".e1.bank.example.com") != "" {
					n++
				}
			}
			return n
		}
		fewer := topology(t, "bank: 20", "bank: 2")
		r.clusters.alter(func() { r.clusters.topology = fewer })
		after(time.Second)
		for range 8 { // a pod that is made anew again and again
			was := r.clusters.pods[id("e1", 19)]
			r.clusters.alter(func() { delete(r.clusters.pods, id("e1", 19)) })
			after(time.Minute)
			r.clusters.alter(func() { r.clusters.pods[id("e1", 19)] = was })
			after(time.Minute)
		}
		if n := standing(); n != 20 || w.Status().Zones[0].Withheld != 0 {
			t.Fatalf("%d names stand, %d are withheld, before any is gone for good", n, w.Status().Zones[0].Withheld)
		}
		for i := 2; i < 20; i++ {
			r.clusters.alter(func() { delete(r.clusters.pods, id("e1", i)) })
			after(time.Minute)
		}
		after(2 * sync.DefaultRecheck)
		if n := standing(); n != 14 {
			t.Errorf("of twenty names %d stand, want 14", n)
		}
		if z := w.Status().Zones[0]; z.Withheld != 12 || z.Err != nil {
			t.Errorf("status %+v", z)
		}
		if n := strings.Count(r.log.String(), "names are not deleted"); n != 1 || !strings.Contains(r.log.String(), "that went lately") {
			t.Errorf("said %d times:\n%s", n, r.log)
		}
		r.clusters.alter(func() { r.clusters.topology = topology(t) })
		after(time.Second)
		if z := w.Status().Zones[0]; z.Withheld != 0 {
			t.Errorf("they are declared again: %+v", z)
		}
		after(sync.DeleteWindow)
		r.clusters.alter(func() { r.clusters.topology = topology(t, "bank: 20", "bank: 17") })
		after(sync.DefaultRecheck)
		if n := standing(); n != 11 {
			t.Errorf("a day later %d of 14 names stand, want 11", n)
		}
	})
}
