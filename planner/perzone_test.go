package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

const perZone = "locality: {zone: statefulSetPerZone}"

// zoned is a deployment with a StatefulSet for each zone.
func zoned(f fataler, text string) *regions.Topology {
	f.Helper()
	return deployment(f, "cockroachdb", text, promised, perZone)
}

func addPerZone(t *testing.T, all map[string]func() *world) {
	t.Helper()
	const five = "us: use1*5; west: usw1*3; eu: euw1*2"
	all["perzone-install"] = func() *world { return newWorld(t, zoned(t, five), "A") }
	all["perzone-update"] = func() *world { return installed(t, zoned(t, five)).change(to("B")) }
	all["perzone-scale-out"] = func() *world {
		return installed(t, zoned(t, five)).change(func(w *world) { w.topology = zoned(w, "us: use1*8; west: usw1*4; eu: euw1*2") })
	}
	all["perzone-repair"] = func() *world {
		return installed(t, zoned(t, five)).change(to("C")).change(func(w *world) {
			w.put("use1/bank-use1-a", "template=Z partition=1 pods=A,Z!")
			w.put("use1/bank-use1-b", "template=Z partition=2")
		})
	}
	all["perzone-static-update"] = func() *world {
		return installed(t, deployment(t, "etcd", "us: use1*2; west: usw1*2; eu: euw1*1", staticPlan, perZone)).change(to("B"))
	}
}

// touched are the clusters and zones of the replicas that a plan's steps of one kind are about, in their order.
func touched(w *world, p *planner.Plan, kind planner.Kind) []string {
	zones := map[regions.ReplicaID]string{}
	for _, m := range w.topology.Replicas() {
		zones[m.ID] = m.Zone
	}
	var out []string
	for _, s := range p.Steps {
		if s.Kind == kind && len(s.Payload.Targets) == 1 {
			out = append(out, s.Cluster+" "+zones[s.Payload.Targets[0]])
		}
	}
	return out
}

// TestPerZoneOrder: updates and additions go through clusters and zones just as with one set a cluster.
func TestPerZoneOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		n, m := rapid.IntRange(3, 5).Draw(r, "replicas"), rapid.IntRange(0, 4).Draw(r, "more")
		layout, more := fmt.Sprintf("us: use1*%d; eu: euw1*2", n), fmt.Sprintf("us: use1*%d; eu: euw1*2", n+m)
		var updates, additions [][]string
		for _, extra := range [][]string{{}, {perZone}} {
			w := installed(r, deployment(r, "cockroachdb", layout, append(extra, "survive: {failure: none, voters: 3}")...))
			w.image = "B"
			p := w.build()
			updates = append(updates, touched(w, p, planner.KindPartition))
			w.run(p)
			w.topology = deployment(r, "cockroachdb", more, append(extra, "survive: {failure: none, voters: 3}")...)
			additions = append(additions, touched(w, w.build(), planner.KindScale))
		}
		if !slices.Equal(updates[0], updates[1]) {
			r.Fatalf("updates go\n%v with one set and\n%v with one a zone", updates[0], updates[1])
		}
		if !slices.Equal(additions[0], additions[1]) {
			r.Fatalf("additions go\n%v with one set and\n%v with one a zone", additions[0], additions[1])
		}
	})
}

// relocated is the topology with another locality.zone.
func relocated(way string) func(*world) {
	return func(w *world) {
		w.topology = deployment(w, "cockroachdb", three, "survive: {failure: region, voters: 5}", "locality: {zone: "+way+"}")
	}
}

// TestLocalityChanged: a second database would stand beside the first.
func TestLocalityChanged(t *testing.T) {
	for name, tt := range map[string]struct {
		from, to string
		edit     func(*world)
		says     []string
	}{
		"to a set per zone":   {"podLabel", "statefulSetPerZone", nil, []string{"podLabel or none (StatefulSet bank)", "empty volumes", "put locality.zone back to podLabel or none"}},
		"to none":             {"statefulSetPerZone", "none", nil, []string{"bank-use1-a, bank-use1-b, bank-use1-c", "put locality.zone back to statefulSetPerZone"}},
		"with no record left": {"podLabel", "statefulSetPerZone", forgotten, []string{"StatefulSet bank"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := installed(t, deployment(t, "cockroachdb", three, "survive: {failure: region, voters: 5}", "locality: {zone: "+tt.from+"}")).change(relocated(tt.to))
			if tt.edit != nil {
				tt.edit(w)
			}
			p := w.build()
			if got := refused(p); !slices.Contains(got, "locality-changed") || slices.Contains(got, "dropped-statefulset") {
				t.Fatalf("refused with %v:\n%s", got, text(p))
			}
			for _, r := range p.Refusals {
				for _, part := range tt.says {
					if r.Code == "locality-changed" && r.Cluster == "use1" && !strings.Contains(r.Message+" "+r.Hint, part) {
						t.Errorf("it does not say %q: %s (%s)", part, r.Message, r.Hint)
					}
				}
			}
		})
	}
	w := installed(t, deployment(t, "cockroachdb", three, "locality: {zone: podLabel}")).change(func(w *world) {
		w.topology = deployment(w, "cockroachdb", three, "locality: {zone: none}")
	})
	if got := refused(w.build()); len(got) > 0 {
		t.Errorf("one set stays one set, and is refused with %v", got)
	}
}

