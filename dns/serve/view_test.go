package serve_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// TestView: a server without a listener tells what it knows, whole, and of every change of it.
func TestView(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	euw1.down.Store(true)
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	server, err := serve.New(t.Context(), serve.Config{
		Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, Now: time.Now,
		Slots: []regions.ReplicaID{id("use1", 0)},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	until := func(what string, ok func(serve.View) bool) serve.View {
		t.Helper()
		deadline := time.After(20 * time.Second)
		for {
			view, replaced := server.View()
			if ok(view) {
				return view
			}
			select {
			case <-replaced:
			case <-deadline:
				t.Fatalf("%s was not seen: unread %v, %d records", what, view.Unread, len(view.Records))
			}
		}
	}
	view := until("the first cluster", func(v serve.View) bool { return slices.Equal(v.Unread, []string{"euw1"}) })
	if len(view.Names) == 0 || view.Complete() || fmt.Sprint(view.Endpoints[0].IPs) != "[10.1.0.4]" || len(view.Records) != 4 {
		t.Errorf("got %+v", view)
	}
	changed := server.Changed()
	euw1.down.Store(false)
	until("the second cluster", serve.View.Complete)
	<-changed
	use1.put(t, "slice-1", slicePod("bank-1", "b", "10.1.0.5"))
	until("a pod", func(v serve.View) bool { return len(v.Endpoints) == 2 && v.Serial != view.Serial })
	if err := server.SetSlots([]regions.ReplicaID{id("use1", 1)}); err != nil {
		t.Fatal(err)
	}
	if view, _ := server.View(); !slices.Equal(view.Slots, []regions.ReplicaID{id("use1", 1)}) {
		t.Errorf("slots are %v", view.Slots)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
