package regions

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// perZoneText is the good topology with a StatefulSet for each zone.
func perZoneText(t testing.TB, edits ...string) string {
	t.Helper()
	edits = append([]string{"{zone: podLabel}", "{zone: statefulSetPerZone}"}, edits...)
	text := string(readFile(t, "testdata/good/bank.yaml"))
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("the good topology has no %q", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

func parsed(t testing.TB, text string) *Topology {
	t.Helper()
	top, problems := Parse([]byte(text), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	return top
}

func TestPoolsPerZone(t *testing.T) {
	top := parsed(t, perZoneText(t, "replicas: 3", "replicas: 5"))
	want := []PoolSize{{"bank-us-east1-b", "us-east1-b", 2}, {"bank-us-east1-c", "us-east1-c", 2}, {"bank-us-east1-d", "us-east1-d", 1}}
	cluster, _ := top.ClusterByName("use1")
	if got := top.Pools(cluster); !slices.Equal(got, want) {
		t.Errorf("pools %v, want %v", got, want)
	}
	var first []string
	for _, id := range Slots(top, nil) {
		first = append(first, id.String())
	}
	slots := []string{"use1/bank-us-east1-b-0", "usw1/bank-us-west1-a-0", "euw1/bank-europe-west1-b-0", "use1/bank-us-east1-c-0", "usw1/bank-us-west1-b-0"}
	if !slices.Equal(first, slots) {
		t.Errorf("slots %v, want %v", first, slots)
	}
}

// Names are made of zones, so that a zone has to be part of one; each problem has its place.
func TestZonesThatCannotNameASet(t *testing.T) {
	long := strings.Repeat("a", 44)
	tests := map[string]struct {
		edits []string
		code  string
		line  int
		says  string
	}{
		"upper case":      {[]string{"[us-east1-b,", "[US-east1-b,"}, codeInvalidZone, 36, "podLabel on Kubernetes 1.35"},
		"a dot":           {[]string{"[us-west1-a,", "[us.west1,"}, codeInvalidZone, 44, "RFC 1123"},
		"too long by one": {[]string{"  name: bank\n", "  name: " + long[:42] + "\n"}, codeNameTooLong, 36, "shorten metadata.name to at most 41 characters"},
		"generic": {[]string{
			"  profile: cockroachdb", "  profile: generic\n  base: ./base", "  storage: {size: 100Gi, className: fast-ssd}\n", "",
			"  resources:\n    requests: {cpu: \"4\", memory: 16Gi}\n    limits: {cpu: \"4\", memory: 16Gi}\n", "", "{failure: region, voters: 5, whileUpdating: zone}", "{}",
		}, codeNotSupportedYet, 13, "pin your own StatefulSets"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := Parse([]byte(perZoneText(t, tt.edits...)), "topology.yaml")
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Code == tt.code && p.Line == tt.line })
			if i < 0 || !strings.Contains(problems[i].Hint, tt.says) {
				t.Errorf("no %s on line %d that says %q in:\n%v", tt.code, tt.line, tt.says, problems)
			}
		})
	}
	if _, problems := Parse([]byte(perZoneText(t, "  name: bank\n", "  name: "+long[:36]+"\n", "zones: [europe-west1-b", "zones: [europe-west-b")), "topology.yaml"); len(problems.Errors()) > 0 {
		t.Errorf("a name of 52 characters is refused: %v", problems)
	}
}

// perZoneCluster draws a cluster and the same one with a StatefulSet for all its zones.
func perZoneCluster(r *rapid.T) (perZone, one *Topology, c Cluster) {
	var zones []string
	for i := range rapid.IntRange(1, 5).Draw(r, "zones") {
		zones = append(zones, fmt.Sprintf("z%d", (i*7+3)%5)) // listed in no alphabetical order
	}
	c = Cluster{Name: "c1", Zones: zones, Replicas: rapid.IntRange(0, 17).Draw(r, "replicas")}
	make := func(way string) *Topology {
		return &Topology{Metadata: Metadata{Name: "bank"}, Spec: Spec{
			Profile: profileCockroachDB, Locality: Locality{Zone: way}, Regions: []Region{{Name: "r", Clusters: []Cluster{c}}},
		}}
	}
	return make(zoneBySet), make(zoneByPodLabel), c
}

