package kustomize_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"

	"quorate.dev/quorate/kustomize"
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

// Any valid name, such as 1e3, 0x10, null or on, must come out as the text it is.
func TestNamesStayText(t *testing.T) {
	label := labels(`[a-z0-9]`, "1", "0", "1e3", "0x10", "0o7", "0b1", "on", "no", "y", "null", "true", "nan", "1-1", "2025-01-01", "0123", "1-0e5")
	letterFirst := labels(`[a-z]`, "on", "no", "y", "null", "true", "e1", "inf")
	p, err := kustomize.LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(rt *rapid.T) {
		name, cluster, region := letterFirst.Draw(rt, "name"), label.Draw(rt, "cluster"), label.Draw(rt, "region")
		namespace, class := label.Draw(rt, "namespace"), label.Draw(rt, "class")
		cpu := resource.NewMilliQuantity(rapid.Int64Range(1, 64000).Draw(rt, "cpu"), resource.DecimalSI).String()
		top := &regions.Topology{Metadata: regions.Metadata{Name: name}, Spec: regions.Spec{
			Profile: "cockroachdb", Image: "cockroach:1.0", TLS: regions.TLS{Mode: "disabled"}, Locality: regions.Locality{Zone: "podLabel"},
			Storage: regions.Storage{Size: "1e3", ClassName: class}, DNS: regions.DNS{Zone: "example.com."},
			Resources: regions.Resources{Requests: map[string]string{"cpu": cpu, "memory": "1"}},
			Regions:   []regions.Region{{Name: region, Clusters: []regions.Cluster{{Name: cluster, Namespace: namespace, Replicas: 3}}}},
		}}
		r, err := kustomize.Render(top, p, nil)
		if err != nil {
			rt.Fatal(err)
		}
		objects := mustBuild(t, r, r.Overlays[0].Dir)
		set := object(t, objects, "StatefulSet", name)
		container := at(set, "spec", "template", "spec", "containers").([]any)[0]
		object(t, objects, "Namespace", namespace)
		for what, pair := range map[string][2]any{
			"namespace":  {at(set, "metadata", "namespace"), namespace},
			"service":    {at(set, "spec", "serviceName"), name},
			"label":      {at(set, "metadata", "labels", "app.kubernetes.io/instance"), name},
			"class":      {first(at(set, "spec", "volumeClaimTemplates"), "spec", "storageClassName"), class},
			"size":       {first(at(set, "spec", "volumeClaimTemplates"), "spec", "resources", "requests", "storage"), "1e3"},
			"cpu":        {at(container, "resources", "limits", "cpu"), cpu},
			"memory":     {at(container, "resources", "requests", "memory"), "1"},
			"advertised": {texts(at(container, "args"))[0], "--advertise-host=$(POD_NAME)." + cluster + ".example.com"},
			"locality":   {texts(at(container, "args"))[1], "--locality=region=" + region + ",zone=$(ZONE)"},
		} {
			if pair[0] != pair[1] {
				rt.Errorf("%s is %#v, want %#v", what, pair[0], pair[1])
			}
		}
	})
}

// labels draws RFC 1123 labels, those given among them.
func labels(start string, given ...string) *rapid.Generator[string] {
	return rapid.OneOf(rapid.SampledFrom(given), rapid.StringMatching(start+`([a-z0-9-]{0,20}[a-z0-9])?`))
}

func TestTwoLooksOfTheGateSeeDifferentMetrics(t *testing.T) {
	p, err := kustomize.LoadProfile("cockroachdb")
	if err != nil {
		t.Fatal(err)
	}
	// Metrics are recomputed every 10 s: two looks must have a whole round between them.
	if d := p.Hooks.Gate.IntervalDuration(); d <= 20*time.Second {
		t.Errorf("interval is %s", d)
	}
}
