package regions

import (
	"fmt"
	"maps"
	"testing"
)

// shape describes a layout: for each region its zones, for each zone its number of replicas.
type shape [][]int

func (s shape) layout(model Model, voters int, promise Failure) Layout {
	l := Layout{Model: model, Voters: voters, Promise: promise}
	for r, zones := range s {
		ordinal := 0
		for z, n := range zones {
			for range n {
				id := ReplicaID{Cluster: fmt.Sprintf("c%d", r), Pool: "db", Ordinal: ordinal}
				ordinal++
				l.Members = append(l.Members, Member{ID: id, Region: fmt.Sprintf("r%d", r), Zone: fmt.Sprintf("r%d-%d", r, z)})
			}
		}
	}
	return l
}

// usual is three regions of three replicas, one in each of three zones.
func usual() shape { return shape{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}} }

// TestClassicLayouts has the layouts whose answers are known from the
// databases' own documentation.
func TestClassicLayouts(t *testing.T) {
	tests := []struct {
		name   string
		layout Layout
		down   int // any so many replicas
		want   Failure
		slack  int
	}{
		{"ranges: the usual layout at rest", usual().layout(ModelRanges, 5, FailureRegion), 0, FailureRegion, 2},
		{"ranges: the usual layout, one down", usual().layout(ModelRanges, 5, FailureRegion), 1, FailureZone, 1},
		{"ranges: the usual layout, two down", usual().layout(ModelRanges, 5, FailureRegion), 2, FailureNone, 0},
		{"ranges: the usual layout, three down", usual().layout(ModelRanges, 5, FailureRegion), 3, FailureNone, -1},
		{"ranges: zone survival keeps all voters at home", usual().layout(ModelRanges, 3, FailureZone), 0, FailureZone, 1},
		{"ranges: zone survival, one down", usual().layout(ModelRanges, 3, FailureZone), 1, FailureNone, 0},
		{"ranges: two regions never survive one", shape{{1, 1, 1}, {1, 1, 1}}.layout(ModelRanges, 5, FailureRegion), 0, FailureZone, 2},
		{"ranges: a region of one zone", shape{{3}}.layout(ModelRanges, 3, FailureZone), 0, FailureNode, 1},
		{"ranges: two zones", shape{{2, 2}}.layout(ModelRanges, 3, FailureZone), 0, FailureNode, 1},
		{"ranges: small regions push voters together", shape{{1}, {1}, {1, 1, 1}}.layout(ModelRanges, 5, FailureRegion), 0, FailureZone, 2},
		{"ranges: five regions do not help the home region", shape{{1, 1, 1}, {1}, {1}, {1}, {1}}.layout(ModelRanges, 5, FailureRegion), 1, FailureZone, 1},
		{"ranges: fewer replicas than voters", shape{{1, 1}, {1}}.layout(ModelRanges, 5, FailureRegion), 0, FailureNone, 0},
		{"ranges: fewer replicas than voters, all of them down", shape{{1, 1}, {1}}.layout(ModelRanges, 5, FailureRegion), 4, FailureNone, -3},
		{"ranges: four voters over four regions", shape{{2}, {2}, {2}, {2}}.layout(ModelRanges, 4, FailureRegion), 0, FailureRegion, 1},
		{"group: three in three regions", shape{{1}, {1}, {1}}.layout(ModelQuorumGroup, 0, FailureRegion), 0, FailureRegion, 1},
		{"group: three in three regions, one down", shape{{1}, {1}, {1}}.layout(ModelQuorumGroup, 0, FailureRegion), 1, FailureNone, 0},
		{"group: five in three regions at rest", shape{{1, 1}, {1, 1}, {1}}.layout(ModelQuorumGroup, 5, FailureRegion), 0, FailureRegion, 2},
		{"group: five in three regions, one down", shape{{1, 1}, {1, 1}, {1}}.layout(ModelQuorumGroup, 5, FailureRegion), 1, FailureZone, 1},
		{"group: five in five regions, one down", shape{{1}, {1}, {1}, {1}, {1}}.layout(ModelQuorumGroup, 5, FailureRegion), 1, FailureRegion, 1},
		{"group: seven in four regions, one down", shape{{2}, {2}, {2}, {1}}.layout(ModelQuorumGroup, 7, FailureRegion), 1, FailureRegion, 2},
		{"group: nine in three regions, one down", shape{{3}, {3}, {3}}.layout(ModelQuorumGroup, 9, FailureRegion), 1, FailureRegion, 3},
		{"group: all in one zone", shape{{3}}.layout(ModelQuorumGroup, 3, FailureNode), 0, FailureNode, 1},
		{"group: one alone", shape{{1}}.layout(ModelQuorumGroup, 1, FailureNone), 0, FailureNone, 0},
		{"group: nobody", shape{}.layout(ModelQuorumGroup, 0, FailureNone), 0, FailureNone, -1},
		{"none", usual().layout(ModelNone, 0, FailureNone), 0, FailureNone, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.layout.WorstExposure(tt.down)
			if e.Strongest() != tt.want || e.Slack != tt.slack {
				t.Errorf("with any %d down: %s and slack %d, want %s and %d", tt.down, e.Strongest(), e.Slack, tt.want, tt.slack)
			}
			if got := tt.layout.Strongest(tt.down); got != tt.want {
				t.Errorf("Strongest(%d) = %s, want %s", tt.down, got, tt.want)
			}
			if len(e.Survives) != len(Failures()) {
				t.Errorf("survives %v lacks a failure", e.Survives)
			}
		})
	}
}

