package build_test

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

// rendered renders ../testdata/<name>.yaml.
func rendered(t *testing.T, name string) kustomize.Rendering {
	t.Helper()
	data, err := os.ReadFile("../testdata/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	top, problems := regions.Parse(data, name)
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	p, err := kustomize.LoadProfile(top.Spec.Profile)
	if err != nil {
		t.Fatal(err)
	}
	var r kustomize.Rendering
	if top.Spec.Base == "" {
		r, err = kustomize.Render(top, p, nil)
	} else {
		r, err = kustomize.Render(top, p, os.DirFS(filepath.Join("../testdata", top.Spec.Base)))
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func onDisk(t *testing.T, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// What is built here must be, byte for byte, what users get from the tools they
// have. The tools come from the environment; each is skipped by name without it.
func TestEqualsWhatTheToolsPrint(t *testing.T) {
	tools := []struct {
		variable string
		args     []string
	}{
		{"QUORATE_KUBECTL", []string{"kustomize"}},
		{"QUORATE_KUSTOMIZE", []string{"build"}},
	}
	for _, tool := range tools {
		t.Run(tool.variable, func(t *testing.T) {
			binary := os.Getenv(tool.variable)
			if binary == "" {
				t.Skipf("%s names no binary to compare with", tool.variable)
			}
			for _, name := range []string{"one", "three", "streams", "inside"} {
				r := rendered(t, name)
				compareAll(t, r.Files, r.Overlays, binary, tool.args...)
			}
			r := rendered(t, "three")
			compareAll(t, withOwnSchema(r.Files), r.Overlays, binary, tool.args...)
		})
	}
}

func compareAll(t *testing.T, files map[string][]byte, overlays []kustomize.Overlay, binary string, args ...string) {
	t.Helper()
	dir := onDisk(t, files)
	for _, o := range overlays {
		compare(t, files, o.Dir, exec.CommandContext(t.Context(), binary, append(args, filepath.Join(dir, o.Dir))...))
	}
}

func compare(t *testing.T, files map[string][]byte, dir string, tool *exec.Cmd) {
	t.Helper()
	got, err := build.Build(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	tool.Stderr = &stderr
	want, err := tool.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", tool, err, stderr.String())
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from %s:\n--- ours\n%s\n--- theirs\n%s", dir, tool, got, want)
	}
}

func TestClaimTemplatesCarryNoLabels(t *testing.T) {
	r := rendered(t, "three")
	for _, o := range r.Overlays {
		stream, err := build.Build(r.Files, o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		_, claims, found := strings.Cut(string(stream), "volumeClaimTemplates:")
		if !found {
			t.Fatalf("%s has no volumeClaimTemplates", o.Dir)
		}
		claims, _, _ = strings.Cut(claims, "\n---")
		if strings.Contains(claims, "labels:") || strings.Contains(claims, "annotations:") {
			t.Errorf("%s: volumeClaimTemplates are labelled:\n%s", o.Dir, claims)
		}
	}
}

// ownSchema knows StatefulSets whose containers are replaced, not merged by name.
const ownSchema = `{"definitions": {"set": {
  "x-kubernetes-group-version-kind": [{"group": "apps", "kind": "StatefulSet", "version": "v1"}], "type": "object",
  "properties": {"spec": {"type": "object", "properties": {"template": {"type": "object", "properties": {"spec": {"type": "object",
    "properties": {"containers": {"type": "array", "items": {"type": "object"}}}}}}}}}}}}`

// A kustomization may bring a schema, which kustomize keeps for the whole process:
// were a build not alone, its lists would be merged by the schema of another.
func TestBuildsMayRunAtOnce(t *testing.T) {
	r := rendered(t, "three")
	want, err := build.Build(r.Files, "overlays/use1")
	if err != nil {
		t.Fatal(err)
	}
	own := withOwnSchema(r.Files)
	wantOwn, err := build.Build(own, "overlays/use1")
	if err != nil || bytes.Equal(want, wantOwn) {
		t.Fatalf("the schema has no effect: %v", err)
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if got, err := build.Build(own, "overlays/use1"); err != nil || !bytes.Equal(got, wantOwn) {
				t.Errorf("a schema of its own is mixed with another: %v", err)
			}
		})
		wg.Go(func() {
			if got, err := build.Build(r.Files, "overlays/use1"); err != nil || !bytes.Equal(got, want) {
				t.Errorf("another build's schema has an effect: %v", err)
			}
		})
	}
	wg.Wait()
}

func withOwnSchema(files map[string][]byte) map[string][]byte {
	const overlay = "overlays/use1/kustomization.yaml"
	own := maps.Clone(files)
	own["overlays/use1/schema.json"] = []byte(ownSchema)
	own[overlay] = append(bytes.Clone(files[overlay]), "openapi: {path: schema.json}\n"...)
	return own
}

func TestBuildErrors(t *testing.T) {
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"no such directory": {nil, "build overlays/a"},
		"a file outside of the root": {map[string]string{
			"overlays/a/kustomization.yaml": "resources: [../../secret.yaml]", "secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n",
		}, "is not in or below"},
		"a schema that cannot be parsed": {map[string]string{
			"overlays/a/kustomization.yaml": "resources: [a.yaml]\nnamespace: a\nopenapi: {path: s.json}", "overlays/a/s.json": "{",
			"overlays/a/a.yaml": "apiVersion: v1\nkind: A\nmetadata: {name: a}\n",
		}, "invalid schema file"},
		"a plugin": {map[string]string{
			"overlays/a/kustomization.yaml": "generators: [g.yaml]",
			"overlays/a/g.yaml":             "apiVersion: v1\nkind: G\nmetadata:\n  name: g\n  annotations:\n    config.kubernetes.io/function: |\n      exec: {path: /bin/true}\n",
		}, "external plugins disabled"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			files := map[string][]byte{}
			for file, text := range test.files {
				files[file] = []byte(text)
			}
			out, err := build.Build(files, "overlays/a")
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, error %v; want an error with %q", out, err, test.want)
			}
		})
	}
}

