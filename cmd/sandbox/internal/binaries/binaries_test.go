package binaries

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
)

func testSources() fstest.MapFS {
	sources := fstest.MapFS{"go.sum": {Data: []byte{}}}
	for _, name := range containers(Set{}).sources {
		sources[name] = &fstest.MapFile{Data: []byte("module x\n")}
	}
	sources["controlplane/main.go"] = &fstest.MapFile{Data: []byte("package main\n")}
	return sources
}

func TestTheKeyFollowsTheSources(t *testing.T) {
	first, err := Locate("/cache", testSources())
	if err != nil {
		t.Fatal(err)
	}
	again, err := Locate("/cache", testSources())
	if err != nil || again != first {
		t.Errorf("the same sources gave %v and %v (%v)", first, again, err)
	}
	changed := testSources()
	changed["controlplane/main.go"].Data = append(changed["controlplane/main.go"].Data, '\n')
	if other, err := Locate("/cache", changed); err != nil || other == first {
		t.Errorf("other sources gave the same directory %v (%v)", other, err)
	}
	if _, err := Locate("/cache", fstest.MapFS{}); err == nil {
		t.Error("missing sources are no error")
	}
}

// compiler puts a program called go first in PATH that notes each call in calls and makes the files
// it is asked for, or fails.
func compiler(t *testing.T, fails bool) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$CGO_ENABLED $*\" >> " + calls + "\n"
	if fails {
		script += "echo 'main.go:1: it does not compile' >&2; exit 1\n"
	} else {
		script += "case \"$1\" in\n" +
			"build) while [ $# -gt 0 ]; do [ \"$1\" = -o ] && out=$2; last=$1; shift; done; case \"$out\" in\n" +
			"*/etcd-*) mkdir -p \"${out%/*}\"; echo > \"$out\" ;; */) echo > \"$out${last##*/}\" ;; *) echo > \"$out\" ;; esac ;;\n" +
			"install) for p; do case \"$p\" in *@*) p=${p%@*}; p=${p%/v5}; echo > \"$GOBIN/${p##*/}\" ;; esac; done ;;\nesac\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	return calls
}

func TestEnsureBuildsOnceForManyCallers(t *testing.T) {
	calls, cache := compiler(t, false), t.TempDir()
	var group sync.WaitGroup
	failures := make(chan error, 5)
	for range 5 {
		group.Go(func() {
			_, err := Ensure(context.Background(), cache, testSources(), io.Discard)
			failures <- err
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			t.Error(err)
		}
	}
	data, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 3 {
		t.Errorf("five callers made %d builds:\n%s", len(lines), data)
	}
	if !strings.Contains(lines[0], "gitVersion="+KubernetesVersion) || !strings.HasPrefix(lines[0], "0 build") {
		t.Errorf("the control plane was built by: %s", lines[0])
	}
	set, err := Locate(cache, testSources())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(components(), "kwok", "kwokctl", "kustomize") {
		if _, err := os.Stat(set.Path(name)); err != nil {
			t.Errorf("%s was not built: %v", name, err)
		}
	}
}

func TestAFailedBuildSaysWhyAndLeavesNothing(t *testing.T) {
	compiler(t, true)
	cache := t.TempDir()
	var narration strings.Builder
	set, err := Ensure(context.Background(), cache, testSources(), &narration)
	if err == nil || !strings.Contains(err.Error(), "it does not compile") {
		t.Errorf("the compiler's word is missing: %v", err)
	}
	if !strings.Contains(narration.String(), "about 10 minutes") {
		t.Errorf("it was not said how long a build takes: %q", narration.String())
	}
	entries, err := os.ReadDir(filepath.Dir(set.Dir))
	if err != nil || len(entries) != 0 {
		t.Errorf("left in the cache: %v, %v", entries, err)
	}
}

func TestTailKeepsTheEnd(t *testing.T) {
	kept := &tail{}
	for i := range 2000 {
		fmt.Fprintf(kept, "line %d\n", i)
	}
	if got := kept.String(); len(got) > tailBytes || !strings.HasSuffix(got, "line 1999") {
		t.Errorf("kept %d bytes, ending in %q", len(got), got[len(got)-20:])
	}
}

func TestEnsureContainersHasEverythingInOneDirectory(t *testing.T) {
	calls, cache := compiler(t, false), t.TempDir()
	set, err := EnsureContainers(context.Background(), cache, testSources(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(components(), "ctr", "runc", "host-local", "coredns", "pause", "kustomize") {
		if _, err := os.Stat(set.Path(name)); err != nil {
			t.Errorf("%s is missing: %v", name, err)
		}
	}
	for _, image := range set.Images() {
		if info, err := os.Stat(image.Path); err != nil || info.Size() == 0 {
			t.Errorf("image %s is missing: %v", image.Ref, err)
		}
	}
	data, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		if cgo := strings.HasPrefix(line, "1 "); cgo != strings.HasSuffix(line, "opencontainers/runc") {
			t.Errorf("only runc is built with CGO: %s", line)
		}
	}
}

// TestVersionsAreThoseOfTheModules holds the constants, which people read, against the module files,
// which decide.
func TestVersionsAreThoseOfTheModules(t *testing.T) {
	pins := map[string]string{
		"containerd": "github.com/containerd/containerd/v2 " + ContainerdVersion,
		"runc":       "github.com/opencontainers/runc " + RuncVersion,
		"cni":        "github.com/containernetworking/plugins " + CNIVersion,
		"coredns":    "github.com/coredns/coredns " + CoreDNSVersion,
	}
	for _, version := range EtcdVersions() {
		pins[etcdModule(version)] = "go.etcd.io/etcd/server/v3 " + version
	}
	for component, pin := range pins {
		data, err := os.ReadFile(filepath.Join("..", "..", "components", component+".mod"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(data), pin) {
			t.Errorf("components/%s.mod does not require %s", component, pin)
		}
	}
	data, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), "k8s.io/kubernetes "+KubernetesVersion+"\n") {
		t.Errorf("go.mod does not require Kubernetes %s", KubernetesVersion)
	}
}
