//go:build linux

package cgroups

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestACpusetIsBornUsable(t *testing.T) {
	root := t.TempDir()
	for file, content := range map[string]string{"cpuset.cpus": "0-1\n", "cpuset.mems": "0\n"} {
		if err := os.WriteFile(filepath.Join(root, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What the kernel makes with a cgroup, a directory of a test has to be given.
	for _, dir := range []string{"a", "a/b"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
			if err := os.WriteFile(filepath.Join(root, dir, file), []byte("\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := (Hierarchy{Dir: root, Controllers: []string{"cpuset"}}).make("/a/b"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "a/b/cpuset.cpus")); err != nil || string(got) != "0-1\n" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestACgroupIsMadeWhileAnotherSandboxEnds(t *testing.T) {
	hierarchy := Hierarchy{Dir: t.TempDir(), Controllers: []string{"cpu"}}
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			default:
				_ = os.Remove(filepath.Join(hierarchy.Dir, Root)) // as Remove does after the last sandbox
			}
		}
	}()
	for range 2000 {
		if err := hierarchy.make(Path("s-01", "a-n0")); err != nil {
			t.Error(err)
			break
		}
		if err := os.RemoveAll(filepath.Join(hierarchy.Dir, Root, "s-01")); err != nil {
			t.Error(err)
			break
		}
	}
	close(done)
	<-ended
}

func TestRemoveGoesFromTheBottomUp(t *testing.T) {
	root := filepath.Join(t.TempDir(), "a")
	if err := os.MkdirAll(filepath.Join(root, "b", "c"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := removeWaiting(t.Context(), root); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(root); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", root, err)
	}
	if err := removeWaiting(t.Context(), root); err != nil {
		t.Errorf("what is not there: %v", err)
	}
}

func TestRemoveGivesUpWithItsContext(t *testing.T) {
	root := t.TempDir() // a file keeps it busy, as a process keeps a cgroup
	if err := os.WriteFile(filepath.Join(root, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := removeWaiting(ctx, root); err == nil {
		t.Error("it did not say that a cgroup is left")
	}
}

func TestPath(t *testing.T) {
	if got := Path("s-01", "a-n0"); got != "/quorate-sandbox/s-01/a-n0" {
		t.Error(got)
	}
}
