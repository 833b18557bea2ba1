package serve_test

import (
	"testing"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// TestPoolsOfOneService: several StatefulSets may share a governing service, such as the
// voters and the observers of one ensemble.
func TestPoolsOfOneService(t *testing.T) {
	one := newCluster(t, "use1")
	one.put(t, "s", slicePod("bank-0", "a", "10.1.0.1"), slicePod("bank-0-0", "b", "10.1.0.2"), slicePod("other-0", "c", "10.1.0.3"))
	source := one.source()
	source.Services = map[string]string{"bank": "bank-headless", "bank-0": "bank-headless"}
	topology := bank()
	topology.Spec.Regions = []regions.Region{{Name: "us-east1", Clusters: []regions.Cluster{
		{Name: "use1", Pools: map[string]int{"bank": 1, "bank-0": 1}},
	}}}
	server, address := start(t, serve.Config{Topology: topology, Sources: []serve.Source{source}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.1]")
	eventually(t, address, "bank-0-0.use1."+origin, "NOERROR[10.1.0.2]")
	eventually(t, address, "use1."+origin, "NOERROR[10.1.0.1 10.1.0.2]")
}

// TestTerminatingGivesWay: of two pods that claim one replica, the one that is not being deleted is named, also where it is the older one (a slice of
// the other came late); alone, a terminating pod is named until it is gone.
func TestTerminatingGivesWay(t *testing.T) {
	one := newCluster(t, "use1")
	one.put(t, "first", slicePod("bank-0", "a", "10.1.0.1"))
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{one.source()}})
	if err := server.WaitSynced(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.1]")
	one.put(t, "second", terminating(slicePod("bank-0", "b", "10.1.0.2")), slicePod("bank-1", "c", "10.1.0.3"))
	eventually(t, address, "bank-1.use1."+origin, "NOERROR[10.1.0.3]")
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.1]")
	one.set(t, newSlice("first", "bank-headless"))
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.2]")
}
