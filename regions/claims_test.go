package regions

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestClaimReplica(t *testing.T) {
	both := []string{"bank", "big-bank"}
	tests := []struct {
		claim   string
		pools   []string
		pool    string
		ordinal int
	}{
		{"data-bank-0", both, "bank", 0},
		{"data-bank-12", both, "bank", 12},
		{"data-big-bank-1", both, "big-bank", 1},
		{"data-big-bank-1", []string{"big-bank", "bank"}, "big-bank", 1},
		{"data-big-bank-1", []string{"bank"}, "bank", 1}, // template data-big
		{"wal-of-db-bank-3", both, "bank", 3},
		{"bank-0", both, "", 0},         // no template
		{"-bank-0", both, "", 0},        // an empty one
		{"big-bank-0", both, "bank", 0}, // template big
		{"data-piggybank-0", both, "", 0},
		{"data-bank", both, "", 0},
		{"data-bank-", both, "", 0},
		{"data-bank-x", both, "", 0},
		{"data-bank-01", both, "", 0},
		{"data-bank-+1", both, "", 0},
		{"data-bank-99999999999999999999", both, "", 0},
		{"", both, "", 0},
		{"data-bank-0", nil, "", 0},
	}
	for _, tt := range tests {
		pool, ordinal, ok := ClaimReplica(tt.claim, tt.pools)
		if pool != tt.pool || ordinal != tt.ordinal || ok != (tt.pool != "") {
			t.Errorf("claim %q of %v is of %q %d, %v; want %q %d", tt.claim, tt.pools, pool, ordinal, ok, tt.pool, tt.ordinal)
		}
	}
}

// TestClaimIsOfOne: a claim that a replica makes is found to be that replica's, unless a pool's
// name explains more of it, and never of two pools.
func TestClaimIsOfOne(t *testing.T) {
	name := rapid.StringMatching(`[a-c](-?[a-c]){0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		pools := rapid.SliceOfN(name, 1, 4).Draw(t, "pools")
		id := ReplicaID{Cluster: "c", Pool: rapid.SampledFrom(pools).Draw(t, "pool"), Ordinal: rapid.IntRange(0, 1000).Draw(t, "ordinal")}
		claim := ClaimState{Name: name.Draw(t, "template") + "-" + id.Pod()}
		pool, ordinal, ok := ClaimReplica(claim.Name, pools)
		if !ok || ordinal != id.Ordinal || len(pool) < len(id.Pool) {
			t.Fatalf("claim %s of %s is of %s-%d (%v)", claim.Name, id, pool, ordinal, ok)
		}
		state := ClusterState{Cluster: "c", Claims: []ClaimState{claim}}
		for _, p := range pools {
			state.StatefulSets = append(state.StatefulSets, StatefulSetState{Name: p})
		}
		owners := slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(pools))), func(p string) bool {
			return !ClaimOf(state, claim, ReplicaID{Cluster: "c", Pool: p, Ordinal: id.Ordinal})
		})
		if !slices.Equal(owners, []string{pool}) {
			t.Fatalf("claim %s is of %v, ClaimReplica says %s", claim.Name, owners, pool)
		}
		if got := Claimed(state, nil); len(got) != 1 || got[0].Pool != pool {
			t.Fatalf("claimed are %v", got)
		}
	})
}

func TestEmptied(t *testing.T) {
	pinned := func() []ClusterState {
		one := Record{Exists: true, Clusters: map[string]string{"a": "uid-a", "b": "uid-b"}, Database: DatabaseRecord{Installed: "r1"}}
		return []ClusterState{{Cluster: "a", Record: one}, {Cluster: "b"}}
	}
	tests := map[string]struct {
		edit func(states []ClusterState)
		want bool
	}{
		"nothing left":       {func([]ClusterState) {}, true},
		"a set":              {func(s []ClusterState) { s[1].StatefulSets = []StatefulSetState{{Name: "bank"}} }, false},
		"a pod":              {func(s []ClusterState) { s[1].Pods = []PodState{{}} }, false},
		"a volume":           {func(s []ClusterState) { s[1].Claims = []ClaimState{{Name: "data-bank-0"}} }, false},
		"a record":           {func(s []ClusterState) { s[1].Record.Exists = true }, false},
		"nobody knows it":    {func(s []ClusterState) { delete(s[0].Record.Clusters, "b") }, false},
		"nothing installed":  {func(s []ClusterState) { s[0].Record.Database = DatabaseRecord{IntentRun: "r1"} }, false},
		"an initialised one": {func(s []ClusterState) { s[0].Record.Database = DatabaseRecord{ClusterID: "id"} }, true},
		"one that only serves": {func(s []ClusterState) {
			s[0].Record.Database, s[0].Pods = DatabaseRecord{}, []PodState{{Phase: "Running", Ready: true}}
		}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			states := pinned()
			tt.edit(states)
			if got := Emptied(&Topology{}, "b", states); got != tt.want {
				t.Errorf("emptied: %v", got)
			}
			if Emptied(&Topology{}, "a", states) || Emptied(&Topology{}, "c", states) {
				t.Error("a cluster that has a record, or that was not seen, is taken for an emptied one")
			}
		})
	}
}

// TestLiveLayoutOfEmptiedCluster: the database counts on the replicas of a region that lost
// everything, while those of a new region cost nothing yet.
func TestLiveLayoutOfEmptiedCluster(t *testing.T) {
	topology, state := liveBank(t)
	topology.Spec.Regions = topology.Spec.Regions[:2]
	lost := topology.Spec.Regions[1].Clusters[0]
	state.Record = Record{Exists: true, Clusters: map[string]string{"use1": "u"}, Database: DatabaseRecord{Installed: "r1"}}
	states := []ClusterState{state, {Cluster: lost.Name}}
	if n := len(LiveLayout(topology, states).Members); n != 3 {
		t.Errorf("a new region adds members: %d", n)
	}
	state.Record.Clusters[lost.Name] = "u2"
	if n := len(LiveLayout(topology, states).Members); n != 3+lost.Replicas {
		t.Errorf("%d members, want %d", n, 3+lost.Replicas)
	}
}
