package state

import (
	"fmt"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
)

func TestContainersNeedNodesNotNodesPerZone(t *testing.T) {
	two := []RequestedCluster{{Name: "a", Region: "r"}, {Name: "b", Region: "r"}}
	spec, err := Request{Clusters: two, Runtime: Containers}.Spec("s", 3, 2)
	if err != nil || spec.Nodes != 1 || spec.Runtime != Containers || spec.Clusters[0].NodesPerZone != 0 || spec.Clusters[0].PodCIDR != "" {
		t.Errorf("%+v, %v", spec, err)
	}
	eight := make([]RequestedCluster, 8)
	for i := range eight {
		eight[i] = RequestedCluster{Name: string(rune('a' + i)), Region: "r"}
	}
	for want, request := range map[string]Request{
		"for the runtime containers": {Clusters: two, Nodes: 2},
		"choose simulated or":        {Clusters: two, Runtime: "docker"},
		"1 to 8 real nodes":          {Clusters: two, Runtime: Containers, Nodes: 9},
		"1 to 7 clusters":            {Clusters: eight, Runtime: Containers},
		"as a node of cluster \"a\"": {Clusters: []RequestedCluster{{Name: "a", Region: "r"}, {Name: "a-n0", Region: "r"}}, Runtime: Containers},
		"nodes per zone is for":      {Clusters: []RequestedCluster{{Name: "a", Region: "r", NodesPerZone: 1}}, Runtime: Containers},
	} {
		if _, err := request.Spec("s", 3, 2); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestSimulatedSandboxesAreWrittenAsBefore(t *testing.T) {
	spec, err := Request{Clusters: []RequestedCluster{{Name: "a", Region: "r"}}, Runtime: Simulated}.Spec("s", 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := testPaths(t).Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	if err := dir.Save(spec); err != nil {
		t.Fatal(err)
	}
	read, err := dir.Load()
	if err != nil || read.Runtime != "" || read.Network != "" || !read.SameShape(spec) {
		t.Errorf("%+v, %v", read, err)
	}
}

// assign makes a sandbox with a network of its own.
func assign(t *testing.T, paths Paths, name string, inUse map[string]bool) (*Spec, error) {
	t.Helper()
	spec, err := Request{Clusters: []RequestedCluster{{Name: "a", Region: "r"}}, Runtime: Containers}.Spec(name, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := paths.Sandbox(name)
	if err != nil {
		t.Fatal(err)
	}
	return spec, paths.AssignNetwork(t.Context(), dir, spec, func(plan addresses.Plan) error {
		if inUse[plan.Block().String()] {
			return fmt.Errorf("%w: by a test", ErrNetworkInUse)
		}
		return nil
	})
}

func TestEverySandboxHasANetworkOfItsOwn(t *testing.T) {
	paths, seen := testPaths(t), map[string]bool{}
	inUse := map[string]bool{"198.18.64.0/18": true, "198.19.192.0/18": true}
	for i := range 6 {
		spec, err := assign(t, paths, fmt.Sprintf("s%d", i), inUse)
		if err != nil || seen[spec.Network] || inUse[spec.Network] {
			t.Fatalf("sandbox %d: %s, %v", i, spec.Network, err)
		}
		seen[spec.Network] = true
		if !strings.HasSuffix(spec.Clusters[0].PodCIDR, "/21") || spec.Clusters[0].ServiceCIDR == "" || spec.Clusters[0].NodeCIDR == "" {
			t.Errorf("networks of the cluster: %+v", spec.Clusters[0])
		}
	}
	if _, err := assign(t, paths, "one-too-many", inUse); err == nil || !strings.Contains(err.Error(), "all eight") {
		t.Errorf("the ninth: %v", err)
	}
}

func TestOutsidePlacesAreNamedApart(t *testing.T) {
	spec := &Spec{Clusters: []Cluster{{Name: "a"}}}
	if err := spec.CheckOutside("client"); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"", "a", "a-n3", "A", "x/y"} {
		if err := spec.CheckOutside(bad); err == nil {
			t.Errorf("the place %q was accepted", bad)
		}
	}
}
