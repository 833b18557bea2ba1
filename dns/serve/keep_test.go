package serve

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// hookedState calls a function at every save, with which one it is, before it is done.
type hookedState struct {
	data  []byte
	saves int
	hook  func(save int)
}

func (h *hookedState) Load(context.Context) ([]byte, error) { return h.data, nil }

func (h *hookedState) Save(_ context.Context, data []byte) error {
	h.saves++
	h.data = data
	if h.hook != nil {
		h.hook(h.saves)
	}
	return nil
}

// seeds are those that were kept.
func (h *hookedState) seeds(t *testing.T) []knownSeed {
	t.Helper()
	known, err := unsealState(h.data)
	if err != nil {
		t.Fatal(err)
	}
	return known.Seeds
}

// restoredServer knows a cluster from the state, and is not run.
func restoredServer(t *testing.T, state *hookedState) (*Server, *regions.Topology) {
	t.Helper()
	topology := &regions.Topology{Metadata: regions.Metadata{Name: "bank"}}
	topology.Spec.DNS.Zone = testZone
	topology.Spec.Regions = []regions.Region{{Name: "us-east1", Clusters: []regions.Cluster{{Name: "use1", Namespace: "bank", Replicas: 3}}}}
	services := map[string]string{"bank": "bank"}
	data, err := knownState{
		Deployment: "bank", Zone: dns.Canonical(testZone), Clusters: []knownCluster{{Name: "use1", Region: "us-east1", Namespace: "bank", Services: services, Known: time.Now()}},
	}.seal()
	if err != nil {
		t.Fatal(err)
	}
	state.data = data
	server, err := New(t.Context(), Config{
		Topology: topology, Now: time.Now, State: state, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
		Sources: []Source{{Cluster: "use1", Namespace: "bank", Services: services, Client: new(kubernetes.Clientset)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return server, topology
}

// TestNoChangeIsKeptLate: what changes before the keeper looked for the first time, and what changes while it writes, is kept as
// soon as any other change: a server that is killed has not lost minutes of it.
func TestNoChangeIsKeptLate(t *testing.T) {
	slot := func(ordinal int) []regions.ReplicaID {
		return []regions.ReplicaID{{Cluster: "use1", Pool: "bank", Ordinal: ordinal}}
	}
	for what, test := range map[string]struct{ before, during bool }{
		"before the first look": {before: true}, "while it is written": {during: true}, "both": {true, true},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				state := &hookedState{}
				server, _ := restoredServer(t, state)
				set := func(ordinal int) {
					if err := server.SetSlots(slot(ordinal)); err != nil {
						t.Error(err)
					}
				}
				want := 1
				if test.during {
					want = 2
					state.hook = func(save int) {
						if save == 1 {
							set(2)
						}
					}
				}
				if test.before {
					set(1)
				}
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { defer close(done); server.keep(ctx) }()
				synctest.Wait()
				if !test.before {
					set(1)
				}
				time.Sleep(5 * saveAfter)
				synctest.Wait()
				if got := state.seeds(t); !slices.Equal(got, []knownSeed{{"use1", "bank", want}}) {
					t.Errorf("after %s the seeds are kept as %v, those of ordinal %d are wanted; %d saves", 5*saveAfter, got, want, state.saves)
				}
				if state.saves > 2 {
					t.Errorf("it was kept %d times", state.saves)
				}
				cancel()
				<-done
			})
		})
	}
}
