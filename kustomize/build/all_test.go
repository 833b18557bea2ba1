package build_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

func dirsOf(r kustomize.Rendering) []string {
	var dirs []string
	for _, o := range r.Overlays {
		dirs = append(dirs, o.Dir)
	}
	return dirs
}

// sameAsAlone checks every directory of one All against a build of it alone.
func sameAsAlone(t rapid.TB, files map[string][]byte, dirs []string) {
	t.Helper()
	all := build.All(files, dirs)
	if len(all) != len(dirs) {
		t.Fatalf("%d results for %d directories", len(all), len(dirs))
	}
	for i, dir := range dirs {
		got := all[i]
		want, err := build.Build(files, dir)
		if err != nil || got.Err != nil {
			if err == nil || got.Err == nil || err.Error() != got.Err.Error() {
				t.Errorf("%s: error %v, alone %v", dir, got.Err, err)
			}
			continue
		}
		if got.Dir != dir || !bytes.Equal(got.YAML, want) {
			t.Fatalf("%s (%s) differs from what it is alone:\n--- together\n%s\n--- alone\n%s", got.Dir, dir, got.YAML, want)
		}
		objects, err := build.Objects(want)
		if err != nil || !reflect.DeepEqual(got.Objects, objects) {
			t.Fatalf("%s: objects differ (%v):\n%v\n%v", dir, err, got.Objects, objects)
		}
	}
}

func TestAllBuildsWhatBuildBuilds(t *testing.T) {
	for _, name := range []string{"one", "three", "five", "members", "streams", "inside", "perzone", "perzone-members"} {
		r := rendered(t, name)
		sameAsAlone(t, r.Files, dirsOf(r))
	}
	r := rendered(t, "three")
	sameAsAlone(t, withOwnSchema(r.Files), dirsOf(r))
	for _, file := range []string{"../../docs/examples/bank/topology.yaml", "../../docs/examples/etcd/topology.yaml"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := renderedFrom(t, string(data))
		sameAsAlone(t, r.Files, dirsOf(r))
	}
}

