package regions

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// sheet is a small topology that these tests write and edit as text, in ways of their own.
type sheet struct {
	model                  Model
	clusters               [][]extent // by region
	failure, whileUpdating Failure
	down, voters           int
}

type extent struct{ replicas, zones int }

func (s sheet) text() string {
	var b strings.Builder
	fmt.Fprintln(&b, "apiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: db}\nspec:")
	if s.model == ModelRanges {
		fmt.Fprintln(&b, "  profile: cockroachdb\n  image: a/b:v1\n  storage: {size: 1Gi, className: a}\n  tls: {mode: disabled}\n  dns: {zone: db.example.com}")
	} else {
		fmt.Fprintln(&b, "  profile: generic\n  base: ./base")
	}
	fmt.Fprintf(&b, "  rollout: {maxUnavailable: %d}\n  survive: {failure: %s, whileUpdating: %s, model: %s", s.down, s.failure, s.whileUpdating, s.model)
	if s.voters > 0 {
		fmt.Fprintf(&b, ", voters: %d", s.voters)
	}
	fmt.Fprint(&b, "}\n  regions:\n")
	for r, clusters := range s.clusters {
		fmt.Fprintf(&b, "    - name: r%d\n      clusters:\n", r)
		for c, e := range clusters {
			fmt.Fprintf(&b, "        - {name: c%d-%d, replicas: %d, zones: [", r, c, e.replicas)
			for z := range e.zones {
				fmt.Fprintf(&b, "z%d-%d-%d, ", r, c, z)
			}
			fmt.Fprint(&b, "]}\n")
		}
	}
	return b.String()
}

func (s sheet) clone() sheet {
	out := s
	out.clusters = nil
	for _, region := range s.clusters {
		out.clusters = append(out.clusters, slices.Clone(region))
	}
	return out
}

// follow makes the edits that a change asks for.
func (s sheet) follow(c change) sheet {
	out := s.clone()
	for _, g := range c.growth {
		var region, cluster int
		if _, err := fmt.Sscanf(g.cluster, "c%d-%d", &region, &cluster); err != nil {
			panic(err)
		}
		out.clusters[region][cluster].replicas += g.replicas["db"]
		out.clusters[region][cluster].zones += g.zones
	}
	for _, size := range c.regions {
		out.clusters = append(out.clusters, []extent{{size, size}})
	}
	out.down = cmp.Or(c.maxUnavailable, s.down)
	out.voters = cmp.Or(c.voters, s.voters)
	return out
}

// brokenPromises are the codes by which a layout is refused.
func (s sheet) brokenPromises(t rapid.TB) []string {
	var out []string
	_, problems := Parse([]byte(s.text()), "")
	for _, p := range problems.Errors() {
		switch p.Code {
		case codePromiseNotKept, codeUpdatePromiseNotKept, codeVotersOverReplicas:
			out = append(out, p.Code)
		case codeMaxUnavailableQuorum, codeNoReplicas: // another matter
		default:
			t.Fatalf("unexpected: %v\n%s", p, s.text())
		}
	}
	return out
}

// broken tells whether a promise is not kept, as Parse would, without its search for what to propose.
func (s sheet) broken() bool {
	t := &Topology{Metadata: Metadata{Name: "db"}}
	t.Spec.Survive = Survive{Model: s.model, Failure: s.failure, Voters: s.voters}
	for r, clusters := range s.clusters {
		region := Region{Name: fmt.Sprint(r)}
		for i, e := range clusters {
			c := Cluster{Name: fmt.Sprint(r, i), Replicas: e.replicas}
			for z := range e.zones {
				c.Zones = append(c.Zones, fmt.Sprint(r, i, z))
			}
			region.Clusters = append(region.Clusters, c)
		}
		t.Spec.Regions = append(t.Spec.Regions, region)
	}
	layout := DeclaredLayout(t)
	return s.model == ModelRanges && s.voters > len(layout.Members) ||
		keeps(s.failure) && !layout.Exposure(nil).Survives[s.failure] ||
		keeps(s.whileUpdating) && !layout.WorstExposure(s.down).Survives[s.whileUpdating]
}

// edited visits every sheet that is units replicas, zones and regions larger, in any order and more than once.
func (s sheet) edited(units int, visit func(sheet) bool) bool {
	if units == 0 {
		return visit(s)
	}
	for r := range s.clusters {
		for c := range s.clusters[r] {
			more := s.clone()
			more.clusters[r][c].replicas++
			wider := s.clone()
			wider.clusters[r][c].zones++
			if more.edited(units-1, visit) || wider.edited(units-1, visit) {
				return true
			}
		}
	}
	for size := 1; size < units; size++ {
		region := s.clone()
		region.clusters = append(region.clusters, []extent{{size, size}})
		if region.edited(units-1-size, visit) {
			return true
		}
	}
	return false
}

// settings are the sheets with exactly this number of settings changed.
func (s sheet) settings(changed int) []sheet {
	if changed == 0 {
		return []sheet{s}
	}
	var out []sheet
	for _, before := range s.settings(changed - 1) {
		if before.down == s.down && keeps(s.whileUpdating) {
			for down := 1; down < s.down; down++ {
				lowered := before
				lowered.down = down
				out = append(out, lowered)
			}
		}
		if before.voters == s.voters && s.model == ModelRanges {
			for _, n := range []int{3, 5, 7} {
				other := before
				other.voters = n
				out = append(out, other)
			}
		}
	}
	return out
}

