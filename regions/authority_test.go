package regions

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// authorityCases are bad topologies with an authority in the clusters; each edits the publisher of good/bank.yaml
// into one, and one thing about it wrong. euw1 has no address and no range, so that several problems come at once.
func authorityCases() []invalidCase {
	const listen = `      - serve: {listen: "0.0.0.0:53"}`
	const images = "image: q:1, forwarder: coredns:1"
	const servers = "          dnsServers: [10.96.0.53]\n"
	in := func(fields string) string { return "      - serve: {inCluster: {" + fields + "}} # here" }
	with := func(fields string) string { return servers + "          " + fields + " # here\n" }
	return []invalidCase{
		{code: codeInvalidPublisher, old: listen, new: "      - serve: {} # here"},
		{code: codeInvalidPublisher, old: listen, new: in(images) + "\n" + strings.Replace(in(images), here, "", 1), line: 22},
		{code: codeInvalidAddress, old: listen, new: "      - serve: {listen: '', inCluster: {" + images + "}} # here"},
		{code: codeMissingImage, old: listen, new: in("forwarder: coredns:1")},
		{code: codeMissingImage, old: listen, new: in("image: q:1")},
		{code: codeInvalidImage, old: listen, new: in("image: 'Q q', forwarder: coredns:1")},
		{code: codeInvalidImage, old: listen, new: in("image: q:1, forwarder: ''")},
		{code: codeImageNotPinned, old: listen, new: in("image: q, forwarder: coredns:1")},
		{code: codeImageNotPinned, old: listen, new: in("image: q:1, forwarder: coredns:latest")},
		{code: codeUnknownValue, old: listen, new: in(images + ", podDNS: stub")},
		{code: codeInvalidPriorityClass, old: listen, new: in(images + ", priorityClassName: High")},
		{code: codeMissingDNSServer, old: listen, new: in(images), line: 40},
		{code: codeMissingPodCIDRs, old: listen, new: in(images), line: 33},
		{code: codeInvalidCIDR, old: servers, new: with("podCIDRs: [10.1.0.0]")},
		{code: codeInvalidCIDR, old: servers, new: with("podCIDRs: [10.1.2.0/16]")},
		{code: codeInvalidCIDR, old: servers, new: with(`podCIDRs: ["::ffff:10.1.0.0/112"]`)},
		{code: codeOverlappingPodCIDRs, old: servers, new: with("podCIDRs: [10.1.0.0/16, 10.1.4.0/24]")},
		{code: codeInvalidAPIServer, old: servers, new: with("apiServer: http://10.0.0.1:6443")},
		{code: codeInvalidAPIServer, old: servers, new: with("apiServer: https://10.0.0.1:6443/k8s")},
		{code: codeInvalidAPIServer, old: servers, new: with("apiServer: https://me:secret@10.0.0.1:6443")},
		{code: codeInvalidAPIServer, old: servers, new: with("apiServer: 10.0.0.1:6443")},
		{code: codeInvalidAPIServer, old: servers, new: with("apiServer: ''")},
	}
}

// TestAuthorityProblems has what takes several edits, with what the words must hold.
func TestAuthorityProblems(t *testing.T) {
	shop := string(readFile(t, "testdata/good/in-cluster.yaml"))
	long := strings.Repeat("a", 52)
	tests := []struct {
		name, old, new, code string
		line                 int
		want                 string
	}{
		{"overlap over clusters", "[10.2.0.0/16,", "[10.1.128.0/17,", codeOverlappingPodCIDRs, 33, "10.1.128.0/17 overlaps with 10.1.0.0/16 of cluster par1"},
		{"overlap in IPv6", `"fd00:2::/48"`, `"fd00:2::/48", "fd00:2::/64"`, codeOverlappingPodCIDRs, 33, "of cluster osl1"},
		{"a range that is none", "[10.3.0.0/16]", "[10.3.7.0/16]", codeInvalidCIDR, 38, "write 10.3.0.0/16"},
		{"two of IPv6", `[10.97.0.53,`, `["fd00:97::54",`, codeSeveralDNSServers, 32, "fd00:97::54 and fd00:97::53 are of one IP family"},
		{"a long name", "name: shop", "name: " + long, codeNameTooLong, 4, "use at most 51 characters"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, problems := Parse([]byte(strings.Replace(shop, tt.old, tt.new, 1)), "topology.yaml")
			if !slices.ContainsFunc(problems, func(p Problem) bool {
				return p.Code == tt.code && p.Line == tt.line && strings.Contains(p.String(), tt.want)
			}) {
				t.Errorf("no %s on line %d with %q in:\n%v", tt.code, tt.line, tt.want, problems)
			}
		})
	}
}

