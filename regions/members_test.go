package regions

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func ids(members []Member) string {
	var out []string
	for _, m := range members {
		out = append(out, m.ID.String())
	}
	return strings.Join(out, " ")
}

func TestReplicas(t *testing.T) {
	topology, _ := good(t, "pools.yaml")
	var got []string
	for _, r := range topology.Replicas() {
		got = append(got, fmt.Sprintf("%s %s", r.ID, r.Zone))
	}
	want := []string{
		"r1/broker-0 rome-a", "r1/broker-1 rome-b", "r1/broker-2 rome-c", "r1/controller-0 rome-a", "r1/controller-1 rome-b",
		"r2/broker-0 rome-a", "r2/broker-1 rome-b",
	}
	if !slices.Equal(got, want) {
		t.Errorf("replicas %v, want %v", got, want)
	}
	if topology.RegionOf("r2") != "rome" || topology.RegionOf("r3") != "" {
		t.Error("RegionOf finds the wrong region")
	}
	if _, ok := topology.ClusterByName("r3"); ok {
		t.Error("ClusterByName finds a cluster that is not there")
	}
}

func TestSlots(t *testing.T) {
	slots := func(layout shape, recorded ...string) string {
		topology, problems := Parse([]byte(cockroach("{failure: none}", layout)), "")
		if topology == nil {
			t.Fatal(problems)
		}
		var before []ReplicaID
		for _, s := range recorded {
			id, err := ParseReplicaID(s)
			if err != nil {
				t.Fatal(err)
			}
			before = append(before, id)
		}
		var out []string
		for _, id := range Slots(topology, before) {
			out = append(out, strings.Replace(id.String(), "/db", "", 1))
		}
		return strings.Join(out, " ")
	}
	three := shape{{3}, {3}, {3}}
	tests := []struct {
		name, got, want string
	}{
		{"regions in turns", slots(three), "c0-0-0 c1-0-0 c2-0-0 c0-0-1 c1-0-1"},
		{"clusters of a region in turns", slots(shape{{2, 2}, {1}}), "c0-0-0 c1-0-0 c0-1-0 c0-0-1 c0-1-1"},
		{"too few replicas", slots(shape{{1}, {1, 1}}), "c0-0-0 c1-0-0 c1-1-0 c0-0-0 c1-0-0"},
		{"no replicas", slots(shape{{0}}), ""},
		{"recorded stay", slots(three, "c2-0/db-2", "c0-0/db-0", "c1-0/db-1", "c1-0/db-0", "c0-0/db-1"), "c2-0-2 c0-0-0 c1-0-1 c1-0-0 c0-0-1"},
		{"a region goes", slots(shape{{3}, {3}}, "c0-0/db-0", "c1-0/db-0", "c2-0/db-0", "c0-0/db-1", "c1-0/db-1"), "c0-0-0 c1-0-0 c0-0-2 c0-0-1 c1-0-1"},
		{"a repeated slot is freed", slots(shape{{2}, {2}, {1}}, "c1-0/db-0", "c0-0/db-0", "c1-0/db-0", "c0-0/db-0", "c1-0/db-0"), "c1-0-0 c0-0-0 c2-0-0 c0-0-1 c1-0-1"},
		{"repeats stay while nothing is new", slots(shape{{1}, {1}}, "c1-0/db-0", "c0-0/db-0", "c0-0/db-0", "c1-0/db-0", "c1-0/db-0"), "c1-0-0 c0-0-0 c0-0-0 c1-0-0 c1-0-0"},
		{"fewer recorded than slots", slots(three, "c1-0/db-2"), "c1-0-2 c0-0-0 c1-0-0 c2-0-0 c0-0-1"},
	}
	for _, tt := range tests {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

// liveBank is the three-region topology and a cluster of it, to be changed by tests.
func liveBank(t *testing.T) (*Topology, ClusterState) {
	topology, _ := good(t, "bank.yaml")
	state := ClusterState{Cluster: "use1", Region: "us-east1", StatefulSets: []StatefulSetState{{Name: "bank", Replicas: 3}}}
	for i, zone := range []string{"us-east1-b", "us-east1-c", ""} {
		id := ReplicaID{Cluster: "use1", Pool: "bank", Ordinal: i}
		state.Pods = append(state.Pods, PodState{ID: id, Node: fmt.Sprintf("n%d", i), Zone: zone})
	}
	state.Nodes = []NodeState{{Name: "n2", Zone: "us-east1-c"}}
	return topology, state
}

// east are the members of the cluster that liveBank observes.
func east(l Layout) []Member {
	return slices.DeleteFunc(slices.Clone(l.Members), func(m Member) bool { return m.ID.Cluster != "use1" })
}

func TestLiveLayout(t *testing.T) {
	tests := []struct {
		name   string
		change func(*ClusterState)
		want   string // members of the observed cluster
		zones  []string
	}{
		{"zones as observed, of the pod or its node", func(*ClusterState) {}, "use1/bank-0 use1/bank-1 use1/bank-2", []string{"us-east1-b", "us-east1-c", "us-east1-c"}},
		{"a pod that is not bound has its declared zone", func(s *ClusterState) { s.Pods[1].Node = "" }, "use1/bank-0 use1/bank-1 use1/bank-2", []string{"us-east1-b", "us-east1-c", "us-east1-c"}},
		{"an absent pod is a member still", func(s *ClusterState) { s.Pods = s.Pods[:1] }, "use1/bank-0 use1/bank-1 use1/bank-2", []string{"us-east1-b", "us-east1-c", "us-east1-d"}},
		{"a node without label is in an unknown zone", func(s *ClusterState) { s.Nodes = nil }, "use1/bank-0 use1/bank-1 use1/bank-2", []string{"us-east1-b", "us-east1-c", ""}},
		{"a replica not born yet is no member", func(s *ClusterState) { s.StatefulSets[0].Replicas, s.Pods = 2, s.Pods[:2] }, "use1/bank-0 use1/bank-1", []string{"us-east1-b", "us-east1-c"}},
		{"a replica with a claim was born", func(s *ClusterState) {
			s.StatefulSets, s.Pods, s.Claims = nil, nil, []ClaimState{{Name: "data-bank-2"}}
		}, "use1/bank-2", []string{"us-east1-d"}},
		{"a claim beyond the topology is a member's", func(s *ClusterState) { s.Claims = []ClaimState{{Name: "data-bank-4"}} }, "use1/bank-0 use1/bank-1 use1/bank-2 use1/bank-4", []string{"us-east1-b", "us-east1-c", "us-east1-c", "us-east1-c"}},
		{"a claim of a pool with a longer name", func(s *ClusterState) {
			s.StatefulSets = append(s.StatefulSets, StatefulSetState{Name: "big-bank"})
			s.Claims = []ClaimState{{Name: "data-big-bank-4"}}
		}, "use1/bank-0 use1/bank-1 use1/bank-2 use1/big-bank-4", []string{"us-east1-b", "us-east1-c", "us-east1-c", "us-east1-c"}},
		{"a pod beyond the topology votes", func(s *ClusterState) { s.StatefulSets[0].Replicas = 4 }, "use1/bank-0 use1/bank-1 use1/bank-2 use1/bank-3", []string{"us-east1-b", "us-east1-c", "us-east1-c", "us-east1-b"}},
		{"before the installation there is nobody", func(s *ClusterState) { *s = ClusterState{Cluster: "use1"} }, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topology, state := liveBank(t)
			tt.change(&state)
			l := LiveLayout(topology, []ClusterState{state})
			var zones []string
			for _, m := range east(l) {
				zones = append(zones, m.Zone)
			}
			if got := ids(east(l)); got != tt.want || !slices.Equal(zones, tt.zones) {
				t.Errorf("members %s in %q, want %s in %q", got, zones, tt.want, tt.zones)
			}
			if others := len(l.Members) - len(east(l)); others != 6 {
				t.Errorf("%d members in clusters that were not seen, want the 6 declared", others)
			}
		})
	}
}

// TestLiveLayoutOfDroppedCluster shows that a cluster which left the topology votes until it is gone.
func TestLiveLayoutOfDroppedCluster(t *testing.T) {
	topology, state := liveBank(t)
	state.Cluster, state.Region = "old", "mars"
	for i := range state.Pods {
		state.Pods[i].ID.Cluster = "old"
	}
	l := LiveLayout(topology, []ClusterState{state})
	if len(l.Members) != 12 || l.Members[11].Region != "mars" || l.Members[11].ID.String() != "old/bank-2" {
		t.Errorf("members %s", ids(l.Members))
	}
}

// TestLiveLayoutDiffersFromDeclared shows why the live one is asked: two replicas in one zone.
func TestLiveLayoutDiffersFromDeclared(t *testing.T) {
	topology, state := liveBank(t)
	if got := DeclaredLayout(topology).WorstExposure(1).String(); got != "a zone may be lost, not a region (slack 1)" {
		t.Errorf("declared: %s", got)
	}
	state.Pods[1].Zone = "us-east1-c"
	state.Pods[0].Zone = "us-east1-c"
	if got := LiveLayout(topology, []ClusterState{state}).WorstExposure(1).String(); got != "a node may be lost, not a zone (slack 1)" {
		t.Errorf("live: %s", got)
	}
}