func TestObjects(t *testing.T) {
	objects, err := build.Objects([]byte("---\n# nothing\n---\napiVersion: v1\nkind: A\nmetadata: {name: a}\nspec: {whole: 3, part: 0.5, text: \"3\", list: [1]}\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\n"))
	if err != nil || len(objects) != 2 {
		t.Fatalf("got %v, %v", objects, err)
	}
	spec := objects[0]["spec"].(map[string]any)
	if spec["whole"] != int64(3) || spec["part"] != 0.5 || spec["text"] != "3" || spec["list"].([]any)[0] != int64(1) {
		t.Errorf("unexpected values %#v", spec)
	}
	for stream, want := range map[string]string{
		"a: [":                         "document 1",
		"a: 1\na: 2":                   "document 1",
		"- a":                          "document 1",
		"apiVersion: v1\nkind: A":      "metadata.name is missing",
		"kind: A\nmetadata: {name: a}": "apiVersion is missing",
		"apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: b}": "document 2: kind is missing",
		"apiVersion: v1\nkind: A\nmetadata: {name: 12}":                                          "metadata.name is missing or no text",
	} {
		if objects, err := build.Objects([]byte(stream)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gave %v, %v; want an error with %q", stream, objects, err, want)
		}
	}
}

func FuzzObjects(f *testing.F) {
	f.Add([]byte("apiVersion: v1\nkind: A\nmetadata: {name: a}\n---\n"))
	f.Add([]byte("a: &a [*a]"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		objects, err := build.Objects(stream)
		if err == nil {
			for _, o := range objects {
				if o["kind"] == "" {
					t.Errorf("an object without a kind: %v", o)
				}
			}
		}
	})
}
