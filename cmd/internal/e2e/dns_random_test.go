package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const eventsAtLeast = 1000

// happens lets one thing happen in the cluster, at random, and returns how often an EndpointSlice was written.
func (p *played) happens(r *rand.Rand) int {
	ordinal := r.IntN(len(p.pods))
	pod := &p.pods[ordinal]
	switch kind := r.IntN(10); {
	case kind == 0: // the pod goes, and nobody follows yet
		pod.address = ""
	case kind == 1: // it is ready no more, or again: peers must find it all the same
		pod.unready = !pod.unready
	case kind <= 3 && pod.address != "": // its follower is there before it has ended
		ends, terminating := p.endpoint(ordinal), true
		ends.Conditions = discoveryv1.EndpointConditions{Terminating: &terminating}
		p.ending = &ends
		p.renew(ordinal)
		p.write(slicesOfCluster)
		p.write(ordinal % slicesOfCluster)
		return 2
	default:
		p.renew(ordinal)
	}
	p.write(ordinal % slicesOfCluster)
	return 1
}

// settles ends what is under way: every replica has one pod.
func (p *played) settles() {
	p.ending = nil
	for ordinal := range p.pods {
		if p.pods[ordinal].address == "" {
			p.renew(ordinal)
		}
	}
	for i := range slicesOfCluster + 1 {
		p.write(i)
	}
}

// Over a thousand events of three clusters whose API servers are stopped and started in turn: in the end no record
// is lost and none invented, and meanwhile those of the stopped cluster stay.
func TestNamesThroughOutages(t *testing.T) {
	h := sandbox(t, "stopped")
	t.Parallel()
	n := newNamed(t, h, "random", 6)
	h.stopping.Lock()
	defer h.stopping.Unlock()
	clusters := n.plays()
	both := n.followers()
	addresses := []string{both[0].address, both[1].address}
	eventually(t, "the names at first", 30*time.Second, func() string { return n.differs(n.truths(), addresses...) })
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	var over atomic.Bool
	done := make(chan int)
	go func() { done <- n.storm(clusters, rand.New(rand.NewPCG(seed, 1)), &over) }()
	for _, cluster := range clusterNames {
		n.outage(clusters[cluster], addresses)
	}
	over.Store(true)
	t.Logf("%d events", <-done)
	for _, p := range clusters {
		p.settles()
	}
	want := n.truths()
	eventually(t, "the names after all events", 40*time.Second, func() string { return n.differs(want, addresses...) })
	n.judge(want, addresses)
	n.goesAway(clusters["use1"], addresses)
}

// storm lets things happen in the clusters that are not held, until it is over and they were enough.
func (n *named) storm(clusters map[string]*played, r *rand.Rand, over *atomic.Bool) int {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	events := 0
	for (!over.Load() || events < eventsAtLeast) && !n.t.Failed() {
		if p := clusters[clusterNames[r.IntN(len(clusterNames))]]; p.TryLock() {
			events += p.happens(r)
			p.Unlock()
		}
		<-tick.C
	}
	return events
}

// outage stops a cluster's API server for a while: what was known of it stays.
func (n *named) outage(p *played, addresses []string) {
	n.t.Helper()
	p.Lock()
	defer p.Unlock()
	p.settles()
	want := n.truth(p.cluster)
	stays := func() string { return n.differs(want, addresses...) }
	eventually(n.t, "the names of "+p.cluster+" before its outage", 40*time.Second, stays)
	n.sandbox.must(n.t, "stop", p.cluster, "--name", n.sandbox.name)
	if lost := stays(); lost != "" {
		n.t.Errorf("while %s is stopped: %s", p.cluster, lost)
	}
	time.Sleep(time.Second) // nothing may happen to its names, and that has no event
	if lost := stays(); lost != "" {
		n.t.Errorf("while %s is stopped: %s", p.cluster, lost)
	}
	n.sandbox.must(n.t, "start", p.cluster, "--name", n.sandbox.name)
	eventually(n.t, p.cluster+" answers", 30*time.Second, func() string {
		_, err := n.sandbox.clients[p.cluster].DiscoveryV1().EndpointSlices(n.settings.Name).List(n.t.Context(), metav1.ListOptions{})
		if err != nil {
			return err.Error()
		}
		return ""
	})
	for ordinal := range p.pods { // it comes back with other addresses
		p.moves(ordinal)
	}
}

// judge holds the whole zone against the truth: nothing else is in it.
func (n *named) judge(want map[string]string, addresses []string) {
	n.t.Helper()
	listed, others := n.listed()
	got := map[string]string{}
	for name, values := range listed {
		got[name] = strings.Join(values, " ")
	}
	for _, seed := range n.seeds() {
		if !isReplica(want, n.settings.Name, got[seed]) {
			n.t.Errorf("%s is %q, of no replica", seed, got[seed])
		}
		if other, err := told(n.t.Context(), addresses[0], seed); err != nil || other != got[seed] {
			n.t.Errorf("%s is %q at one authority and %q at the other (%v)", seed, other, got[seed], err)
		}
		delete(got, seed)
	}
	if d := differences(want, got); d != "" {
		n.t.Errorf("the zone:\n%s", d)
	}
	for name, values := range others {
		for _, value := range values {
			target := value[strings.LastIndex(value, " ")+1:]
			if !strings.HasPrefix(value, "SRV ") || want[target] == "" {
				n.t.Errorf("%s holds %s", name, value)
			}
		}
	}
	if gone := n.differs(map[string]string{n.replica("use1", 6): "", n.replica("euw1", 99): ""}, addresses...); gone != "" {
		n.t.Errorf("names that nobody has: %s", gone)
	}
}

// isReplica tells whether an address is that of a single replica.
func isReplica(want map[string]string, deployment, address string) bool {
	for name, value := range want {
		if strings.HasPrefix(name, deployment+"-") && value == address {
			return true
		}
	}
	return false
}

// goesAway: a replica whose pod is away has no address at the authority that knows so, and keeps the last one in the zone that
// is written to, where a negative answer might live long.
func (n *named) goesAway(p *played, addresses []string) {
	n.t.Helper()
	last, name := p.pods[0].address, n.replica(p.cluster, 0)
	p.pods[0].address = ""
	p.write(0)
	rest := n.truths()[p.cluster+"."+n.zone()]
	if len(strings.Fields(rest)) != len(p.pods)-1 || slices.Contains(strings.Fields(rest), last) {
		n.t.Fatalf("the cluster says %q after %s went", rest, last)
	}
	eventually(n.t, fmt.Sprintf("%s without %s", p.cluster, last), 20*time.Second, func() string {
		return n.differs(map[string]string{p.cluster + "." + n.zone(): rest}, addresses...)
	})
	if d := n.differs(map[string]string{name: ""}, addresses[0]); d != "" {
		n.t.Error(d)
	}
	if d := n.differs(map[string]string{name: last}, addresses[1]); d != "" {
		n.t.Error(d)
	}
}