// TestPerZoneProperty: names are unique; the spread is even; growing moves and renames nobody; and
// replicas are updated and added in the zones' order that one set has.
func TestPerZoneProperty(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		top, one, c := perZoneCluster(r)
		sizes := map[string]int{}
		seen := map[string]bool{}
		replicas := top.Replicas()
		if len(replicas) != c.Replicas {
			r.Fatalf("%d replicas of %d", len(replicas), c.Replicas)
		}
		for _, m := range replicas {
			if seen[m.ID.Pod()] || m.ID.Pool != "bank-"+m.Zone {
				r.Fatalf("%s in zone %s is there twice, or elsewhere", m.ID, m.Zone)
			}
			seen[m.ID.Pod()] = true
			sizes[m.Zone]++
		}
		for _, zone := range c.Zones {
			if n := sizes[zone]; n < c.Replicas/len(c.Zones) || n > (c.Replicas+len(c.Zones)-1)/len(c.Zones) {
				r.Fatalf("zone %s has %d of %d replicas over %d zones", zone, n, c.Replicas, len(c.Zones))
			}
		}
		grown := c
		grown.Replicas += rapid.IntRange(0, 7).Draw(r, "more")
		top.Spec.Regions[0].Clusters[0] = grown
		for _, m := range replicas {
			if !slices.Contains(top.Replicas(), m) {
				r.Fatalf("%s moved when %d replicas became %d", m.ID, c.Replicas, grown.Replicas)
			}
		}
		top.Spec.Regions[0].Clusters[0] = c
		for _, order := range []func(*Topology) func(a, b Replica) int{
			func(t *Topology) func(a, b Replica) int {
				return func(a, b Replica) int { return t.CompareUpdates(c, a.ID, b.ID) }
			},
			func(t *Topology) func(a, b Replica) int {
				return func(a, b Replica) int { return t.CompareGrowth(c, a.ID, b.ID) }
			},
		} {
			if got, want := zonesInOrder(top, order(top)), zonesInOrder(one, order(one)); !slices.Equal(got, want) {
				r.Fatalf("the zones' order is %v, with one set %v", got, want)
			}
		}
	})
}

func zonesInOrder(t *Topology, order func(a, b Replica) int) []string {
	var out []string
	for _, m := range slices.SortedFunc(slices.Values(t.Replicas()), order) {
		out = append(out, m.Zone)
	}
	return out
}

// A StatefulSet that was made under another locality.zone is known by its name.
func TestFormerPools(t *testing.T) {
	perZone, one := parsed(t, perZoneText(t)), parsed(t, string(readFile(t, "testdata/good/bank.yaml")))
	generic := parsed(t, string(readFile(t, "testdata/good/generic.yaml")))
	for name, tt := range map[string]struct {
		top       *Topology
		set       string
		isFormer  bool
		lookedFor bool
	}{
		"the one set":            {perZone, "bank", true, true},
		"its own":                {perZone, "bank-us-east1-b", false, false},
		"a zone's":               {one, "bank-us-east1-b", true, true},
		"of a zone that is gone": {one, "bank-us-east1-z", true, false},
		"the one there is":       {one, "bank", false, false},
		"somebody's":             {one, "vault-0", false, false},
		"the user's":             {generic, "shop-a", false, false},
	} {
		c := tt.top.Spec.Regions[0].Clusters[0]
		if got := tt.top.IsFormerPool(tt.set); got != tt.isFormer {
			t.Errorf("%s: %s is of another locality: %v", name, tt.set, got)
		}
		if got := slices.Contains(tt.top.FormerPools(c), tt.set); got != tt.lookedFor {
			t.Errorf("%s: %s is looked for: %v", name, tt.set, got)
		}
	}
}

// Replicas that a cluster was seen to hold are in the zones of their sets.
func TestLiveLayoutPerZone(t *testing.T) {
	top := parsed(t, perZoneText(t))
	state := ClusterState{Cluster: "use1", StatefulSets: []StatefulSetState{{Name: "bank-us-east1-c", Replicas: 2}}}
	for _, m := range LiveLayout(top, []ClusterState{state}).Members {
		if m.ID.Cluster == "use1" && (m.Zone != "us-east1-c" || m.ID.Pool != "bank-us-east1-c") {
			t.Errorf("%s is in zone %q", m.ID, m.Zone)
		}
	}
}
