package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

const (
	changesMeasured = 300 // of all clusters together
	serveAim        = 50 * time.Millisecond
	syncAim         = 300 * time.Millisecond
	// looseness is by how much an aim may be missed before the test fails: other tests run beside it.
	looseness = 10
)

// figures are how long changes took.
type figures struct {
	mu    sync.Mutex
	took  []time.Duration
	what  string
	aim   time.Duration
	tests testing.TB
}

func (f *figures) add(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.took = append(f.took, max(d, 0))
}

// report says the figures in the log and in the file that QUORATE_FIGURES names, and holds the median to the aim,
// loosely.
func (f *figures) report() {
	f.tests.Helper()
	if len(f.took) == 0 {
		f.tests.Fatalf("%s: nothing was measured", f.what)
	}
	slices.Sort(f.took)
	at := func(percent int) time.Duration { return f.took[(len(f.took)-1)*percent/100] }
	line := fmt.Sprintf("%s: %d changes, p50 %s, p99 %s (aim: p50 at most %s)",
		f.what, len(f.took), at(50).Round(100*time.Microsecond), at(99).Round(100*time.Microsecond), f.aim)
	f.tests.Log(line)
	if at(50) > looseness*f.aim {
		f.tests.Errorf("%s: the median is more than %d times the aim", f.what, looseness)
	}
	path := os.Getenv("QUORATE_FIGURES")
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		f.tests.Fatal(err)
	}
	_, err = io.WriteString(file, line+"\n")
	if err := errors.Join(err, file.Close()); err != nil {
		f.tests.Fatal(err)
	}
}

// seen tells when each version of a cluster's EndpointSlices came by its watch.
type seen struct {
	mu    sync.Mutex
	times map[string]time.Time
}

func (n *named) watches(cluster string) *seen {
	n.t.Helper()
	s := &seen{times: map[string]time.Time{}}
	stream, err := n.sandbox.clients[cluster].DiscoveryV1().EndpointSlices(n.settings.Name).Watch(n.t.Context(), metav1.ListOptions{})
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(stream.Stop)
	go func() {
		for e := range stream.ResultChan() {
			if slice, ok := e.Object.(*discoveryv1.EndpointSlice); ok && e.Type != watch.Deleted {
				s.mu.Lock()
				s.times[slice.ResourceVersion] = time.Now()
				s.mu.Unlock()
			}
		}
	}()
	return s
}

// at is when a version came, which it did or will at once.
func (s *seen) at(t *testing.T, version string) (when time.Time) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for when.IsZero() && !t.Failed() {
		s.mu.Lock()
		when = s.times[version]
		s.mu.Unlock()
		if time.Now().After(deadline) {
			t.Errorf("no event told of version %s", version)
		}
	}
	return when
}

// answered waits until a server answers a name with an address alone, and tells when.
func answered(ctx context.Context, server, name, address string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if got, err := told(ctx, server, name); err == nil && got == address {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s does not answer %s with %s", server, name, address)
		case <-tick.C:
		}
	}
}

// follower is a server that follows the clusters, and what it needed for that.
type follower struct {
	address string
	*figures
}

func (n *named) followers() []follower {
	server := n.start("dns", "serve", "--listen", "127.0.0.1:0")
	address := server.Find(n.t, regexp.MustCompile(`serving \S+ at (\S+) `))
	n.follow()
	return []follower{
		{address, &figures{what: "dns serve, from the event to the answer", aim: serveAim, tests: n.t}},
		{n.primary.Address, &figures{what: "dns sync into BIND, from the event to the answer", aim: syncAim, tests: n.t}},
	}
}

// How fast a changed address is answered rightly, counted from its EndpointSlice event, by the authority of our own and by
// a BIND that is written to.
func TestNamesFollowFast(t *testing.T) {
	t.Parallel()
	n := newNamed(t, sandbox(t, "gate-on"), "fast", 6)
	clusters := n.plays()
	both := n.followers()
	eventually(t, "the names at both", 30*time.Second, func() string { return n.differs(n.truths(), both[0].address, both[1].address) })
	var group sync.WaitGroup
	for _, p := range clusters {
		events := n.watches(p.cluster)
		group.Go(func() {
			for i := range changesMeasured / len(clusters) {
				ordinal := i % len(p.pods)
				version, address := p.moves(ordinal)
				n.measure(events, version, n.replica(p.cluster, ordinal), address, both)
			}
		})
	}
	group.Wait()
	for _, f := range both {
		f.report()
	}
}

