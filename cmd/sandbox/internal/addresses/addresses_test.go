package addresses

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

func TestNothingOfASandboxOverlaps(t *testing.T) {
	plans := Plans()
	for i, plan := range plans {
		if !Range().Overlaps(plan.Block()) || plan.Block().Bits() < Range().Bits() {
			t.Errorf("%s is outside %s", plan.Block(), Range())
		}
		for _, other := range plans[:i] {
			if plan.Block().Overlaps(other.Block()) {
				t.Errorf("%s and %s overlap", plan.Block(), other.Block())
			}
		}
		networks := []netip.Prefix{plan.Hosts()}
		for c := range MaxClusters {
			networks = append(networks, plan.Services(c), plan.Pods(c))
		}
		for a, network := range networks {
			if network != network.Masked() || !plan.Block().Contains(network.Addr()) {
				t.Errorf("%s is no network of %s", network, plan.Block())
			}
			for _, other := range networks[:a] {
				if network.Overlaps(other) {
					t.Errorf("%s and %s overlap", network, other)
				}
			}
		}
	}
}

func TestEveryHostHasAnAddressOfItsOwn(t *testing.T) {
	plan := Plans()[5]
	seen := map[netip.Addr]bool{plan.Bridge(): true}
	add := func(address netip.Addr) {
		if seen[address] || !plan.Hosts().Contains(address) {
			t.Errorf("%s is used twice or not on the bridge", address)
		}
		seen[address] = true
	}
	for c := range MaxClusters {
		add(plan.ControlPlane(c))
		for n := range MaxNodes {
			add(plan.Node(c, n))
		}
	}
	for k := range MaxOutside {
		add(plan.Outside(k))
	}
}

func TestAClustersPartsLieInItsNetworks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		plan := Plans()[rapid.IntRange(0, blocks-1).Draw(t, "block")]
		c, n := rapid.IntRange(0, MaxClusters-1).Draw(t, "cluster"), rapid.IntRange(0, MaxNodes-1).Draw(t, "node")
		pods := plan.PodsOf(c, n)
		if pods != pods.Masked() || !plan.Pods(c).Overlaps(pods) || pods.Bits() < plan.Pods(c).Bits() {
			t.Errorf("pods %s of node %d are not in %s", pods, n, plan.Pods(c))
		}
		hosts := plan.HostsOf(c)
		if hosts != hosts.Masked() || !hosts.Contains(plan.ControlPlane(c)) || !hosts.Contains(plan.Node(c, n)) {
			t.Errorf("hosts of cluster %d are not in %s", c, hosts)
		}
		if hosts.Contains(plan.Bridge()) || hosts.Contains(plan.Outside(0)) {
			t.Errorf("%s holds others", hosts)
		}
		if !plan.Services(c).Contains(plan.DNS(c)) || !plan.Services(c).Contains(plan.APIService(c)) {
			t.Errorf("services of cluster %d are not in %s", c, plan.Services(c))
		}
	})
}

func TestParse(t *testing.T) {
	plan, err := Parse("198.19.64.0/18")
	if err != nil || plan.ControlPlane(0).String() != "198.19.64.16" || plan.Node(1, 0).String() != "198.19.64.33" || plan.Pods(0).String() != "198.19.72.0/21" {
		t.Errorf("%+v, %v", plan, err)
	}
	for _, bad := range []string{"", "198.18.0.0/16", "10.0.0.0/18", "198.18.1.0/18"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}
