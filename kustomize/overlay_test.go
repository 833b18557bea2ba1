package kustomize_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

func TestSeedsAreTheSameFiveEverywhere(t *testing.T) {
	join := "--join=join-0.bank.db.example.com:26257,join-1.bank.db.example.com:26257,join-2.bank.db.example.com:26257," +
		"join-3.bank.db.example.com:26257,join-4.bank.db.example.com:26257"
	for _, cluster := range []string{"use1", "usw1", "euw1"} {
		set := object(t, built(t, topology(t, "three"), cluster), "StatefulSet", "bank")
		command := texts(first(at(set, "spec", "template", "spec", "containers"), "command"))
		if !slices.Contains(command, join) {
			t.Errorf("%s: %s does not hold %s", cluster, command, join)
		}
	}
}

func TestNameServersAreGivenOnlyWhereListed(t *testing.T) {
	top := topology(t, "three")
	pod := at(object(t, built(t, top, "use1"), "StatefulSet", "bank"), "spec", "template", "spec")
	want(t, "dnsPolicy", at(pod, "dnsPolicy"), "None")
	want(t, "nameservers", at(pod, "dnsConfig", "nameservers"), []any{"10.96.0.53"})
	pod = at(object(t, built(t, top, "usw1"), "StatefulSet", "bank"), "spec", "template", "spec")
	want(t, "dnsPolicy", at(pod, "dnsPolicy"), nil)
	want(t, "dnsConfig", at(pod, "dnsConfig"), nil)
}

func TestLocalityWithoutZones(t *testing.T) {
	set := object(t, built(t, topology(t, "one"), "one"), "StatefulSet", "shop")
	pod := at(set, "spec", "template", "spec")
	want(t, "locality", texts(first(at(pod, "containers"), "args"))[1], "--locality=region=home")
	want(t, "spread", first(at(pod, "topologySpreadConstraints"), "whenUnsatisfiable"), "ScheduleAnyway")
	if env, _ := json.Marshal(first(at(pod, "containers"), "env")); strings.Contains(string(env), "ZONE") {
		t.Errorf("a zone is read: %s", env)
	}
	limits := first(at(pod, "containers"), "resources", "limits")
	want(t, "limits, of which only requests were given", limits, map[string]any{"cpu": "2", "memory": "8Gi"})
}

func TestNamespacesAreThoseOfTheClusters(t *testing.T) {
	for _, o := range built(t, topology(t, "three"), "euw1") {
		if o["kind"] == "Namespace" {
			want(t, "Namespace", at(o, "metadata", "name"), "bank-eu")
			continue
		}
		want(t, o["kind"].(string), at(o, "metadata", "namespace"), "bank-eu")
	}
}

// Scaling a cluster, or adding a region, must change no pod template, or it would
// restart replicas which it does not concern.
func TestScalingAndAddingARegionRestartNobody(t *testing.T) {
	before := built(t, topology(t, "three"), "use1")
	grown := topology(t, "three")
	grown.Spec.Regions[0].Clusters[0].Replicas = 7
	grown.Spec.Regions[0].Clusters[0].Zones = append(grown.Spec.Regions[0].Clusters[0].Zones, "us-east1-a")
	grown.Spec.Regions = append(grown.Spec.Regions, regions.Region{Name: "asia-east1", Clusters: []regions.Cluster{
		{Name: "ase1", Context: "ase1", Namespace: "bank", Replicas: 3, Zones: []string{"asia-east1-a"}},
	}})
	after := built(t, grown, "use1")
	want(t, "replicas", at(object(t, after, "StatefulSet", "bank"), "spec", "replicas"), int64(7))
	object(t, after, "StatefulSet", "bank")["spec"].(map[string]any)["replicas"] = int64(3)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("something other than replicas changed:\n%v\n%v", before, after)
	}
}