// measure waits until all answer rightly.
func (n *named) measure(events *seen, version, name, address string, all []follower) {
	var group sync.WaitGroup
	for _, f := range all {
		group.Go(func() {
			right, err := answered(n.t.Context(), f.address, name, address)
			if err != nil {
				n.t.Error(err)
				return
			}
			f.add(right.Sub(events.at(n.t, version))) // below zero where the answer was there before our own watch told of it
		})
	}
	group.Wait()
}

// differs compares what servers answer with what they should.
func (n *named) differs(want map[string]string, addresses ...string) string {
	n.t.Helper()
	var out []string
	for _, address := range addresses {
		got := map[string]string{}
		for name := range want {
			text, err := told(n.t.Context(), address, name)
			if err != nil {
				return err.Error()
			}
			got[name] = text
		}
		if d := differences(want, got); d != "" {
			out = append(out, "at "+address+":\n"+d)
		}
	}
	return strings.Join(out, "\n")
}

// Two writers without an election, of which each believes to be alone: every address is written once, none
// comes back, and afterwards nothing moves.
func TestTwoWriters(t *testing.T) {
	t.Parallel()
	n := newNamed(t, sandbox(t, "gate-on"), "writers", 4)
	clusters := n.plays()
	n.follow("--no-lease")
	n.follow("--no-lease")
	right := func() string { return n.differs(n.truths(), n.primary.Address) }
	eventually(t, "the names", 30*time.Second, right)
	before := n.serial()
	const changes = 40 // of each cluster
	var group sync.WaitGroup
	for _, p := range clusters {
		group.Go(func() {
			tick := time.NewTicker(60 * time.Millisecond)
			defer tick.Stop()
			for i := range changes {
				p.moves(i % len(p.pods))
				<-tick.C
			}
		})
	}
	group.Wait()
	eventually(t, "the names after all changes", 30*time.Second, right)
	after := n.serial()
	// A change concerns a replica, its cluster, its region and at most five seeds: one message each at worst.
	if moved, most := after-before, uint32(len(clusters)*changes*8); moved > most {
		t.Errorf("the serial moved by %d, and %d changes call for at most %d", moved, len(clusters)*changes, most)
	}
	t.Logf("the serial moved by %d for %d changes", after-before, len(clusters)*changes)
	time.Sleep(2 * time.Second) // nothing may happen, and that has no event
	if rest := n.serial(); rest != after {
		t.Errorf("the serial moved from %d to %d although nothing changed: the writers undo each other", after, rest)
	}
	n.writtenOnce()
}

func (n *named) serial() uint32 {
	n.t.Helper()
	serial, err := n.primary.Serial(n.t.Context())
	if err != nil {
		n.t.Fatal(err)
	}
	return serial
}

// writtenOnce reads BIND's journal: no replica's name came to an address twice.
func (n *named) writtenOnce() {
	n.t.Helper()
	cmd := exec.CommandContext(n.t.Context(), "named-journalprint", "zone0.jnl")
	cmd.Dir = n.primary.Dir
	out, err := subprocess.Output(cmd)
	if err != nil {
		n.t.Fatal(err)
	}
	added := map[string]int{}
	for line := range strings.Lines(out) {
		fields := strings.Fields(line) // add NAME TTL IN A ADDRESS
		if len(fields) == 6 && fields[0] == "add" && fields[4] == "A" && strings.HasPrefix(fields[1], n.settings.Name+"-") {
			added[fields[1]+" "+fields[5]]++
		}
	}
	if len(added) < 12 {
		n.t.Errorf("BIND's journal tells of %d addresses:\n%s", len(added), out)
	}
	for what, times := range added {
		if times > 1 {
			n.t.Errorf("%s was written %d times", what, times)
		}
	}
}
