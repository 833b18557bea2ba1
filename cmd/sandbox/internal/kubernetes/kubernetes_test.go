//go:build linux

package kubernetes

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sigs.k8s.io/yaml"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/credentials"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// testCluster is the second of two, with two nodes, and its credentials.
func testCluster(t *testing.T) Cluster {
	t.Helper()
	root := t.TempDir()
	dir, err := state.Paths{Cache: root, Sandboxes: root}.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	spec := &state.Spec{
		Name: "s", Runtime: state.Containers, Nodes: 2, Network: "198.18.0.0/18", FeatureGates: "MaxUnavailableStatefulSet=false",
		Clusters: []state.Cluster{
			{Name: "use1", Region: "us-east1", Zones: []string{"b", "c"}, ServiceCIDR: "198.18.1.0/24"},
			{Name: "euw1", Region: "europe-west1", Zones: []string{"d"}, ServiceCIDR: "198.18.2.0/24"},
		},
	}
	layout, err := places.Of(spec)
	if err != nil {
		t.Fatal(err)
	}
	c := Cluster{
		Sandbox: spec, Index: 1, Dir: dir, Binaries: binaries.Set{Dir: "/cache/bin/set"}, Places: layout,
		CgroupOf: func(place string) string { return "/group/" + place },
	}
	if err := credentials.Ensure(dir.Credentials("euw1"), "euw1", c.Subjects(), time.Now()); err != nil {
		t.Fatal(err)
	}
	return c
}

// rendered reads a file of a place as YAML.
func rendered(t *testing.T, c Cluster, place, file string) map[string]any {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.etc(place), file))
	if err != nil {
		t.Fatal(err)
	}
	var document map[string]any
	if err := yaml.UnmarshalStrict(data, &document); err != nil {
		t.Fatalf("%s: %v\n%s", file, err, data)
	}
	return document
}

func TestANodeIsDescribed(t *testing.T) {
	c := testCluster(t)
	place, err := c.Places.Find("euw1-n1", places.Node)
	if err != nil {
		t.Fatal(err)
	}
	description, err := c.Describe(place)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, component := range description.Components {
		names = append(names, component.Name)
	}
	if !slices.Equal(names, []string{"containerd", "kubelet", "kube-proxy"}) || !description.Forward || len(description.Sysctls) == 0 {
		t.Errorf("described as %+v", description)
	}
	kubelet := rendered(t, c, "euw1-n1", "kubelet.yaml")
	for key, want := range map[string]any{
		"cgroupRoot": "/group/euw1-n1", "failCgroupV1": false, "containerRuntimeEndpoint": "unix://" + Socket,
	} {
		if kubelet[key] != want {
			t.Errorf("kubelet: %s is %v, want %v", key, kubelet[key], want)
		}
	}
	if dns, ok := kubelet["clusterDNS"].([]any); !ok || len(dns) != 1 || dns[0] != "198.18.2.10" {
		t.Errorf("clusterDNS %v", kubelet["clusterDNS"])
	}
	if proxy := rendered(t, c, "euw1-n1", "kube-proxy.yaml"); proxy["mode"] != "nftables" || proxy["clusterCIDR"] != "198.18.16.0/21" {
		t.Errorf("kube-proxy: %v", proxy)
	}
	if network, err := json.Marshal(rendered(t, c, "euw1-n1", "cni/pods.conflist")); err != nil || !strings.Contains(string(network), `"subnet":"198.18.17.0/24"`) {
		t.Errorf("network: %s, %v", network, err)
	}
}

func TestAControlPlaneIsDescribed(t *testing.T) {
	c := testCluster(t)
	place, err := c.Places.Find("euw1", places.ControlPlane)
	if err != nil {
		t.Fatal(err)
	}
	description, err := c.Describe(place)
	if err != nil {
		t.Fatal(err)
	}
	for _, component := range description.Components {
		gates := slices.Contains(component.Args, "--feature-gates=MaxUnavailableStatefulSet=false")
		if want := component.Name != "etcd"; gates != want {
			t.Errorf("%s is given feature gates: %t", component.Name, gates)
		}
		for _, arg := range component.Args {
			if strings.Contains(arg, "BEGIN") {
				t.Errorf("%s is given a secret", component.Name)
			}
		}
	}
	if description.Forward || description.Images != nil || c.Server() != "https://198.18.0.32:6443" {
		t.Errorf("described as %+v, server %s", description, c.Server())
	}
}

func TestObjectsOfACluster(t *testing.T) {
	c := testCluster(t)
	documents, err := c.Objects()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]any{}
	for document := range strings.SplitSeq(string(documents), "\n---\n") {
		var object map[string]any
		if err := yaml.UnmarshalStrict([]byte(document), &object); err != nil {
			t.Fatalf("%v:\n%s", err, document)
		}
		found[object["kind"].(string)+"/"+object["metadata"].(map[string]any)["name"].(string)] = object
	}
	for _, name := range []string{
		"ConfigMap/quorate-sandbox", "StorageClass/standard", "StorageClass/fast-ssd", "Node/euw1-n0", "Node/euw1-n1",
		"ServiceAccount/coredns", "ClusterRole/system:coredns", "ClusterRoleBinding/system:coredns", "ConfigMap/coredns", "Service/kube-dns", "Deployment/coredns",
	} {
		if found[name] == nil {
			t.Errorf("%s is missing", name)
		}
	}
	mark := found["ConfigMap/quorate-sandbox"]["data"].(map[string]any)
	if mark["sandbox"] != "s" || mark["cluster"] != "euw1" {
		t.Errorf("mark %v", mark)
	}
	if spec := found["Node/euw1-n1"]["spec"].(map[string]any); spec["podCIDR"] != "198.18.17.0/24" {
		t.Errorf("node %v", spec)
	}
}

func TestFeatureGatesAreChecked(t *testing.T) {
	c := testCluster(t)
	c.Sandbox.FeatureGates = "A=true,B=false"
	if gates, err := c.featureGates(); err != nil || len(gates) != 2 || !gates["A"] || gates["B"] {
		t.Errorf("%v, %v", gates, err)
	}
	c.Sandbox.FeatureGates = "A"
	if _, err := c.featureGates(); err == nil {
		t.Error("a gate without a value was accepted")
	}
}