// forgotten is a database that was put up by hand: no cluster has a record.
func forgotten(w *world) {
	for _, k := range w.clusters {
		k.state.Record = regions.Record{}
	}
}

// A zone that is dropped from the topology takes its StatefulSet along, and a row of zones in another
// order takes replicas from one set to give them to another: neither is an edit of the file.
func TestZonesOfSetsStay(t *testing.T) {
	for name, tt := range map[string]struct {
		edit func(*regions.Topology)
		code string
	}{
		"a zone fewer":  {func(t *regions.Topology) { t.Spec.Regions[0].Clusters[0].Zones = []string{"use1-a", "use1-b"} }, "dropped-statefulset"},
		"another order": {func(t *regions.Topology) { slices.Reverse(t.Spec.Regions[0].Clusters[0].Zones) }, "scale-in"},
		"a zone more, too few replicas": {func(t *regions.Topology) {
			t.Spec.Regions[0].Clusters[0].Zones = append(t.Spec.Regions[0].Clusters[0].Zones, "use1-d")
		}, "scale-in"},
		"a zone more": {func(t *regions.Topology) {
			c := &t.Spec.Regions[0].Clusters[0]
			c.Zones, c.Replicas = append(c.Zones, "use1-d"), 7
		}, ""},
	} {
		w := installed(t, zoned(t, "us: use1*4; west: usw1*3; eu: euw1*3"))
		tt.edit(w.topology)
		got := refused(w.build())
		if tt.code == "" && len(got) > 0 || tt.code != "" && !slices.Contains(got, tt.code) {
			t.Errorf("%s: refused with %v, want %q", name, got, tt.code)
		}
	}
}

// TestPodLabelNeeds: locality.zone podLabel where the server does not give it.
func TestPodLabelNeeds(t *testing.T) {
	for _, tt := range []struct {
		version string
		copied  regions.ZoneCopy
		unknown string
		code    string // of the refusal
		note    string
	}{
		{"v1.34.9", "", "", "server-too-old", ""},
		{"v1.34.9-gke.1200", regions.ZoneNotCopied, "", "server-too-old", ""},
		{"v1.34.2", "", "nodes may not be listed", "server-too-old", ""},
		{"v1.9.0", "", "", "server-too-old", ""},
		{"v1.35.0", regions.ZoneCopied, "", "", ""},
		{"v1.35.0-gke.100", "", "", "", ""},
		{"v1.35.0-alpha.1", "", "", "", ""},
		{"v1.37.2+k3s1", regions.ZoneCopied, "", "", ""},
		{"v2.0.0", "", "", "", ""},
		{"v1.37.2", regions.ZoneNotCopied, "", "zone-not-copied", ""},
		{"v1.37.2", "", "pods is forbidden", "", "could not be found out (pods is forbidden)"},
		{"", "", "", "", `server version "" could not be read`},
		{"1.34", "", "", "", `server version "1.34" could not be read`},
		{"", regions.ZoneCopied, "", "", ""},
		{"", regions.ZoneNotCopied, "", "zone-not-copied", ""},
	} {
		w := newWorld(t, deployment(t, "cockroachdb", three, promised), "A")
		state := &w.clusters["euw1"].state
		state.ServerVersion, state.ZoneCopy, state.ZoneCopyUnknown = tt.version, tt.copied, tt.unknown
		p := w.build()
		if got := strings.Join(refused(p), " "); got != tt.code {
			t.Errorf("%q, %q: refused with %q, want %q", tt.version, tt.copied, got, tt.code)
		}
		if tt.code != "" && !strings.Contains(p.Refusals[0].Hint, "statefulSetPerZone} now, before the first installation") {
			t.Errorf("%q: the hint is %q", tt.version, p.Refusals[0].Hint)
		}
		notes := strings.Join(p.Notes, "\n")
		if tt.note == "" && strings.Contains(notes, "euw1") || !strings.Contains(notes, tt.note) {
			t.Errorf("%q, %q: noted %q, want %q", tt.version, tt.copied, notes, tt.note)
		}
		w.topology = zoned(t, three)
		if got := refused(w.build()); len(got) > 0 {
			t.Errorf("%q: a StatefulSet per zone is refused with %v", tt.version, got)
		}
	}
	w := installed(t, deployment(t, "cockroachdb", three, promised))
	w.clusters["euw1"].state.ZoneCopy = regions.ZoneNotCopied
	if hint := w.build().Refusals[0].Hint; strings.Contains(hint, "now, before") || !strings.Contains(hint, "none") {
		t.Errorf("once installed the hint is %q", hint)
	}
}

// A pod that is pinned to a zone without a node waits for one; that is said before.
func TestZoneWithoutNodes(t *testing.T) {
	w := newWorld(t, zoned(t, "us: use1*4; west: usw1*3; eu: euw1*2"), "A")
	for _, k := range w.clusters {
		k.state.Nodes = slices.DeleteFunc(k.state.Nodes, func(n regions.NodeState) bool {
			return n.Zone == "use1-a" || n.Zone == "euw1-c"
		})
	}
	notes := strings.Join(w.build().Notes, "\n")
	if !strings.Contains(notes, "zone=use1-a, to which the pods of StatefulSet bank-use1-a are pinned: 2 replicas wait") || strings.Contains(notes, "euw1-c") {
		t.Errorf("noted:\n%s", notes)
	}
}