// TestSecretsAreNotQuoted: an API server's URL with a password in it is refused without repeating it.
func TestSecretsAreNotQuoted(t *testing.T) {
	shop := strings.Replace(string(readFile(t, "testdata/good/in-cluster.yaml")), "https://10.0.1.10", "https://me:hunter2@10.0.1.10", 1)
	if _, problems := Parse([]byte(shop), "topology.yaml"); len(problems.Errors()) != 1 || strings.Contains(problems.Error(), "hunter2") {
		t.Errorf("problems:\n%v", problems)
	}
}

func TestAuthorityInCluster(t *testing.T) {
	bank, _ := good(t, "bank.yaml")
	if bank.AuthorityInCluster() != nil {
		t.Error("bank has an authority in its clusters")
	}
	use1, _ := bank.ClusterByName("use1")
	if got := bank.PodNameServers(use1); !slices.Equal(got, []string{"10.96.0.53"}) {
		t.Errorf("pods ask %v", got)
	}
	shop, _ := good(t, "in-cluster.yaml")
	in := shop.AuthorityInCluster()
	if in == nil || in.Forwarder != "registry.example.com/coredns:v1.15.0" || in.PodDNS != "dnsConfig" {
		t.Fatalf("authority %+v", in)
	}
	par1, _ := shop.ClusterByName("par1")
	if got := shop.PodNameServers(par1); !slices.Equal(got, []string{"10.96.0.53"}) {
		t.Errorf("pods ask %v", got)
	}
	in.PodDNS = "stubDomain"
	if got := shop.PodNameServers(par1); got != nil {
		t.Errorf("pods behind a stub-domain ask %v", got)
	}
}

// TestCanonical: every good topology is read again as it was, zeros that matter included.
func TestCanonical(t *testing.T) {
	files, err := filepath.Glob("testdata/good/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			topology, _ := good(t, filepath.Base(file))
			sameAgain(t, topology)
		})
	}
}

func sameAgain(t rapid.TB, topology *Topology) {
	t.Helper()
	text, err := Canonical(topology)
	if err != nil {
		t.Fatal(err)
	}
	again, problems := Parse(text, "canonical.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, text)
	}
	if !reflect.DeepEqual(topology, again) {
		t.Fatalf("%+v\nis read again as\n%+v\n%s", topology, again, text)
	}
	twice, err := Canonical(again)
	if err != nil || string(twice) != string(text) {
		t.Fatalf("written again it is\n%s\nnot\n%s", twice, text)
	}
}

// TestAnyTopologyIsReadAgain: the same for any sizes, orders and names that YAML could misread.
func TestAnyTopologyIsReadAgain(t *testing.T) {
	data, err := os.ReadFile("testdata/good/in-cluster.yaml")
	if err != nil {
		t.Fatal(err)
	}
	pools, err := os.ReadFile("testdata/good/pools.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom([][]byte{data, pools}).Draw(t, "source")
		topology, problems := Parse(source, "")
		if len(problems.Errors()) > 0 {
			t.Fatal(problems)
		}
		word := rapid.SampledFrom([]string{"on", "null", "e1", "y", "true", "a-b"})
		s := &topology.Spec
		topology.Metadata.Name = word.Draw(t, "name")
		s.Namespace = rapid.SampledFrom([]string{"1", "0x10", "1e3", "no", "2025-01-01"}).Draw(t, "namespace")
		s.Rollout.Canary.Replicas = rapid.IntRange(0, 2).Draw(t, "canary")
		s.Rollout.GateInterval = rapid.SampledFrom([]string{"", "3s"}).Draw(t, "gate interval")
		for i := range s.Regions {
			for j := range s.Regions[i].Clusters {
				c := &s.Regions[i].Clusters[j]
				c.Context = word.Draw(t, "context") + c.Name
				if len(c.Pools) == 0 {
					c.Replicas += rapid.IntRange(0, 2).Draw(t, "replicas")
					continue
				}
				c.Pools = maps.Clone(c.Pools)
				c.Pools["1"] = rapid.IntRange(0, 3).Draw(t, "pool")
			}
		}
		text, err := Canonical(topology)
		if err != nil {
			t.Fatal(err)
		}
		if again, problems := Parse(text, ""); len(problems.Errors()) == 0 && !reflect.DeepEqual(topology, again) {
			t.Fatalf("%+v\nis read again as\n%+v\n%s", topology, again, text)
		} else if len(problems.Errors()) > 0 && !onlyVoters(problems) {
			t.Fatalf("%v\n%s", problems, text)
		}
	})
}

// onlyVoters: the number of replicas was changed and that of the voters was not.
func onlyVoters(problems Problems) bool {
	return !slices.ContainsFunc(problems.Errors(), func(p Problem) bool { return p.Code != codeVotersMismatch && p.Code != codeInvalidVoters })
}
