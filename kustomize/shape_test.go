package kustomize_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"quorate.dev/quorate/kustomize"
)

const headless = `---
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 1}]}
`

// TestShapesRefused: what a cluster would accept, and what then could not be named, counted or left alone.
func TestShapesRefused(t *testing.T) {
	replaced := func(old, text string) string { return strings.Replace(set+headless, old, text, 1) }
	tests := map[string]struct{ manifests, want string }{
		"good":                     {set + headless, ""},
		"more labels than asked":   {replaced("labels: {app: db}", "labels: {app: db, tier: data}"), ""},
		"ordinals from zero":       {replaced("  serviceName: db", "  serviceName: db\n  ordinals: {start: 0}"), ""},
		"ordinals from one":        {replaced("  serviceName: db", "  serviceName: db\n  ordinals: {start: 1}"), "StatefulSet db numbers its replicas from 1 (spec.ordinals.start)"},
		"no service named":         {replaced("  serviceName: db\n", ""), "StatefulSet db names no governing Service (spec.serviceName)"},
		"service missing":          {set, `StatefulSet db is governed by Service db (spec.serviceName), which is not in spec.base`},
		"service of others":        {replaced("selector: {app: db}, ports", "selector: {app: web}, ports"), "Service db selects pods with app=web, and the pods of StatefulSet db have app=db"},
		"service lacks a label":    {replaced("selector: {app: db}, ports", "selector: {app: db, tier: data}, ports"), "selects pods with tier=data, and the pods of StatefulSet db have no label tier"},
		"labels that are lists":    {strings.ReplaceAll(set+headless, "app: db", "app: [db]"), ""}, // the API server says what is wrong
		"service selects nothing":  {replaced("selector: {app: db}, ports", "ports"), "Service db has no selector"},
		"a job that goes away":     {set + headless + "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: setup}\nspec: {ttlSecondsAfterFinished: 60, template: {}}\n", "Job setup is deleted when it has finished (spec.ttlSecondsAfterFinished), so that every apply would run it again"},
		"a job that stays":         {set + headless + "---\napiVersion: batch/v1\nkind: Job\nmetadata: {name: setup}\nspec: {template: {}}\n", ""},
		"an autoscaler of a pool":  {set + headless + autoscaler("StatefulSet", "db"), "HorizontalPodAutoscaler auto scales StatefulSet db"},
		"an autoscaler of another": {set + headless + autoscaler("Deployment", "db"), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := generic()
			r, err := kustomize.Render(top, profile(t, top), fstest.MapFS{
				"kustomization.yaml": plain("resources: [db.yaml]"), "db.yaml": plain(strings.ReplaceAll(test.manifests, "NAME", "db")),
			})
			if err != nil {
				t.Fatal(err)
			}
			err = kustomize.CheckPools(top, profile(t, top), top.Spec.Regions[0].Clusters[0], mustBuild(t, r, "overlays/c"))
			if (err == nil) != (test.want == "") || err != nil && !(strings.Contains(err.Error(), "cluster c: ") && strings.Contains(err.Error(), test.want)) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func autoscaler(kind, name string) string {
	return "---\napiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {name: auto}\n" +
		"spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: " + kind + ", name: " + name + "}}\n"
}

// TestProblemsNameTheirCluster: each of several problems stands by itself, in one list.
func TestProblemsNameTheirCluster(t *testing.T) {
	top := generic()
	top.Spec.Regions[0].Clusters = append(top.Spec.Regions[0].Clusters, top.Spec.Regions[0].Clusters[0])
	top.Spec.Regions[0].Clusters[1].Name, top.Spec.Regions[0].Clusters[1].Pools = "d", map[string]int{"nope": 1}
	top.Spec.Regions[0].Clusters[0].Pools, top.Spec.Regions[0].Clusters[0].Replicas = nil, 3
	top.Metadata.Name = "bank"
	_, err := kustomize.Render(top, profile(t, top), fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]"), "db.yaml": named("db")})
	for _, want := range []string{
		"2 errors occurred",
		`* cluster c: replicas stands for a StatefulSet named as the deployment, "bank": spec.base has the StatefulSet db; write pools: {db: 3} instead`,
		`* cluster d: pool "nope" names no StatefulSet: spec.base has the StatefulSet db`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// TestSameDirectoryUnderTwoNames: kustomize users make variants of one directory by prefixes.
func TestSameDirectoryUnderTwoNames(t *testing.T) {
	top := generic()
	top.Spec.Regions[0].Clusters[0].Pools = map[string]int{"a-db": 1, "b-db": 1}
	r, err := kustomize.Render(top, profile(t, top), fstest.MapFS{
		"kustomization.yaml":    plain("resources: [a, b]"),
		"a/kustomization.yaml":  plain("resources: [../db]\nnamePrefix: a-"),
		"b/kustomization.yaml":  plain("resources: [../db]\nnamePrefix: b-"),
		"db/kustomization.yaml": plain("resources: [db.yaml]"), "db/db.yaml": plain(strings.ReplaceAll(set+headless, "NAME", "db")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := kustomize.CheckPools(top, profile(t, top), top.Spec.Regions[0].Clusters[0], mustBuild(t, r, "overlays/c")); err != nil {
		t.Error(err)
	}
}

// TestManifestWithoutName: kustomize would say that the file is no directory.
func TestManifestWithoutName(t *testing.T) {
	top := generic()
	_, err := kustomize.Render(top, profile(t, top), fstest.MapFS{
		"kustomization.yaml": plain("resources: [db.yaml, job.yaml]"), "db.yaml": named("db"),
		"job.yaml": plain("# setup\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: setup-}\nspec: {}\n"),
	})
	if want := "spec.base: job.yaml:2: Job has no metadata.name"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got error %v, want one with %q", err, want)
	}
}
