package tree_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/tree"
)

func rendering(files map[string]string) kustomize.Rendering {
	r := kustomize.Rendering{Files: map[string][]byte{}}
	for name, text := range files {
		r.Files[name] = []byte(text)
	}
	return r
}

// found is every file of dir but the manifest.
func found(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == tree.ManifestName {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		out[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func put(t testing.TB, dir, name, text string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	if err := tree.Write(dir, rendering(files), tree.Options{}); err != nil {
		t.Fatal(err)
	}
}

var one = map[string]string{"base/a.yaml": "a", "base/b.yaml": "b", "overlays/x/k.yaml": "x", "overlays/y/k.yaml": "y"}

func TestWriteReplacesWhatItWrote(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "deep")
	write(t, dir, one)
	if got := found(t, dir); !maps.Equal(got, one) {
		t.Errorf("got %v", got)
	}
	two := map[string]string{"base/a.yaml": "a2", "overlays/x/k.yaml": "x"}
	write(t, dir, two)
	if got := found(t, dir); !maps.Equal(got, two) {
		t.Errorf("got %v", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "overlays", "y")); !os.IsNotExist(err) {
		t.Errorf("the emptied directory is still there: %v", err)
	}
}

func TestWriteAgainChangesNothing(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, one)
	before, err := os.Stat(filepath.Join(dir, "base/a.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	note, _ := os.ReadFile(filepath.Join(dir, tree.ManifestName))
	write(t, dir, one)
	after, err := os.Stat(filepath.Join(dir, "base/a.yaml"))
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was written anew: %v", err)
	}
	if again, _ := os.ReadFile(filepath.Join(dir, tree.ManifestName)); string(again) != string(note) {
		t.Errorf("the manifest differs:\n%s\n%s", note, again)
	}
}

func TestWriteRefuses(t *testing.T) {
	two := map[string]string{"base/a.yaml": "new"}
	tests := map[string]struct {
		before func(t *testing.T, dir string)
		want   []string
		force  bool // what Force leads to: true is success
	}{
		"files of others": {
			func(t *testing.T, dir string) { put(t, dir, "notes.txt", "mine"); put(t, dir, "base/own.yaml", "mine") },
			[]string{"notes.txt was not written by quorate", "base/own.yaml was not written by quorate"},
			false,
		},
		"a foreign file where ours would be": {func(t *testing.T, dir string) { put(t, dir, "base/a.yaml", "mine") }, []string{"base/a.yaml was not written by quorate"}, false},
		"a file changed by hand":             {func(t *testing.T, dir string) { write(t, dir, one); put(t, dir, "base/a.yaml", "mine") }, []string{"base/a.yaml was changed by hand"}, true},
		"a stale file changed by hand":       {func(t *testing.T, dir string) { write(t, dir, one); put(t, dir, "base/b.yaml", "mine") }, []string{"base/b.yaml was changed by hand"}, true},
		"a damaged manifest":                 {func(t *testing.T, dir string) { put(t, dir, tree.ManifestName, "what\n") }, []string{tree.ManifestName + " is damaged", "line 1"}, false},
		"a manifest that leads out": {
			func(t *testing.T, dir string) { put(t, dir, tree.ManifestName, strings.Repeat("0", 64)+"  ../x\n") },
			[]string{"is damaged"},
			false,
		},
		"a link to a file":      {func(t *testing.T, dir string) { link(t, dir, "base/a.yaml") }, []string{"base/a.yaml is a link"}, false},
		"a link to a directory": {func(t *testing.T, dir string) { link(t, dir, "base") }, []string{"base is a link"}, false},
		"the path is a file":    {func(t *testing.T, dir string) { remove(t, dir); put(t, filepath.Dir(dir), filepath.Base(dir), "x") }, []string{"write overlays to"}, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			test.before(t, dir)
			var before map[string]string
			if !strings.HasPrefix(name, "the path") && !strings.HasPrefix(name, "a link") {
				before = found(t, dir)
			}
			err := tree.Write(dir, rendering(two), tree.Options{})
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got error %v, want one with %q", err, want)
				}
			}
			if before != nil && !maps.Equal(before, found(t, dir)) {
				t.Errorf("refused, but changed %v to %v", before, found(t, dir))
			}
			if err := tree.Write(dir, rendering(two), tree.Options{Force: true}); (err == nil) != test.force {
				t.Errorf("forced: %v", err)
			}
		})
	}
}

