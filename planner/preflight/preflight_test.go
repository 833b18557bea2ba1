package preflight

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"quorate.dev/quorate/regions"
)

// sound is a pair of clusters where nothing is wrong.
func sound() []Site {
	site := func(name, cidr string) Site {
		var nodes []regions.NodeRoom
		for _, zone := range []string{"a", "b", "c"} {
			nodes = append(nodes, regions.NodeRoom{Name: name + zone, Zone: name + "-" + zone, PodCIDRs: []string{cidr}, CPU: 4000, Memory: 16 << 30, Pods: 110})
		}
		return Site{
			ZoneCopy: regions.ZoneCopied, Cluster: name, Mode: "apply", Zones: []string{name + "-a", name + "-b", name + "-c"},
			Pools: []Pool{{
				Name: "db", Replicas: 3, CPU: 2000, Memory: 8 << 30, Limits: Sizes{2000, 8 << 30}, Containers: []Sizes{{2000, 8 << 30}},
				OnePerNode: true, Claims: []Claim{{"data", "fast", 100 << 30}},
			}},
			Ground: regions.Ground{
				Cluster: name, ServerVersion: "v1.37.2", Nodes: nodes, ClockError: time.Second / 2,
				StorageClasses: []regions.StorageClass{{Name: "fast", Provisioner: "disks", Default: true, Expandable: true, LateBinding: true}},
			},
		}
	}
	return []Site{site("one", "10.1.0.0/16"), site("two", "10.2.0.0/16")}
}