// TestDownRepairIsFree shows that a replica counts once, however often it is taken down.
func TestDownRepairIsFree(t *testing.T) {
	l := usual().layout(ModelRanges, 5, FailureRegion)
	id := l.Members[4].ID
	one := l.Exposure(map[ReplicaID]bool{id: true})
	same := l.Exposure(map[ReplicaID]bool{id: true, {Cluster: "elsewhere", Pool: "db"}: true, l.Members[0].ID: false})
	if one.Slack != same.Slack || !maps.Equal(one.Survives, same.Survives) || one.Slack != 1 {
		t.Errorf("%v differs from %v", one, same)
	}
}

// TestUnknownZone shows that one unknown zone makes its region one zone, since it may be any of the others.
func TestUnknownZone(t *testing.T) {
	l := shape{{1, 1, 1}}.layout(ModelRanges, 3, FailureZone)
	if !l.Exposure(nil).Survives[FailureZone] {
		t.Fatal("three zones must survive one")
	}
	l.Members[1].Zone = ""
	if e := l.Exposure(nil); e.Survives[FailureZone] || !e.Survives[FailureNode] {
		t.Errorf("with an unknown zone: %v", e)
	}
}

// TestSharedNode shows that two replicas on one Kubernetes node fall together.
func TestSharedNode(t *testing.T) {
	l := shape{{3}}.layout(ModelQuorumGroup, 3, FailureNode)
	l.Members[0].Node, l.Members[1].Node, l.Members[2].Node = "n1", "n2", "n3"
	if !l.Exposure(nil).Survives[FailureNode] {
		t.Fatal("three nodes must survive one")
	}
	l.Members[1].Node = "n1"
	if l.Exposure(nil).Survives[FailureNode] {
		t.Error("two of three voters on a node survive it")
	}
	l.Members[1].ID.Cluster = "another"
	if !l.Exposure(nil).Survives[FailureNode] {
		t.Error("equal node names in two clusters are taken for one node")
	}
}

func TestExposureString(t *testing.T) {
	usualLayout := usual().layout(ModelRanges, 5, FailureRegion)
	tests := []struct {
		exposure Exposure
		want     string
	}{
		{usualLayout.WorstExposure(0), "a region may be lost (slack 2)"},
		{usualLayout.WorstExposure(1), "a zone may be lost, not a region (slack 1)"},
		{shape{{3}}.layout(ModelQuorumGroup, 3, FailureNode).WorstExposure(0), "a node may be lost, not a zone (slack 1)"},
		{usualLayout.WorstExposure(2), "not even a node may be lost (slack 0)"},
		{usualLayout.WorstExposure(4), "there is no quorum (slack -2)"},
	}
	for _, tt := range tests {
		if got := tt.exposure.String(); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}

func BenchmarkExposure(b *testing.B) {
	for _, regions := range []int{3, 30, 300} {
		b.Run(fmt.Sprint(regions), func(b *testing.B) {
			s := make(shape, regions)
			for i := range s {
				s[i] = []int{1, 1, 1}
			}
			l := s.layout(ModelRanges, 5, FailureRegion)
			for b.Loop() {
				l.WorstExposure(1)
			}
		})
	}
}
