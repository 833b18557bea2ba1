package stub

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// TestAKSHeedsTheCorefile: what the Corefile itself says of the zone stands in the way of an entry in coredns-custom, too.
func TestAKSHeedsTheCorefile(t *testing.T) {
	t.Parallel()
	in := Input{
		Flavour: AKS, Entry: delegation(t, "10.96.0.53"),
		Main:   Config{Object: "ConfigMap coredns", Data: map[string]string{CorefileKey: custom + "bank.db.example.com:53 {\n  whoami\n}\n"}},
		Custom: Config{Object: "ConfigMap coredns-custom"},
	}
	if edit := planned(t, in); edit.State != Foreign || edit.Changes() || !strings.Contains(edit.Refusal.Error(), "ConfigMap coredns Corefile, line") {
		t.Errorf("%+v", edit)
	}
}

// TestSnippetsOfSnippets: what stands in the way stands in a snippet that another snippet imports.
func TestSnippetsOfSnippets(t *testing.T) {
	t.Parallel()
	text := "(inner) {\n  forward bank.db.example.com 10.9.9.9\n}\n(outer) {\n  import inner\n}\n" + strings.Replace(kubeadm, "    errors\n", "    errors\n    import outer\n", 1)
	edit := planned(t, corefileInput(text, delegation(t, "10.96.0.53")))
	if edit.State != Foreign || edit.Changes() || !strings.Contains(edit.Refusal.Error(), "line 9: plugin forward answers for bank.db.example.com already") {
		t.Errorf("%+v", edit)
	}
}

// TestTheLongestForwardIsFollowed: in whichever order they stand in a block (CoreDNS, plugin/forward: each is asked for what is below its zone).
func TestTheLongestForwardIsFollowed(t *testing.T) {
	t.Parallel()
	lines := []string{"  forward use1.bank.test 10.0.0.53\n", "  forward bank.test 10.0.0.99\n", "  forward . 10.0.0.98\n"}
	for range 2 {
		slices.Reverse(lines)
		nodes := []Node{{"use1", ".:53 {\n" + strings.Join(lines, "") + "}\n", []netip.AddrPort{addr("10.0.0.53")}}}
		if err := Loops(nodes, []string{"use1.bank.test"}); err == nil || !strings.Contains(err.Error(), "use1 → use1") {
			t.Errorf("%q: got %v", lines, err)
		}
		if err := Loops(nodes, []string{"usw1.bank.test"}); err != nil {
			t.Errorf("%q: got %v", lines, err)
		}
	}
}

// TestClusterOfTwoPools: no one Service stands for all replicas of a cluster with two pools, so its own name is not turned into that of one.
func TestClusterOfTwoPools(t *testing.T) {
	t.Parallel()
	in := chainInput()
	in.Services = map[string]string{"odd": "svc-odd", "even": "svc-even"}
	in.Slots = nil
	usw1 := &in.Topology.Spec.Regions[0].Clusters[0]
	usw1.Replicas, usw1.Pools = 0, map[string]int{"odd": 1, "even": 1}
	entry, err := Chain(ChainInput{Topology: in.Topology, Services: in.Services, Servers: in.Servers}, usw1.Name)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, d := range entry.Domains {
		for _, r := range d.Rewrites {
			if own++; r.Exact {
				t.Errorf("%s is turned into %s", r.From, r.To)
			}
		}
	}
	if own != 2 {
		t.Errorf("%d rewrites, one for each pool is wanted", own)
	}
}
