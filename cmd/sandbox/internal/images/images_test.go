package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func binary(t *testing.T, name, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o700); err != nil {
		t.Fatal(err)
	}
	return file
}

// read gives the files of a tar.
func read(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	in := tar.NewReader(bytes.NewReader(data))
	for {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = content
	}
}

func TestTheImageHoldsWhatItsDigestsSay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "etcd.tar")
	if err := Write(file, "quorate.test/etcd:v1", binary(t, "etcd", "the server"), binary(t, "etcdctl", "the client")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	layout := read(t, data)
	for name, content := range layout {
		sum := sha256.Sum256(content)
		if strings.HasPrefix(name, "blobs/") && filepath.Base(name) != hex.EncodeToString(sum[:]) {
			t.Errorf("%s is of another digest", name)
		}
	}
	var index struct{ Manifests []descriptor }
	decode(t, layout["index.json"], &index)
	if len(index.Manifests) != 1 || index.Manifests[0].Annotations["io.containerd.image.name"] != "quorate.test/etcd:v1" {
		t.Fatalf("the index names %+v", index)
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, layout[blob(index.Manifests[0])], &manifest)
	var config struct {
		Config struct{ Entrypoint, Env []string }
	}
	decode(t, layout[blob(manifest.Config)], &config)
	if len(config.Config.Entrypoint) != 1 || config.Config.Entrypoint[0] != "/usr/local/bin/etcd" {
		t.Errorf("entry point %v", config.Config.Entrypoint)
	}
	content := read(t, layout[blob(manifest.Layers[0])])
	if string(content["usr/local/bin/etcd"]) != "the server" || string(content["usr/local/bin/etcdctl"]) != "the client" {
		t.Errorf("the layer holds %v", content)
	}
}

func decode(t *testing.T, data []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
}

func TestTheSameBinariesGiveTheSameBytes(t *testing.T) {
	dir, server := t.TempDir(), binary(t, "server", "x")
	first, second := filepath.Join(dir, "1.tar"), filepath.Join(dir, "2.tar")
	for _, file := range []string{first, second} {
		if err := Write(file, "quorate.test/x:v1", server); err != nil {
			t.Fatal(err)
		}
	}
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Error("two builds differ")
	}
}

func TestAMissingBinaryLeavesNoFile(t *testing.T) {
	dir := t.TempDir()
	err := Write(filepath.Join(dir, "x.tar"), "quorate.test/x:v1", filepath.Join(dir, "missing"))
	if err == nil || !strings.Contains(err.Error(), "quorate.test/x:v1") {
		t.Errorf("got %v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := Write(filepath.Join(dir, "x.tar"), "quorate.test/x:v1"); err == nil {
		t.Error("an image of nothing was made")
	}
}
