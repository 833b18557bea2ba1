package kustomize_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

func TestUserBaseIsCopiedByteForByte(t *testing.T) {
	files := render(t, topology(t, "streams")).Files
	dir := filepath.Join("testdata", "streams-base")
	count := 0
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		count++
		want, err := os.ReadFile(filepath.Join(dir, name))
		if !bytes.Equal(want, files["base/"+name]) {
			t.Errorf("base/%s differs", name)
		}
		return err
	})
	if err != nil || count == 0 {
		t.Fatal(count, err)
	}
}

func TestGenericOverlaySetsReplicasImageAndNamespaceAlone(t *testing.T) {
	top := topology(t, "streams")
	objects := built(t, top, "s1")
	cluster, _ := top.ClusterByName("s1")
	if err := kustomize.CheckPools(top, profile(t, top), cluster, objects); err != nil {
		t.Error(err)
	}
	broker := object(t, objects, "StatefulSet", "broker")
	if got := at(broker, "spec", "replicas"); got != int64(4) {
		t.Errorf("replicas are %v", got)
	}
	containers := at(broker, "spec", "template", "spec", "containers").([]any)
	for i, want := range []string{"example.com/kafka:4.1.0", "example.com/exporter:1"} {
		if got := at(containers[i], "image"); got != want {
			t.Errorf("container %d has image %v, want %s", i, got, want)
		}
	}
	for _, o := range objects {
		if ns := at(o, "metadata", "namespace"); at(o, "kind") != "Namespace" && ns != "streams-south" {
			t.Errorf("%v %v is in namespace %v", at(o, "kind"), at(o, "metadata", "name"), ns)
		}
	}
	object(t, objects, "Namespace", "streams-south")
}