func renderedFrom(t rapid.TB, text string) kustomize.Rendering {
	t.Helper()
	top, problems := regions.Parse([]byte(text), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatalf("%v\n%s", errs, text)
	}
	p, err := kustomize.LoadProfile(top.Spec.Profile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := kustomize.Render(top, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// taken are names that a cluster may not have, since something else in the zone has them: the regions below, the server, the seeds.
var taken = regexp.MustCompile(`^(r|ns|join-)[0-9]+$`)

// fleet is the text of a topology of clusters drawn at random, with names that YAML would read as something else among them.
func fleet(t *rapid.T) string {
	var b strings.Builder
	profile := rapid.SampledFrom([][2]string{{"cockroachdb", "cockroachdb/cockroach:v25.4.1"}, {"etcd", "registry.k8s.io/etcd:v3.6.16"}}).Draw(t, "profile")
	fmt.Fprintf(&b, "apiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: bank}\nspec:\n  profile: %s\n  image: %s\n"+
		"  storage: {size: 100Gi, className: fast-ssd}\n  survive: {failure: none}\n  tls: {mode: disabled}\n"+
		"  locality: {zone: %s}\n  dns: {zone: bank.db.example.com, publish: [serve: {listen: \"0.0.0.0:53\"}]}\n  regions:\n",
		profile[0], profile[1], rapid.SampledFrom([]string{"podLabel", "none"}).Draw(t, "locality"))
	label := rapid.OneOf(
		rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,12}[a-z0-9])?`),
		rapid.SampledFrom([]string{"1", "1e3", "0x10", "on", "null", "true", "nan", "2025-01-01", "0o7", "y"}),
	).Filter(func(name string) bool { return !taken.MatchString(name) })
	names := rapid.SliceOfNDistinct(label, 3, 5, rapid.ID).Draw(t, "names")
	for i, name := range names {
		fmt.Fprintf(&b, "  - name: r%d\n    clusters: [{name: %q, context: c%d, replicas: %d, zones: [z%d]", i, name, i, rapid.IntRange(1, 5).Draw(t, "replicas"), i)
		if servers := rapid.IntRange(0, 2).Draw(t, "servers"); servers > 0 {
			fmt.Fprintf(&b, ", dnsServers: [%s]", strings.Join([]string{"10.96.0.53", fmt.Sprintf("10.%d.0.54", i)}[:servers], ", "))
		}
		if namespace := rapid.SampledFrom([]string{"", "", "bank-eu"}).Draw(t, "namespace"); namespace != "" {
			fmt.Fprintf(&b, ", namespace: %s", namespace)
		}
		b.WriteString("}]\n")
	}
	return b.String()
}

// QUORATE_SEEDS asks for more fleets than the few that there is time for always; each mould is then held against every
// member of its family, not only through what All makes of it.
func TestAllBuildsWhatBuildBuildsOfAnyFleet(t *testing.T) {
	seeds, thorough := 5, false
	if more, err := strconv.Atoi(os.Getenv("QUORATE_SEEDS")); err == nil {
		seeds, thorough = more, true
	}
	generator := rapid.Custom(fleet)
	for seed := range seeds {
		text := generator.Example(seed)
		r := renderedFrom(t, text)
		sameAsAlone(t, r.Files, dirsOf(r))
		if !thorough {
			continue
		}
		if _, right := build.Moulded(r.Files, dirsOf(r)); !right {
			t.Errorf("a mould by itself gives something else:\n%s", text)
		}
	}
}

const plainSet = `apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  template:
    metadata: {labels: {app: db}}
    spec:
      containers: [{name: db, image: "db:1", args: [one], env: [{name: A, value: a}, {name: B, value: b}]}]
`

// byHand is four overlays that somebody wrote, each with its own value in the place of VALUE and of NUMBER.
func byHand(base, overlay, patch string, values [4]string) (map[string][]byte, []string) {
	files := map[string][]byte{"base/kustomization.yaml": []byte(base), "base/set.yaml": []byte(plainSet)}
	var dirs []string
	for i, v := range values {
		dir := fmt.Sprintf("overlays/c%d", i)
		fill := strings.NewReplacer("VALUE", v, "NUMBER", fmt.Sprint(i+1), "DIR", dir)
		files[dir+"/kustomization.yaml"] = []byte(fill.Replace(overlay))
		files[dir+"/patch.yaml"] = []byte(fill.Replace(patch))
		dirs = append(dirs, dir)
	}
	return files, dirs
}

// What a value does may depend on what it is; and kustomizations elsewhere may look into it.
func TestValuesThatMatter(t *testing.T) {
	const base, overlay = "resources: [set.yaml]\n", "resources: [../../base]\npatches: [{path: patch.yaml}]\n"
	args := func(value string) string {
		return "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec:\n  replicas: NUMBER\n  template:\n    spec:\n      containers:\n      - name: db\n        args: [" + value + "]\n"
	}
	plain := [4]string{"alpha", "beta", "gamma", "delta"}
	tests := map[string]struct {
		base, overlay, patch string
		values               [4]string
		moulded              int // how many are made from a mould
	}{
		"plain":                      {base, overlay, args("--name=VALUE"), plain, 4},
		"numbers, truth and nothing": {base, overlay, args(`"VALUE"`), [4]string{"1", "true", "null", "1e3"}, 4},
		"unquoted":                   {base, overlay, args(`VALUE`), [4]string{"1", "true", "null", "~"}, 0},
		"signs":                      {base, overlay, args(`'VALUE'`), [4]string{"#a", "a:", "{a}", "&a*|>%@`"}, 4},
		"markup":                     {base, overlay, args(`'VALUE'`), [4]string{"<a>", "a&b", "-", `\n"`}, 4},
		"long and with blanks":       {base, overlay, args(`"VALUE"`), [4]string{strings.Repeat("a b ", 60), " a", "a  b", "a\\tb"}, 0},
		"of two lengths":             {base, overlay, args("VALUE"), [4]string{"a", "a, b", "a", "c"}, 3},
		"environment":                {base, overlay, strings.Replace(args("x"), "args: [x]", "env: [{name: B, value: VALUE}]", 1), plain, 4},
		"names of the environment":   {base, overlay, strings.Replace(args("x"), "args: [x]", "env: [{name: VALUE, value: v}]", 1), [4]string{"A", "B", "C", "D"}, 0},
		"names of containers":        {base, overlay, strings.Replace(args("x"), "name: db\n        args", "name: VALUE\n        args", 1), [4]string{"db", "db", "a", "b"}, 0},
		"prefixes and labels":        {base + "namePrefix: my-\ncommonLabels: {a: b}\n", overlay, args("VALUE"), plain, 4},
		"variables":                  {base + "vars: [{name: ONE, objref: {kind: StatefulSet, name: db, apiVersion: apps/v1}}]\n", overlay, args("$(ONE)VALUE"), [4]string{"a", "$(ONE)", "b", "c"}, 0},
		"replacements": {base, overlay + "replacements: [{source: {kind: StatefulSet, fieldPath: 'spec.template.spec.containers.0.args.0'}, " +
			"targets: [{select: {kind: StatefulSet}, fieldPaths: [metadata.annotations.x], options: {create: true}}]}]\n", args("VALUE"), plain, 0},
		"the same file as text": {base, overlay + "configMapGenerator: [{name: c, files: [patch.yaml]}]\n", args("VALUE"), plain, 0},
		"under another name":    {base, overlay + "configMapGenerator: [{name: c, files: [k=./patch.yaml]}]\n", args("VALUE"), plain, 0},
		"labels with selectors": {base, overlay + "commonLabels: {a: VALUE}\n", args("x"), plain, 0},
		"an anchor":             {base, overlay, args("&v VALUE, *v"), plain, 0},
		"deleted":               {base, overlay, "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {template: {spec: {containers: [{name: db, $patch: delete, args: [VALUE]}]}}}\n", plain, 0},
		"of no object":          {base, overlay, strings.Replace(args("VALUE"), "{name: db}", "{name: VALUE}", 1), [4]string{"db", "db", "other", "db"}, 3},
		"a comment with a schema": {base, overlay, strings.Replace(args("x"), "replicas: NUMBER",
			`replicas: NUMBER # {"type":"string"}`, 1), plain, 4},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files, dirs := byHand(test.base, test.overlay, test.patch, test.values)
			sameAsAlone(t, files, dirs)
			if n, right := build.Moulded(files, dirs); n != test.moulded || !right {
				t.Errorf("%d come from a mould, want %d; as they should be: %t", n, test.moulded, right)
			}
		})
	}
}