func drawSheet(t *rapid.T) sheet {
	failures := append(Failures(), FailureNone)
	cluster := rapid.Custom(func(t *rapid.T) extent {
		return extent{rapid.IntRange(0, 3).Draw(t, "replicas"), rapid.IntRange(0, 2).Draw(t, "zones")}
	})
	s := sheet{
		model:         rapid.SampledFrom([]Model{ModelRanges, ModelQuorumGroup}).Draw(t, "model"),
		clusters:      rapid.SliceOfN(rapid.SliceOfN(cluster, 1, 2), 1, 3).Draw(t, "clusters"),
		failure:       rapid.SampledFrom(failures).Draw(t, "failure"),
		whileUpdating: rapid.SampledFrom(failures).Draw(t, "while updating"),
		down:          rapid.IntRange(1, 3).Draw(t, "down"),
	}
	if s.model == ModelRanges {
		s.voters = rapid.SampledFrom([]int{3, 5}).Draw(t, "voters")
	}
	return s
}

// TestSmallestChange shows that the proposed change, made in the text, is enough, and by trying all that are
// smaller that none of them is.
func TestSmallestChange(t *testing.T) {
	most := 25 // searches of everything smaller; thorough with QUORATE_SEEDS
	if os.Getenv("QUORATE_SEEDS") != "" {
		most = 10_000
	}
	rapid.Check(t, func(t *rapid.T) {
		s := drawSheet(t)
		topology, problems := Parse([]byte(s.text()), "")
		if broken := len(s.brokenPromises(t)) > 0; broken != s.broken() && !slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == codeNoReplicas }) {
			t.Fatalf("Parse says broken: %t\n%s", broken, s.text())
		}
		if !s.broken() || slices.ContainsFunc(problems, func(p Problem) bool { return p.Code == codeVotersOverReplicas || p.Code == codeNoReplicas }) {
			t.Skip("keeps its promises, or has another fault")
		}
		if most--; most < 0 {
			return
		}
		found, ok := repair{t: topology, failure: s.failure, whileUpdating: s.whileUpdating}.smallest()
		size, settings := maxUnits+1, 0
		if ok {
			if after := s.follow(found); len(after.brokenPromises(t)) > 0 {
				t.Fatalf("%s is not enough:\n%s", found.text(topology, s.voters > 0), after.text())
			}
			size, settings = found.units(), found.settingsChanged()
		}
		for units := range min(size+1, 2) { // more units are many edits: TestSmallestChangeOfMore has them
			for changed := range 3 {
				if units == size && changed >= settings {
					break
				}
				for _, before := range s.settings(changed) {
					before.edited(units, func(smaller sheet) bool {
						if !smaller.broken() {
							t.Fatalf("%s is proposed (%t), and less would do:\n%s", found.text(topology, s.voters > 0), ok, smaller.text())
						}
						return false
					})
				}
			}
		}
	})
}

func (c change) units() int {
	n := 0
	for _, g := range c.growth {
		n += g.zones
		for _, more := range g.replicas {
			n += more
		}
	}
	for _, size := range c.regions {
		n += 1 + size
	}
	return n
}

// TestSmallestChangeOfMore has the proposals, in words, for layouts that lack more; all smaller ones are tried.
func TestSmallestChangeOfMore(t *testing.T) {
	one, group := ModelRanges, ModelQuorumGroup
	tests := []struct {
		name string
		s    sheet
		want string
	}{
		{"a single cluster", sheet{one, [][]extent{{{3, 3}}}, FailureRegion, FailureNone, 1, 3}, "add 2 regions of 1 replica"},
		{"five voters", sheet{one, [][]extent{{{3, 3}}}, FailureRegion, FailureNone, 1, 5}, "add 2 regions of 1 replica and write survive.voters: 3"},
		{"a group of one", sheet{group, [][]extent{{{1, 1}}}, FailureZone, FailureNone, 1, 0}, "add 1 region of 2 replicas in as many zones"},
		{"no zones", sheet{one, [][]extent{{{3, 0}}}, FailureZone, FailureNone, 1, 3}, "spread cluster c0-0 over 3 zones and declare them in zones"},
		{"two at a time", sheet{one, [][]extent{{{3, 3}}, {{3, 3}}, {{3, 3}}}, FailureRegion, FailureZone, 2, 5}, "write survive.voters: 7"},
		{"two settings", sheet{one, [][]extent{{{2, 2}}, {{2, 2}}, {{2, 2}}}, FailureNone, FailureNode, 2, 3}, "write rollout.maxUnavailable: 1 and write survive.voters: 5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			topology, _ := Parse([]byte(tt.s.text()), "")
			found, ok := repair{t: topology, failure: tt.s.failure, whileUpdating: tt.s.whileUpdating}.smallest()
			if got := found.text(topology, tt.s.voters > 0); !ok || got != tt.want {
				t.Errorf("proposed %q (%t), want %q", got, ok, tt.want)
			}
			if after := tt.s.follow(found); len(after.brokenPromises(t)) > 0 {
				t.Errorf("it is not enough:\n%s", after.text())
			}
			for units := range found.units() {
				for changed := range 3 {
					for _, before := range tt.s.settings(changed) {
						before.edited(units, func(smaller sheet) bool {
							if !smaller.broken() {
								t.Fatalf("less would do:\n%s", smaller.text())
							}
							return false
						})
					}
				}
			}
		})
	}
}

// TestRepairIsBounded shows that a promise which a large layout cannot keep does not keep anybody waiting.
func TestRepairIsBounded(t *testing.T) {
	s := sheet{model: ModelRanges, failure: FailureRegion, whileUpdating: FailureRegion, down: 3, voters: 5}
	for range 50 {
		s.clusters = append(s.clusters, []extent{{100, 3}, {99, 2}})
	}
	started := time.Now()
	if got := s.brokenPromises(t); !slices.Equal(got, []string{codeUpdatePromiseNotKept}) {
		t.Errorf("got %v", got)
	}
	if took := time.Since(started); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
