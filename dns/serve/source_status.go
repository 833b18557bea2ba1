package serve

import (
	"time"

	"quorate.dev/quorate/dns"
)

// SourceStatus is how well one cluster is known.
type SourceStatus struct {
	Cluster string
	// Synced: the cluster was read whole at least once, so that its names are answered.
	Synced bool
	// LastContact is when its API server last answered or sent anything to this process; zero if never.
	LastContact time.Time
	// Restored is when the pods that are served were known, where they are those of the last known state; else zero.
	Restored time.Time
	// Err is why it cannot be watched now, nil while it is.
	Err  error
	Pods int // with an address, as last known
}

// lastKnown is when the cluster last told anything; of another run, where it was not read yet; zero if never.
func (s SourceStatus) lastKnown() time.Time {
	if s.Synced {
		return s.LastContact
	}
	return s.Restored
}

// lastKnown are the pods last known, when they were, the zero time where the cluster was never read, and whether it was
// read by this process.
func (w *watcher) lastKnown() (pods []dns.Endpoint, at time.Time, synced bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isSynced() {
		return w.pods, w.lastContact, true
	}
	return w.restored, w.restoredAt, false
}

func (w *watcher) status() SourceStatus {
	pods, _, _ := w.lastKnown()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := SourceStatus{Cluster: w.source.Cluster, Synced: w.isSynced(), LastContact: w.lastContact, Err: w.err, Pods: countPods(pods)}
	if !out.Synced {
		out.Restored = w.restoredAt
	}
	return out
}

// countPods counts a dual-stack pod, which comes once a family, once.
func countPods(pods []dns.Endpoint) int {
	seen := map[string]bool{}
	for _, p := range pods {
		seen[p.Replica.String()+"/"+p.PodUID] = true
	}
	return len(seen)
}
