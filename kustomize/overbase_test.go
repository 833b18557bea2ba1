package kustomize_test

import (
	"testing"
	"testing/fstest"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

// A base may hold what one cluster has for itself, and a profile with manifests of its own goes with a base.
func TestEachClusterGetsItsOwnPartOfTheBase(t *testing.T) {
	base := fstest.MapFS{
		"kustomization.yaml":               plain("resources: [db.yaml, service.yaml]\n"),
		"db.yaml":                          named("db"),
		"service.yaml":                     plain("apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {clusterIP: None, selector: {app: db}}\n"),
		"clusters/use1/kustomization.yaml": plain("apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [more.yaml]\npatches: [{target: {kind: StatefulSet}, patch: '[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/args\", \"value\": [\"--region=use1\"]}]'}]\n"),
		"clusters/use1/more.yaml":          plain("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: more}\n"),
	}
	top := topology(t, "three")
	top.Spec.Base, top.Spec.Container = "./base", "db"
	top.Spec.Storage, top.Spec.Resources = regions.Storage{}, regions.Resources{}
	for i := range top.Spec.Regions {
		for j := range top.Spec.Regions[i].Clusters {
			c := &top.Spec.Regions[i].Clusters[j]
			c.Pools, c.Replicas = map[string]int{"db": c.Replicas}, 0
		}
	}
	r, err := kustomize.Render(top, profile(t, top), base)
	if err != nil {
		t.Fatal(err)
	}
	for cluster, want := range map[string]any{"use1": []any{"--region=use1"}, "usw1": nil} {
		objects := objectsOf(t, r, cluster)
		container := at(object(t, objects, "StatefulSet", "db"), "spec", "template", "spec", "containers").([]any)[0]
		args, _ := at(container, "args").([]any)
		if (want == nil) != (args == nil) || at(container, "image") != top.Spec.Image {
			t.Errorf("%s: container %v", cluster, container)
		}
		c, _ := top.ClusterByName(cluster)
		if err := kustomize.CheckPools(top, profile(t, top), c, objects); err != nil {
			t.Error(err)
		}
	}
	object(t, objectsOf(t, r, "use1"), "ConfigMap", "more")
}

func objectsOf(t *testing.T, r kustomize.Rendering, cluster string) []map[string]any {
	t.Helper()
	stream, err := build.Build(r.Files, "overlays/"+cluster)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := build.Objects(stream)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
