package state

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func testPaths(t *testing.T) Paths {
	t.Helper()
	root := t.TempDir()
	return Paths{Cache: filepath.Join(root, "cache"), Sandboxes: filepath.Join(root, "sandboxes")}
}

func TestFindPaths(t *testing.T) {
	env := map[string]string{"XDG_CACHE_HOME": "/x"}
	getenv := func(name string) string { return env[name] }
	if paths, err := FindPaths(getenv); err != nil || paths != (Paths{Cache: "/x/quorate", Sandboxes: "/x/quorate/sandbox"}) {
		t.Errorf("with XDG_CACHE_HOME: %+v, %v", paths, err)
	}
	env = map[string]string{EnvCache: "/c", EnvSandboxes: "rel"}
	paths, err := FindPaths(getenv)
	if err != nil || paths.Cache != "/c" || !filepath.IsAbs(paths.Sandboxes) {
		t.Errorf("with both set: %+v, %v", paths, err)
	}
}

func TestSandboxNames(t *testing.T) {
	for _, name := range []string{"", "..", "A", "a/b", "-a", strings.Repeat("a", 33)} {
		if _, err := testPaths(t).Sandbox(name); err == nil {
			t.Errorf("the name %q was accepted", name)
		}
	}
}

func TestParseCluster(t *testing.T) {
	got, err := ParseCluster("use1=us-east1:us-east1-b,us-east1-c")
	if err != nil || !reflect.DeepEqual(got, RequestedCluster{Name: "use1", Region: "us-east1", Zones: []string{"us-east1-b", "us-east1-c"}}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"use1", "=r", "use1=", "use1=r:"} {
		if _, err := ParseCluster(bad); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func TestSpecFillsIn(t *testing.T) {
	spec, err := Request{Clusters: []RequestedCluster{{Name: "a", Region: "r1"}, {Name: "b", Region: "r2", Zones: []string{"z"}, NodesPerZone: 5}}}.Spec("s", 3, 2)
	if err != nil {
		t.Fatal(err)
	}
	want := []Cluster{
		{Name: "a", Region: "r1", Zones: []string{"r1-a", "r1-b", "r1-c"}, NodesPerZone: 2, PodCIDR: "10.64.0.0/16", ServiceCIDR: "10.128.0.0/16", NodeCIDR: "10.192.0.0/16"},
		{Name: "b", Region: "r2", Zones: []string{"z"}, NodesPerZone: 5, PodCIDR: "10.65.0.0/16", ServiceCIDR: "10.129.0.0/16", NodeCIDR: "10.193.0.0/16"},
	}
	if !reflect.DeepEqual(spec.Clusters, want) {
		t.Errorf("got %+v", spec.Clusters)
	}
}

func TestSpecReportsEveryProblem(t *testing.T) {
	_, err := Request{Clusters: []RequestedCluster{
		{Name: "a", Region: "r"},
		{Name: "a", Region: "r"},
		{Name: "B", Region: "r"},
		{Name: "c", Region: "r", Zones: []string{"z", "z"}},
		{Name: "d", Region: "r", NodesPerZone: -1},
	}}.Spec("s", 3, 2)
	for _, part := range []string{`"a" is asked for twice`, `"B"`, `"c": zone "z"`, `"d": 1 to 200 nodes`} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not mention %s", err, part)
		}
	}
	if _, err := (Request{}).Spec("s", 3, 2); err == nil {
		t.Error("a sandbox without clusters was accepted")
	}
	if _, err := (Request{Clusters: []RequestedCluster{{Name: "a", Region: "r"}}}).Spec("s", 0, 2); err == nil {
		t.Error("a cluster without zones was accepted")
	}
}

func TestReadRequest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sandbox.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("clusters: [{name: a, region: r, zones: [z1, z2], nodesPerZone: 1}]\nfeatureGates: X=false\n")
	got, err := ReadRequest(file)
	if err != nil || got.FeatureGates != "X=false" || len(got.Clusters) != 1 || got.Clusters[0].NodesPerZone != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	write("cluster: []\n")
	if _, err := ReadRequest(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("an unknown field: %v", err)
	}
}

func TestSaveAndLoad(t *testing.T) {
	paths := testPaths(t)
	dir, err := paths.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Load(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "sandbox up --name s") {
		t.Errorf("a sandbox that is not there: %v", err)
	}
	spec, err := Request{Clusters: []RequestedCluster{{Name: "a", Region: "r"}}}.Spec("s", 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := paths.AssignPorts(context.Background(), dir, spec); err != nil {
		t.Fatal(err)
	}
	loaded, err := dir.Load()
	if err != nil || !reflect.DeepEqual(loaded, spec) {
		t.Errorf("loaded %+v, %v", loaded, err)
	}
	if info, err := os.Stat(dir.SpecFile()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the token is readable by others: %v, %v", info.Mode(), err)
	}
	if names, err := paths.List(); err != nil || !reflect.DeepEqual(names, []string{"s"}) {
		t.Errorf("list: %v, %v", names, err)
	}
	if _, err := spec.Cluster("b"); err == nil || !strings.Contains(err.Error(), "[a]") {
		t.Errorf("an unknown cluster: %v", err)
	}
	other := *spec
	other.Clusters = []Cluster{{Name: "a", Region: "elsewhere"}}
	if !spec.SameShape(loaded) || spec.SameShape(&other) {
		t.Error("shapes are compared wrongly")
	}
}

func TestPortsAreDistinctAndNotTaken(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		taken := map[int]bool{}
		for range rapid.IntRange(0, 50).Draw(t, "taken") {
			taken[rapid.IntRange(firstPort, lastPort).Draw(t, "port")] = true
		}
		ports := make([]int, rapid.IntRange(1, 40).Draw(t, "wanted"))
		var wanted []*int
		for i := range ports {
			wanted = append(wanted, &ports[i])
		}
		if err := choosePorts(wanted, taken, func(p int) bool { return p%3 != 0 }); err != nil {
			t.Fatal(err)
		}
		for _, port := range ports {
			if taken[port] || port%3 == 0 || port < firstPort || port > lastPort {
				t.Fatalf("port %d was taken, busy or out of range", port)
			}
			taken[port] = true
		}
	})
	if err := choosePorts([]*int{new(int)}, nil, func(int) bool { return false }); err == nil {
		t.Error("a port was found where none is free")
	}
}

func TestPortIsFree(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if portIsFree(port) {
		t.Error("a port in use is called free")
	}
	_ = listener.Close()
	if !portIsFree(port) {
		t.Error("a free port is called in use")
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "lock")
	unlock, err := LockFile(context.Background(), path, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	if held, err := Held(path); err != nil || !held {
		t.Errorf("a held lock: %t, %v", held, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := LockFile(ctx, path, "the first"); err == nil || !strings.Contains(err.Error(), "wait for the first") {
		t.Errorf("a second lock: %v", err)
	}
	unlock()
	if held, err := Held(path); err != nil || held {
		t.Errorf("a freed lock: %t, %v", held, err)
	}
	if held, err := Held(path + ".other"); err != nil || held {
		t.Errorf("a lock that never was: %t, %v", held, err)
	}
}

func TestThoseWhoLookAreNoHolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := LockFile(context.Background(), path, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 200 {
				if held, err := Held(path); held || err != nil {
					t.Errorf("one who looks was taken for the holder: %v", err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestWriteFileReplaces(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir", "file")
	for _, text := range []string{"one", "two"} {
		if err := WriteFile(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || string(data) != text {
			t.Errorf("%q, %v", data, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("temporary files were left: %v, %v", entries, err)
	}
}
