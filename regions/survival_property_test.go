package regions

import (
	"fmt"
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

// smallLayout draws a layout small enough to enumerate: up to eight members in
// up to five regions of up to three zones, some on shared nodes.
func smallLayout(t *rapid.T) Layout {
	l := Layout{
		Model:   rapid.SampledFrom([]Model{ModelRanges, ModelQuorumGroup}).Draw(t, "model"),
		Promise: rapid.SampledFrom([]Failure{FailureNone, FailureNode, FailureZone, FailureRegion}).Draw(t, "promise"),
	}
	n := rapid.IntRange(1, 8).Draw(t, "members")
	for i := range n {
		region := rapid.IntRange(0, 4).Draw(t, "region")
		l.Members = append(l.Members, Member{
			ID:     ReplicaID{Cluster: fmt.Sprintf("c%d", region), Pool: "db", Ordinal: i},
			Region: fmt.Sprintf("r%d", region),
			Zone:   fmt.Sprintf("r%d-%d", region, rapid.IntRange(0, 2).Draw(t, "zone")),
			Node:   rapid.SampledFrom([]string{"", fmt.Sprintf("n%d", i), "shared"}).Draw(t, "node"),
		})
	}
	l.Voters = rapid.IntRange(1, n).Draw(t, "voters")
	return l
}

// set is a set of members as bits.
type set uint

func (s set) has(i int) bool { return s>>i&1 == 1 }
func (s set) size() int      { return bits.OnesCount(uint(s)) }

// brute answers by listing every placement that the rules allow: it shares no code with the arithmetic.
type brute struct {
	l      Layout
	voters int
	groups []set // every allowed set of members that one group may use
}

func newBrute(l Layout) brute {
	b := brute{l: l, voters: l.Voters}
	if l.Model == ModelQuorumGroup {
		b.voters = len(l.Members)
		b.groups = []set{1<<len(l.Members) - 1}
		return b
	}
	home := b.voters
	if l.Promise == FailureRegion {
		home = b.voters - (b.voters/2 + 1)
	}
	for ; len(b.groups) == 0; home++ {
		for s := range set(1) << len(l.Members) {
			if s.size() == b.voters && b.allowed(s, home) {
				b.groups = append(b.groups, s)
			}
		}
	}
	return b
}

// allowed checks one placement against the bounds of region and zone.
func (b brute) allowed(s set, home int) bool {
	inRegion, inZone := map[string]int{}, map[string]int{}
	zonesOf := map[string]map[string]bool{}
	for i, m := range b.l.Members {
		if zonesOf[m.Region] == nil {
			zonesOf[m.Region] = map[string]bool{}
		}
		zonesOf[m.Region][m.Zone] = true
		if s.has(i) {
			inRegion[m.Region]++
			inZone[m.Zone]++
		}
	}
	for _, m := range b.l.Members {
		zones := len(zonesOf[m.Region])
		atMost := home / zones
		if home%zones > 0 {
			atMost++
		}
		if inRegion[m.Region] > home || inZone[m.Zone] > atMost {
			return false
		}
	}
	return true
}

// slack is the worst group's with the set lost.
func (b brute) slack(lost set) int {
	worst := len(b.l.Members)
	for _, g := range b.groups {
		worst = min(worst, (g&^lost).size()-(b.voters/2+1))
	}
	return worst
}

func (b brute) survives(f Failure, down set) bool {
	domains := map[string]set{}
	for i, m := range b.l.Members {
		key := m.Region
		switch {
		case f == FailureZone:
			key = m.Zone
		case f == FailureNode && m.Node == "":
			key = m.ID.String()
		case f == FailureNode:
			key = m.ID.Cluster + " " + m.Node
		}
		domains[key] |= 1 << i
	}
	for _, d := range domains {
		if b.slack(down|d) < 0 {
			return false
		}
	}
	return true
}

func TestExposureIsTheWorstPlacement(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLayout(t)
		b := newBrute(l)
		down := set(rapid.UintRange(0, 1<<len(l.Members)-1).Draw(t, "down"))
		ids := map[ReplicaID]bool{}
		for i, m := range l.Members {
			ids[m.ID] = down.has(i)
		}
		e := l.Exposure(ids)
		if want := b.slack(down); e.Slack != want {
			t.Fatalf("slack %d, but a placement has %d", e.Slack, want)
		}
		for _, f := range Failures() {
			if want := b.survives(f, down); e.Survives[f] != want {
				t.Fatalf("survives %s: %v, but enumeration says %v", f, e.Survives[f], want)
			}
		}
	})
}

func TestWorstExposureIsTheWorstChoice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLayout(t)
		b := newBrute(l)
		m := rapid.IntRange(0, len(l.Members)).Draw(t, "down")
		slack := len(l.Members)
		survives := map[Failure]bool{FailureNode: true, FailureZone: true, FailureRegion: true}
		for d := range set(1) << len(l.Members) {
			if d.size() != m {
				continue
			}
			slack = min(slack, b.slack(d))
			for _, f := range Failures() {
				survives[f] = survives[f] && b.survives(f, d)
			}
		}
		e := l.WorstExposure(m)
		if e.Slack != slack {
			t.Fatalf("slack %d, but a choice of %d leaves %d", e.Slack, m, slack)
		}
		for _, f := range Failures() {
			if e.Survives[f] != survives[f] {
				t.Fatalf("survives %s: %v, but enumeration says %v", f, e.Survives[f], survives[f])
			}
		}
	})
}

// TestExposureIsMonotone shows that taking one more replica down never helps,
// which is what allows a plan to check the largest sets of replicas alone.
func TestExposureIsMonotone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := smallLayout(t)
		down := map[ReplicaID]bool{}
		before := l.Exposure(down)
		for _, i := range rapid.Permutation(indexes(len(l.Members))).Draw(t, "order") {
			down[l.Members[i].ID] = true
			after := l.Exposure(down)
			if after.Slack > before.Slack {
				t.Fatalf("slack rose from %d to %d", before.Slack, after.Slack)
			}
			for _, f := range Failures() {
				if after.Survives[f] && !before.Survives[f] {
					t.Fatalf("%s is survived only with %s down", f, l.Members[i].ID)
				}
			}
			before = after
		}
	})
}

func indexes(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}