// Nothing that All gives is shared: whoever changes one cluster's objects changes no other's.
func TestAllSharesNothing(t *testing.T) {
	files, dirs := byHand("resources: [set.yaml]\n", "resources: [../../base]\npatches: [{path: patch.yaml}]\n",
		"apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {replicas: NUMBER}\n", [4]string{})
	all := build.All(files, dirs)
	before := fmt.Sprint(all[1].Objects)
	maps.Copy(all[0].Objects[0]["metadata"].(map[string]any), map[string]any{"name": "changed"})
	copy(all[0].YAML, "changed")
	if fmt.Sprint(all[1].Objects) != before || bytes.Contains(all[1].YAML, []byte("changed")) {
		t.Error("a change of one is a change of another")
	}
}

func manyClusters(t testing.TB, n int) kustomize.Rendering {
	t.Helper()
	var b strings.Builder
	b.WriteString("apiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: bank}\nspec:\n  profile: cockroachdb\n  image: cockroachdb/cockroach:v25.4.1\n" +
		"  storage: {size: 100Gi, className: fast-ssd}\n  survive: {failure: none}\n  tls: {mode: disabled}\n" +
		"  dns: {zone: bank.db.example.com, publish: [serve: {listen: \"0.0.0.0:53\"}]}\n  regions:\n")
	for i := range n {
		fmt.Fprintf(&b, "  - name: region-%d\n    clusters: [{name: c%d, replicas: 3, zones: [zone-%d-a, zone-%d-b]}]\n", i, i, i, i)
	}
	top, problems := regions.Parse([]byte(b.String()), "many.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	p, err := kustomize.LoadProfile(top.Spec.Profile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := kustomize.Render(top, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkAll(b *testing.B) {
	for _, n := range []int{3, 30, 300} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			r := manyClusters(b, n)
			dirs := dirsOf(r)
			for b.Loop() {
				build.All(r.Files, dirs)
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/overlay")
		})
	}
}

func BenchmarkBuild(b *testing.B) {
	r := manyClusters(b, 3)
	for b.Loop() {
		out, err := build.Build(r.Files, r.Overlays[0].Dir)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := build.Objects(out); err != nil {
			b.Fatal(err)
		}
	}
}