// troubled are the findings that are not ok, as "cluster/check level: message".
func troubled(found []Finding) []string {
	var out []string
	for _, f := range found {
		if f.Level != OK {
			out = append(out, f.Cluster+"/"+f.Check+" "+string(f.Level)+": "+f.Message)
		}
	}
	return out
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	few := int64(1000)
	for name, test := range map[string]struct {
		change func(a, b *Site)
		want   []string // parts of what is not ok, in order
	}{
		"sound":             {func(*Site, *Site) {}, nil},
		"too old":           {func(a, _ *Site) { a.Ground.ServerVersion = "v1.34.9" }, []string{"one/server-version failed: Kubernetes v1.34.9", "/version-skew warning"}},
		"zones not copied":  {func(a, _ *Site) { a.ZoneCopy = regions.ZoneNotCopied }, []string{"one/zone-copy failed"}},
		"copying not known": {func(a, _ *Site) { a.ZoneCopy, a.ZoneCopyUnknown = "", "why" }, []string{"one/zone-copy warning: whether the API server copies zones to pods is not known: why"}},
		"one minor apart":   {func(a, _ *Site) { a.Ground.ServerVersion = "v1.36.0-gke.1" }, nil},
		"two minors apart":  {func(a, _ *Site) { a.Ground.ServerVersion = "v1.35.1" }, []string{"/version-skew warning: the clusters have Kubernetes v1.35, v1.37"}},
		"odd version":       {func(a, _ *Site) { a.Ground.ServerVersion = "x" }, []string{`one/server-version warning: version "x"`}},
		"a right missing":   {func(a, _ *Site) { a.Lacking = []string{"get x"} }, []string{"one/rights failed: missing for apply: get x"}},
		"no class":          {func(a, _ *Site) { a.Ground.StorageClasses = nil }, []string{"one/storage-class failed: StorageClass fast does not exist"}},
		"no default":        {func(a, _ *Site) { a.Pools[0].Claims[0].Class = ""; a.Ground.StorageClasses[0].Default = false }, []string{"none is the default"}},
		"the default":       {func(a, _ *Site) { a.Pools[0].Claims[0].Class = "" }, nil},
		"early, never growing": {func(a, _ *Site) {
			a.Ground.StorageClasses[0].LateBinding, a.Ground.StorageClasses[0].Expandable = false, false
		}, []string{"one/storage-class warning: fast (disks) binds", "one/storage-class warning: fast (disks) does not let"}},
		"no node in a zone":     {func(a, _ *Site) { a.Zones[2] = "one-z" }, []string{"one/zones failed: no node that takes pods is in zone one-z"}},
		"no label":              {func(a, _ *Site) { a.Ground.Nodes[0].Zone = "" }, []string{"one/zones failed: nodes without label", "one/zones failed: no node that takes pods is in zone one-a"}},
		"no room":               {func(a, _ *Site) { a.Ground.Nodes[1].CPU = 1999 }, []string{"one/capacity failed: db: room for 2 of 3 replicas of 2000m CPU and 8192Mi memory, one on a node"}},
		"overdrawn":             {func(a, _ *Site) { a.Ground.Nodes[1].Memory = -1 }, []string{"one/capacity failed: db: room for 2 of 3"}},
		"crowded zones":         {func(a, _ *Site) { a.Pools[0].OnePerNode, a.Ground.Nodes[1].Pods = false, 0 }, []string{"one/capacity warning: db: no room for a replica in zone one-b"}},
		"pinned to a full zone": {func(a, _ *Site) { a.Pools[0].OnePerNode, a.Pools[0].Zones = false, []string{"one-a"} }, []string{"one/capacity failed: db: room for 2 of 3"}},
		"placed already":        {func(a, _ *Site) { a.Pools[0].Replicas, a.Ground.Nodes[1].CPU = 0, 0 }, nil},
		"quota": {func(a, _ *Site) {
			a.Ground.Quotas = []regions.Quota{{Name: "q", Resource: "requests.cpu", Hard: 7000, Used: 1001}, {Name: "q", Resource: "pods", Hard: 4, Used: 1}, {Name: "q", Resource: "count/x", Hard: 0}}
		}, []string{"one/quota failed: ResourceQuota q leaves 5999m of requests.cpu, and 6000m are needed"}},
		"storage quota": {func(a, _ *Site) {
			a.Ground.Quotas = []regions.Quota{{Name: "q", Resource: "requests.storage", Hard: 299 << 30}}
		}, []string{"one/quota failed: ResourceQuota q leaves 306176Mi of requests.storage, and 307200Mi"}},
		"limit range": {func(a, _ *Site) { a.Ground.Limits = []regions.Limit{{Name: "l", Resource: "cpu", Max: &few}} }, []string{"one/limit-range failed: LimitRange l does not allow a container of db to request 2000m"}},
		"same pod ranges of nodes": {func(a, b *Site) { a.Ground.Nodes[0].PodCIDRs = []string{"10.2.4.0/24"} }, []string{
			"/pod-addresses warning: nodes of one and two have overlapping pod ranges: 10.2.4.0/24 and 10.2.0.0/16",
		}},
		"same declared ranges": {func(a, b *Site) { a.PodCIDRs, b.PodCIDRs = []string{"fd00::/48"}, []string{"fd00::/64"} }, []string{"/pod-addresses failed: the declared podCIDRs of one and two overlap"}},
		"clocks within":        {func(a, _ *Site) { a.Ground.Clock = 1500 * time.Millisecond }, nil},
		"clocks apart":         {func(a, _ *Site) { a.Ground.Clock = -1510 * time.Millisecond }, []string{"/clocks warning: the API servers of one and two are 1.51s ± 1s apart"}},
		"may see nothing": {func(a, _ *Site) {
			a.Ground.NotLooked = []string{"limit ranges", "nodes", "pods of all namespaces", "quotas", "storage classes"}
		}, []string{"storage-class warning: storage classes may not", "zones warning", "capacity warning", "quota warning", "limit-range warning"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sites := sound()
			test.change(&sites[0], &sites[1])
			got := troubled(Judge(Settings{ZoneLabels: true, Flat: true}, sites))
			if len(got) != len(test.want) || slices.ContainsFunc(test.want, func(want string) bool {
				return !slices.ContainsFunc(got, func(g string) bool { return strings.Contains(g, want) })
			}) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Whatever is wrong says what to do.
func TestEveryTroubleHasAHint(t *testing.T) {
	t.Parallel()
	sites := sound()
	sites[0].Ground = regions.Ground{Clock: time.Hour}
	sites[0].Lacking, sites[0].PodCIDRs, sites[1].PodCIDRs = []string{"x"}, []string{"10.0.0.0/8"}, []string{"10.0.0.0/8"}
	found := Judge(Settings{ZoneLabels: true, Flat: true}, sites)
	if Worst(found) != Failed || len(troubled(found)) < 6 {
		t.Errorf("too little is wrong: %q", troubled(found))
	}
	for _, f := range found {
		if (f.Level == OK) != (f.Hint == "") {
			t.Errorf("%+v: a hint belongs to what is not ok, and to that alone", f)
		}
	}
}

// How many replicas have room is what filling the nodes one replica at a time comes to.
func TestFitsIsWhatPlacingOneAfterAnotherGives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		node := rapid.Custom(func(t *rapid.T) regions.NodeRoom {
			return regions.NodeRoom{
				CPU: rapid.Int64Range(-5, 40).Draw(t, "cpu"), Memory: rapid.Int64Range(-5, 40).Draw(t, "memory"), Pods: rapid.Int64Range(-1, 8).Draw(t, "pods"),
			}
		})
		nodes := rapid.SliceOfN(node, 0, 5).Draw(t, "nodes")
		pool := Pool{CPU: rapid.Int64Range(0, 9).Draw(t, "cpu"), Memory: rapid.Int64Range(0, 9).Draw(t, "memory"), OnePerNode: rapid.Bool().Draw(t, "apart")}
		if got, want := Fits(nodes, pool), placed(slices.Clone(nodes), pool); got != want {
			t.Fatalf("room for %d, and %d were placed", got, want)
		}
	})
}

func placed(nodes []regions.NodeRoom, p Pool) int64 {
	var count int64
	taken := map[int]bool{}
	for {
		at := slices.IndexFunc(nodes, func(n regions.NodeRoom) bool {
			return n.Pods >= 1 && (p.CPU == 0 || n.CPU >= p.CPU) && (p.Memory == 0 || n.Memory >= p.Memory)
		})
		if at < 0 {
			return count
		}
		if p.OnePerNode && taken[at] {
			nodes[at].Pods = 0
			continue
		}
		taken[at] = true
		nodes[at].Pods--
		nodes[at].CPU -= p.CPU
		nodes[at].Memory -= p.Memory
		count++
	}
}