// link makes name in dir a link to a place outside, which must stay as it is.
func link(t *testing.T, dir, name string) {
	t.Helper()
	outside := t.TempDir()
	put(t, outside, "a.yaml", "outside")
	target := outside
	if strings.HasSuffix(name, ".yaml") {
		target = filepath.Join(outside, "a.yaml")
	}
	if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got := found(t, outside); !maps.Equal(got, map[string]string{"a.yaml": "outside"}) {
			t.Errorf("the outside was changed to %v", got)
		}
	})
}

func TestAForeignDirectoryIsNotListedWhole(t *testing.T) {
	dir := t.TempDir()
	for i := range 100 {
		put(t, dir, fmt.Sprintf("photos/%03d.jpg", i), "x")
	}
	err := tree.Write(dir, rendering(one), tree.Options{})
	if err == nil || !strings.Contains(err.Error(), "photos/019.jpg") || strings.Contains(err.Error(), "photos/020.jpg") {
		t.Errorf("got %v", err)
	}
}

func TestIdenticalFilesAreTakenOver(t *testing.T) {
	dir := t.TempDir()
	for name, text := range one {
		put(t, dir, name, text)
	}
	write(t, dir, one)
	write(t, dir, map[string]string{"base/a.yaml": "a"})
	if got := found(t, dir); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestADeletedFileComesBack(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, one)
	if err := os.RemoveAll(filepath.Join(dir, "overlays")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, one)
	if got := found(t, dir); !maps.Equal(got, one) {
		t.Errorf("got %v", got)
	}
}

func TestManifestIsASha256sumFile(t *testing.T) {
	sha256sum, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("sha256sum is not installed")
	}
	dir := t.TempDir()
	write(t, dir, one)
	check := exec.CommandContext(t.Context(), sha256sum, "--check", "--strict", tree.ManifestName)
	check.Dir = dir
	out, err := check.CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	if lines := strings.Split(strings.TrimSpace(string(out)), "\n"); len(lines) != len(one) || !slices.IsSorted(lines) {
		t.Errorf("checked %q", lines)
	}
}

// A Write that is killed leaves some of its writes done: any prefix of the old
// files replaced, the note of both, a half-written temporary file. Whatever is
// left, and whatever is rendered next, the next Write completes.
func TestWriteAfterAKill(t *testing.T) {
	names := []string{"base/a.yaml", "base/b.yaml", "overlays/x/k.yaml", "overlays/y/k.yaml"}
	files := rapid.MapOf(rapid.SampledFrom(names), rapid.SampledFrom([]string{"1", "2", "3"}))
	parent := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(parent, "") //nolint:usetesting // one directory a case, not one a test
		if err != nil {
			rt.Fatal(err)
		}
		before, during, after := files.Draw(rt, "before"), files.Draw(rt, "during"), files.Draw(rt, "after")
		write(t, dir, before)
		killed(t, dir, before, during, rapid.IntRange(0, len(names)+1).Draw(rt, "steps"))
		write(t, dir, after)
		if got := found(t, dir); !maps.Equal(got, after) {
			rt.Fatalf("got %v, want %v", got, after)
		}
		if notes, _ := os.ReadFile(filepath.Join(dir, tree.ManifestName)); strings.Count(string(notes), "  ") != len(after) {
			rt.Fatalf("the manifest is not at rest:\n%s", notes)
		}
	})
}

// killed leaves dir as a Write of during over before does that is killed after
// some of its steps.
func killed(t *testing.T, dir string, before, during map[string]string, steps int) {
	t.Helper()
	both := manifestLines(before) + manifestLines(during)
	if steps == 0 {
		put(t, dir, tree.ManifestName+".quorate-tmp", both[:len(both)/2])
		return
	}
	put(t, dir, tree.ManifestName, both)
	for _, name := range slices.Sorted(maps.Keys(during)) {
		if steps--; steps == 0 {
			put(t, dir, name+".quorate-tmp", during[name][:0])
			return
		}
		put(t, dir, name, during[name])
	}
}

func manifestLines(files map[string]string) string {
	var lines strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&lines, "%x  %s\n", sha256.Sum256([]byte(files[name])), name)
	}
	return lines.String()
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
