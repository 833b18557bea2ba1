package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/sync"
	"quorate.dev/quorate/regions"
)

// event is one thing that happens.
type event struct {
	Kind, Writer, Replica int
	Cluster               string
	Late                  []bool // by writer: it sees the event later
	Pause                 int    // milliseconds until the next one
}

func events() *rapid.Generator[[]event] {
	one := rapid.Custom(func(r *rapid.T) event {
		return event{
			Kind: rapid.IntRange(0, 9).Draw(r, "kind"), Writer: rapid.IntRange(0, 1).Draw(r, "writer"), Replica: rapid.IntRange(0, 8).Draw(r, "replica"),
			Cluster: rapid.SampledFrom([]string{"e1", "w1", "n1"}).Draw(r, "cluster"),
			Late:    []bool{rapid.IntRange(0, 3).Draw(r, "late") == 0, rapid.IntRange(0, 3).Draw(r, "late") == 0},
			Pause:   rapid.SampledFrom([]int{0, 1, 10, 60, 1000, 30000}).Draw(r, "pause"),
		}
	})
	return rapid.SliceOfN(one, 20, 40)
}

// world is a zone, what is true, and writers that each see it late or in part.
type world struct {
	*testing.T
	truth *clusters
	views []*clusters // of the writers
	zone  *server
	next  int // the next address
}

// tell shows a writer the truth of the clusters that it can read.
func (w *world) tell(view *clusters) {
	view.alter(func() {
		for id, ip := range w.truth.pods {
			if !slices.Contains(view.unread, id.Cluster) && !slices.Contains(view.silent, id.Cluster) {
				view.pods[id] = ip
			}
		}
	})
}

func (w *world) happens(e event) {
	view, id := w.views[e.Writer], w.truth.topology.Replicas()[e.Replica].ID
	switch e.Kind {
	case 0: // a cluster that a writer knows to be away
		view.alter(func() { view.unread = []string{e.Cluster} })
	case 1: // a cluster that is cut off without a word
		view.mu.Lock()
		view.silent = []string{e.Cluster}
		view.mu.Unlock()
	case 2:
		view.alter(func() { view.unread, view.silent = nil, nil })
		w.tell(view)
	case 3:
		w.zone.set(errors.New("connection refused"))
	case 4:
		w.zone.set(nil)
	case 5: // somebody edits a name by hand
		name := dns.ReplicaName(w.truth.topology, id)
		if was := w.zone.a(w, name); was != "" {
			w.edit(name, was, "192.0.2.1")
		}
	default: // a pod is made anew; each writer sees it now, or later
		w.next++
		w.truth.pods[id] = fmt.Sprintf("10.1.%d.%d", w.next/250, w.next%250+1)
		for i, v := range w.views {
			if !e.Late[i] {
				w.tell(v)
			}
		}
	}
	time.Sleep(time.Duration(e.Pause) * time.Millisecond)
}

func (w *world) edit(name, was, value string) {
	changes := []dns.Change{{Action: dns.Update, Name: name, Type: dns.TypeA, Before: []string{was}, After: []string{value}, TTL: 5}}
	if _, err := w.zone.Zone.Apply(w.Context(), zoneOf(w.zone), []dns.ChangeSet{{Name: name, Changes: changes}}); err != nil {
		w.Fatal(err)
	}
}

// judge: the zone holds exactly what is true, and what is somebody else's.
func (w *world) judge(foreign dns.RecordSet) {
	want, _, _ := w.truth.Wanted()
	wanted := map[string][]string{foreign.Name + string(foreign.Type): foreign.Values}
	for _, s := range want.Sets {
		wanted[s.Name+string(s.Type)] = s.Values
	}
	actual, err := w.zone.Zone.Read(w.Context(), zoneOf(w.zone), nil)
	if err != nil {
		w.Fatal(err)
	}
	for _, s := range actual.Sets {
		if s.Type == dns.TypeTXT {
			continue
		}
		if !slices.Equal(wanted[s.Name+string(s.Type)], s.Values) {
			w.Errorf("%s %s is %v, want %v", s.Name, s.Type, s.Values, wanted[s.Name+string(s.Type)])
		}
		delete(wanted, s.Name+string(s.Type))
	}
	for lost := range wanted {
		w.Errorf("%s was lost", lost)
	}
}

// begin has a writer write what a view shows, until the test ends; the returned function ends it.
func begin(t *testing.T, view *clusters, zone *server) (end func()) {
	t.Helper()
	writer, err := sync.New(sync.Config{
		Source: view, Targets: []sync.Target{{Server: "ns:53", Zone: "bank.example.com", Provider: zone}},
		Now: time.Now, Random: func() float64 { return 0.5 },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- writer.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// Two writers that both believe to lead, of which each sees the clusters late and in part, and a server that comes
// and goes: in the end the zone holds the truth, and nothing of anybody else's was touched.
func TestWritersConverge(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		script := events().Draw(r, "events")
		synctest.Test(t, func(t *testing.T) { converges(t, script) })
		if t.Failed() {
			r.FailNow()
		}
	})
}

func converges(t *testing.T, script []event) {
	foreign := dns.RecordSet{Name: "www.bank.example.com.", Type: dns.TypeA, TTL: 60, Values: []string{"192.0.2.80"}}
	tp := topology(t, "bank: 20", "bank: 3")
	w := &world{T: t, truth: newClusters(tp), zone: newServer(t, "bank.example.com.", foreign)}
	for range 2 {
		view := newClusters(tp)
		w.views = append(w.views, view)
		defer begin(t, view, w.zone)()
	}
	for _, e := range script {
		w.happens(e)
	}
	w.zone.set(nil)
	for _, v := range w.views {
		v.alter(func() { v.unread, v.silent = nil, nil })
		w.tell(v)
	}
	after(2*sync.DefaultRecheck + time.Minute)
	w.judge(foreign)
	before := len(w.zone.applied)
	after(3 * sync.DefaultRecheck)
	if n := len(w.zone.applied) - before; n != 0 {
		t.Errorf("%d changes although nothing changed: the writers undo each other", n)
	}
}

// Two writers forced apart see every change, one sooner than the other: each address is written once, and none comes back.
func TestWritersDoNotFlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tp := topology(t, "bank: 20", "bank: 3")
		views := []*clusters{newClusters(tp), newClusters(tp)}
		zone := newServer(t, "bank.example.com.")
		ends := []func(){begin(t, views[0], zone), begin(t, views[1], zone)}
		time.Sleep(time.Minute)
		move := func(view *clusters, id regions.ReplicaID, ip string) { view.alter(func() { view.pods[id] = ip }) }
		for i := range 500 {
			first, second := views[i%2], views[(i+1)%2]
			id, ip := tp.Replicas()[i%9].ID, fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)
			move(first, id, ip)
			time.Sleep(time.Duration(i%200) * time.Millisecond) // the other one learns of it that much later
			move(second, id, ip)
			time.Sleep(time.Second)
		}
		for _, end := range ends {
			end()
		}
		for _, replica := range tp.Replicas() {
			name := dns.ReplicaName(tp, replica.ID)
			seen := map[string]bool{}
			for _, value := range zone.history[name] {
				if seen[value] {
					t.Fatalf("%s became %s twice: %v", name, value, zone.history[name])
				}
				seen[value] = true
			}
			if got := zone.a(t, name); got != views[0].pods[replica.ID] {
				t.Errorf("%s is %s, want %s", name, got, views[0].pods[replica.ID])
			}
		}
	})
}