const set = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: NAME}
spec:
  serviceName: db
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: "db:1"}]}
`

func named(name string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(strings.ReplaceAll(set, "NAME", name))}
}

func plain(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

// generic is a topology of one cluster with one pool, "db".
func generic() *regions.Topology {
	return &regions.Topology{
		Metadata: regions.Metadata{Name: "db"},
		Spec: regions.Spec{
			Profile: "generic", Base: "./base", Image: "db:2", DNS: regions.DNS{Zone: "db.example.com"},
			Regions: []regions.Region{{Name: "r", Clusters: []regions.Cluster{
				{Name: "c", Namespace: "db", Pools: map[string]int{"db": 2}},
			}}},
		},
	}
}

func TestUserBaseRefused(t *testing.T) {
	list := func(entry string) *fstest.MapFile { return plain("resources:\n  - db.yaml\n  - " + entry + "\n") }
	tests := map[string]struct {
		base fstest.MapFS
		want []string
	}{
		"no kustomization": {
			fstest.MapFS{"db.yaml": named("db"), "svc.yml": named("x")},
			[]string{"holds no kustomization.yaml", "resources:\n  - db.yaml\n  - svc.yml"},
		},
		"empty":              {fstest.MapFS{"README": plain("")}, []string{"is it the right directory?"}},
		"leaves the base":    {fstest.MapFS{"kustomization.yaml": list("../other"), "db.yaml": named("db")}, []string{`kustomization.yaml:3: "../other" lies outside`}},
		"leaves deeper down": {fstest.MapFS{"kustomization.yaml": list("sub"), "db.yaml": named("db"), "sub/kustomization.yaml": plain("resources:\n- ../../x\n")}, []string{`sub/kustomization.yaml:2: "../../x" lies outside`}},
		"the parent itself":  {fstest.MapFS{"kustomization.yaml": list(".."), "db.yaml": named("db")}, []string{`".." lies outside`}},
		"behind an alias":    {fstest.MapFS{"kustomization.yaml": plain("commonAnnotations: {a: &out ../../x}\nresources: [db.yaml, *out]\n"), "db.yaml": named("db")}, []string{"alias *out"}},
		"absolute":           {fstest.MapFS{"kustomization.yaml": list("/etc/passwd"), "db.yaml": named("db")}, []string{`"/etc/passwd" lies outside`}},
		"a patch outside":    {fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]\npatches:\n- path: ../p.yaml\n"), "db.yaml": named("db")}, []string{`kustomization.yaml:3: "../p.yaml"`}},
		"a generator's file": {fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]\nsecretGenerator:\n- name: s\n  files: [key=../../tsig.key]\n"), "db.yaml": named("db")}, []string{`kustomization.yaml:4: "key=../../tsig.key"`}},
		"remote":             {fstest.MapFS{"kustomization.yaml": list("https://example.com/x.yaml"), "db.yaml": named("db")}, []string{"kustomization.yaml:3:", "what is remote must be copied into it"}},
		"missing":            {fstest.MapFS{"kustomization.yaml": list("nope.yaml"), "db.yaml": named("db")}, []string{`"nope.yaml" is neither a file`}},
		"a symbolic link":    {fstest.MapFS{"kustomization.yaml": list("x.yaml"), "db.yaml": named("db"), "x.yaml": {Data: []byte("/etc/passwd"), Mode: fs.ModeSymlink}}, []string{"x.yaml is no regular file"}},
		"not YAML":           {fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]"), "db.yaml": plain("a: [")}, []string{"db.yaml:1: read the manifest"}},
		"not a mapping":      {fstest.MapFS{"kustomization.yaml": plain("- db.yaml")}, []string{"the kustomization is not a mapping"}},
		"an odd set":         {fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]"), "db.yaml": plain("kind: StatefulSet\nmetadata: {name: db}\nspec: {template: x}")}, []string{"read StatefulSet db"}},
		"another pool":       {fstest.MapFS{"kustomization.yaml": plain("resources: [a.yaml, b.yaml]"), "a.yaml": named("a"), "b.yaml": named("b")}, []string{"cluster c", `pool "db" names no StatefulSet: spec.base has the StatefulSets a, b`}},
		"no pool":            {fstest.MapFS{"kustomization.yaml": plain("resources: []")}, []string{"no StatefulSet at all"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := generic()
			_, err := kustomize.Render(top, profile(t, top), test.base)
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want one with %q", err, want)
				}
			}
		})
	}
}

func TestContainerOfTheImage(t *testing.T) {
	two := plain(strings.ReplaceAll(strings.Replace(set, "[{name: db", "[{name: proxy, image: p}, {name: db", 1), "NAME", "db"))
	base := func(manifest *fstest.MapFile) fstest.MapFS {
		return fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml, svc.yaml]"), "db.yaml": manifest, "svc.yaml": plain(headless)}
	}
	tests := map[string]struct {
		base      fstest.MapFS
		container string
		want      string // of the error; empty: the image is set
	}{
		"the only one":      {base(named("db")), "", ""},
		"the named one":     {base(two), "db", ""},
		"none named of two": {base(two), "", "has the containers proxy, db; name the one"},
		"no such container": {base(named("db")), "nope", `has no container "nope", only db`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := generic()
			top.Spec.Container = test.container
			r, err := kustomize.Render(top, profile(t, top), test.base)
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got error %v, want one with %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			objects := mustBuild(t, r, "overlays/c")
			if err := kustomize.CheckPools(top, profile(t, top), top.Spec.Regions[0].Clusters[0], objects); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestBaseWithANamespaceOfItsOwn(t *testing.T) {
	top := generic()
	r, err := kustomize.Render(top, profile(t, top), fstest.MapFS{
		"kustomization.yaml": plain("resources: [db.yaml, ns.yaml]"),
		"db.yaml":            named("db"),
		"ns.yaml":            plain("apiVersion: v1\nkind: Namespace\nmetadata: {name: old, labels: {team: a}}\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ns := object(t, mustBuild(t, r, "overlays/c"), "Namespace", "db")
	if at(ns, "metadata", "labels", "team") != "a" {
		t.Error("the base's Namespace was replaced")
	}
	if _, ok := r.Files["overlays/c/namespace.yaml"]; ok {
		t.Error("a second Namespace is left in the overlay")
	}
}

func TestCheckPools(t *testing.T) {
	base := func(change func(string) string) fstest.MapFS {
		return fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml, svc.yaml]"), "db.yaml": plain(change(strings.ReplaceAll(set, "NAME", "db"))), "svc.yaml": plain(headless)}
	}
	strategy := func(s string) func(string) string {
		return func(m string) string { return strings.Replace(m, "spec:\n", "spec:\n  updateStrategy: "+s+"\n", 1) }
	}
	tests := map[string]struct {
		base fstest.MapFS
		want string
	}{
		"good":           {base(strategy("{type: RollingUpdate}")), ""},
		"a partition":    {base(strategy("{type: RollingUpdate, rollingUpdate: {partition: 0}}")), "StatefulSet db names a partition (0)"},
		"OnDelete":       {base(strategy("{type: OnDelete}")), "OnDelete"},
		"another set":    {base(func(m string) string { return m + "---\n" + strings.ReplaceAll(set, "NAME", "extra") }), "StatefulSet extra belongs to no pool"},
		"renamed behind": {fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]\npatches: [{target: {kind: StatefulSet}, options: {allowNameChange: true}, patch: '[{\"op\": \"replace\", \"path\": \"/metadata/name\", \"value\": \"other\"}]'}]"), "db.yaml": named("db")}, `pool "db" names no StatefulSet`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := generic()
			r, err := kustomize.Render(top, profile(t, top), test.base)
			if err != nil {
				t.Fatal(err)
			}
			err = kustomize.CheckPools(top, profile(t, top), top.Spec.Regions[0].Clusters[0], mustBuild(t, r, "overlays/c"))
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

func mustBuild(t testing.TB, r kustomize.Rendering, dir string) []map[string]any {
	t.Helper()
	stream, err := build.Build(r.Files, dir)
	if err != nil {
		t.Fatal(err)
	}
	objects, err := build.Objects(stream)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}
