package kustomize_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/regions"
)

// Every zone has a StatefulSet that selects its own pods, is pinned to its nodes and tells the
// database the zone; Services and the budget are of all of them.
func TestSetPerZone(t *testing.T) {
	for name, pools := range map[string][]string{
		"perzone":         {"usw1", "bank-us-west1-a*2", "bank-us-west1-b*1", "bank-us-west1-c*1"},
		"perzone-members": {"no1", "kv-north-a*1", "kv-north-b*1"},
	} {
		t.Run(name, func(t *testing.T) {
			top := topology(t, name)
			cluster, _ := top.ClusterByName(pools[0])
			objects := built(t, top, cluster.Name)
			if err := kustomize.CheckPools(top, profile(t, top), cluster, objects); err != nil {
				t.Error(err)
			}
			var got []string
			for _, o := range objects {
				if o["kind"] == "StatefulSet" {
					checkZoneSet(t, top, cluster, objects, o)
					got = append(got, fmt.Sprintf("%s*%d", at(o, "metadata", "name"), at(o, "spec", "replicas")))
				}
			}
			if slices.Sort(got); !slices.Equal(got, pools[1:]) {
				t.Errorf("StatefulSets %v, want %v", got, pools[1:])
			}
		})
	}
}

func checkZoneSet(t *testing.T, top *regions.Topology, cluster regions.Cluster, objects []map[string]any, set map[string]any) {
	t.Helper()
	name := at(set, "metadata", "name").(string)
	zone := strings.TrimPrefix(name, top.Metadata.Name+"-")
	labels := at(set, "spec", "template", "metadata", "labels").(map[string]any)
	want(t, "label of "+name, labels["quorate.dev/zone"], zone)
	for key, value := range at(set, "spec", "selector", "matchLabels").(map[string]any) {
		want(t, "selected label "+key, labels[key], value)
	}
	want(t, "selected zone", at(set, "spec", "selector", "matchLabels", "quorate.dev/zone"), zone)
	want(t, "governing Service", at(set, "spec", "serviceName"), top.Metadata.Name)
	pod := at(set, "spec", "template", "spec")
	terms := at(pod, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms")
	want(t, "node affinity", first(terms, "matchExpressions"), []any{map[string]any{"key": "topology.kubernetes.io/zone", "operator": "In", "values": []any{zone}}})
	apart := at(pod, "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
	want(t, "spread", at(pod, "topologySpreadConstraints"), nil)
	for what, selector := range map[string]any{
		"headless Service": at(object(t, objects, "Service", top.Metadata.Name), "spec", "selector"),
		"public Service":   at(object(t, objects, "Service", top.Metadata.Name+"-public"), "spec", "selector"),
		"budget":           at(object(t, objects, "PodDisruptionBudget", top.Metadata.Name), "spec", "selector", "matchLabels"),
		"anti-affinity":    first(apart, "labelSelector", "matchLabels"),
	} {
		all, _ := selector.(map[string]any)
		if len(all) == 0 || all["quorate.dev/zone"] != nil {
			t.Errorf("the %s selects %v, not the pods of all zones", what, selector)
		}
	}
	if top.Spec.Profile != "cockroachdb" {
		return
	}
	args := texts(first(at(pod, "containers"), "args"))
	if locality := "--locality=region=" + top.RegionOf(cluster.Name) + ",zone=" + zone; !slices.Contains(args, locality) {
		t.Errorf("%s is started with %v", name, args)
	}
	if env := fmt.Sprint(first(at(pod, "containers"), "env")); strings.Contains(env, "ZONE") {
		t.Errorf("%s has a variable for the zone: %s", name, env)
	}
}

// Members are listed by the names that they give themselves.
func TestMembersPerZone(t *testing.T) {
	top := topology(t, "perzone-members")
	objects := built(t, top, "ea1")
	list, found := profile(t, top).Members.Listed(at(object(t, objects, "StatefulSet", "kv-east-a"), "spec", "template").(map[string]any))
	if !found || len(list) != 5 || list[0] != "kv-east-a-0.ea1=http://kv-east-a-0.ea1.kv.db.example.com:2380" {
		t.Errorf("members %v", list)
	}
}

// A replica more changes the number of one StatefulSet, and nothing else anywhere.
func TestScalingPerZoneTouchesOneSet(t *testing.T) {
	before := built(t, topology(t, "perzone"), "use1")
	grown := topology(t, "perzone")
	grown.Spec.Regions[0].Clusters[0].Replicas = 4
	after := built(t, grown, "use1")
	set := object(t, after, "StatefulSet", "bank-us-east1-b")
	want(t, "replicas", at(set, "spec", "replicas"), int64(2))
	set["spec"].(map[string]any)["replicas"] = int64(1)
	if !reflect.DeepEqual(before, after) {
		t.Errorf("something other than replicas changed:\n%v\n%v", before, after)
	}
}