// topologyNamed is a topology in which everything that can be is called by the given names.
func topologyNamed(name, label, quantity string) *regions.Topology {
	return &regions.Topology{Metadata: regions.Metadata{Name: name}, Spec: regions.Spec{
		Profile: "cockroachdb", Image: "cockroach:1.0", TLS: regions.TLS{Mode: "disabled"}, Locality: regions.Locality{Zone: "podLabel"},
		Storage: regions.Storage{Size: quantity, ClassName: label}, DNS: regions.DNS{Zone: "example.com."},
		Resources: regions.Resources{Requests: map[string]string{"cpu": quantity, "memory": "1"}},
		Regions:   []regions.Region{{Name: label, Clusters: []regions.Cluster{{Name: label, Namespace: label, Replicas: 3}}}},
	}}
}

// namesAreText checks the objects of a topology from topologyNamed.
func namesAreText(t rapid.TB, objects []map[string]any, name, label, quantity string) {
	t.Helper()
	for _, o := range objects {
		if ns := at(o, "metadata", "namespace"); o["kind"] == "Namespace" && at(o, "metadata", "name") != label || ns != nil && ns != label {
			t.Errorf("%s %v is in namespace %#v, want %q", o["kind"], at(o, "metadata", "name"), ns, label)
		}
		if o["kind"] != "StatefulSet" {
			continue
		}
		container := at(o, "spec", "template", "spec", "containers").([]any)[0]
		claim := at(o, "spec", "volumeClaimTemplates").([]any)[0]
		for what, pair := range map[string][2]any{
			"name":       {at(o, "metadata", "name"), name},
			"service":    {at(o, "spec", "serviceName"), name},
			"label":      {at(o, "metadata", "labels", "app.kubernetes.io/instance"), name},
			"class":      {at(claim, "spec", "storageClassName"), label},
			"size":       {at(claim, "spec", "resources", "requests", "storage"), quantity},
			"cpu":        {at(container, "resources", "limits", "cpu"), quantity},
			"memory":     {at(container, "resources", "requests", "memory"), "1"},
			"advertised": {texts(at(container, "args"))[0], "--advertise-host=$(POD_NAME)." + label + ".example.com"},
			"locality":   {texts(at(container, "args"))[1], "--locality=region=" + label + ",zone=$(ZONE)"},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s is %#v, want %#v", what, pair[0], pair[1])
			}
		}
	}
}

// Valid names that YAML would read as something else must come out as the text
// they are, through the templates and through kustomize.
func TestNamesStayText(t *testing.T) {
	p := profile(t, topology(t, "three"))
	for i, label := range []string{
		"1", "0", "1e3", "0x10", "0o7", "0b1", "0123", "1-0e5", "2025-01-01", "on", "off", "no", "y", "null", "true", "nan", "inf",
	} {
		name := []string{"on", "null", "true", "e1"}[i%4]
		r, err := kustomize.Render(topologyNamed(name, label, "1e3"), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		objects := mustBuild(t, r, r.Overlays[0].Dir)
		object(t, objects, "StatefulSet", name)
		object(t, objects, "Namespace", label)
		namesAreText(t, objects, name, label, "1e3")
	}
}

// The same for any valid name. The rendered files are read one by one, and the
// overlay's part of the StatefulSet put into the base's by hand: a build of each would be slow.
func TestAnyNameStaysText(t *testing.T) {
	p := profile(t, topology(t, "three"))
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "name")
		label := rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?`).Draw(t, "label")
		quantity := resource.NewMilliQuantity(rapid.Int64Range(1, 64000).Draw(t, "quantity"), resource.DecimalSI).String()
		r, err := kustomize.Render(topologyNamed(name, label, quantity), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		read := func(file string) map[string]any {
			objects, err := build.Objects(r.Files[file])
			if err != nil || len(objects) != 1 {
				t.Fatalf("%s: %v, %v", file, objects, err)
			}
			return objects[0]
		}
		set, patch := read("base/statefulset.yaml"), read(r.Overlays[0].Dir+"/statefulset.yaml")
		container := at(set, "spec", "template", "spec", "containers").([]any)[0].(map[string]any)
		container["args"] = first(at(patch, "spec", "template", "spec", "containers"), "args")
		namesAreText(t, []map[string]any{set, read(r.Overlays[0].Dir + "/namespace.yaml")}, name, label, quantity)
	})
}
