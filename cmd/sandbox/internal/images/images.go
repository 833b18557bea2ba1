// Package images makes container images from static binaries, without a registry or a builder: an OCI
// image layout (image-spec v1.1) in one tar file, as `ctr images import` reads it.
package images

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// BinaryDir is where the binaries are in an image; PATH has it alone.
const BinaryDir = "/usr/local/bin"

// Write makes the image ref at file, from scratch: the given static binaries in BinaryDir, the first
// one as entry point, an empty /tmp, and the users root and nonroot (65532). It has no shell. The same
// binaries give the same bytes. A failure leaves no file.
func Write(file, ref string, binaries ...string) error {
	if len(binaries) == 0 {
		return fmt.Errorf("make image %s: no binary is named", ref)
	}
	if err := write(file, ref, binaries); err != nil {
		return fmt.Errorf("make image %s: %w", ref, err)
	}
	return nil
}

func write(file, ref string, binaries []string) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(file), ".image-*")
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, temp.Close())
		if err == nil {
			err = os.Rename(temp.Name(), file)
		}
		if err != nil {
			_ = os.Remove(temp.Name())
		}
	}()
	layer, err := os.CreateTemp(filepath.Dir(file), ".layer-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(layer.Name()); err = errors.Join(err, layer.Close()) }()
	described, err := writeLayer(layer, binaries)
	if err != nil {
		return err
	}
	return writeLayout(temp, ref, described, layer, path.Join(BinaryDir, filepath.Base(binaries[0])))
}

// descriptor is the OCI content descriptor.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// writeLayer fills the file system and says what the layer is: an uncompressed one, since it never
// leaves the machine.
func writeLayer(to io.Writer, binaries []string) (descriptor, error) {
	sum := sha256.New()
	size := &counter{}
	out := tar.NewWriter(io.MultiWriter(to, sum, size))
	for _, dir := range []string{"etc/", "tmp/", "usr/", "usr/local/", "usr/local/bin/"} {
		mode := int64(0o755)
		if dir == "tmp/" {
			mode = 0o1777
		}
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: mode, ModTime: time.Unix(0, 0)}); err != nil {
			return descriptor{}, err
		}
	}
	const users = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	if err := add(out, "etc/passwd", 0o644, []byte(users)); err != nil {
		return descriptor{}, err
	}
	for _, binary := range binaries {
		if err := addBinary(out, binary); err != nil {
			return descriptor{}, err
		}
	}
	if err := out.Close(); err != nil {
		return descriptor{}, err
	}
	return descriptor{
		MediaType: "application/vnd.oci.image.layer.v1.tar",
		Digest:    "sha256:" + hex.EncodeToString(sum.Sum(nil)), Size: size.bytes,
	}, nil
}

// addBinary streams one executable into the layer.
func addBinary(out *tar.Writer, binary string) error {
	file, err := os.Open(binary)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{
		Typeflag: tar.TypeReg, Name: path.Join(BinaryDir, filepath.Base(binary))[1:], Mode: 0o755,
		Size: info.Size(), ModTime: time.Unix(0, 0),
	}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

func add(out *tar.Writer, name string, mode int64, data []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data)), ModTime: time.Unix(0, 0)}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := out.Write(data)
	return err
}

// writeLayout writes the image layout: the layer, a configuration, a manifest and the index that
// names them.
func writeLayout(to io.Writer, ref string, layer descriptor, content *os.File, entrypoint string) error {
	config := map[string]any{
		"architecture": runtime.GOARCH, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{entrypoint}, "Env": []string{"PATH=" + BinaryDir}, "WorkingDir": "/"},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layer.Digest}},
	}
	configData, configIs, err := describe("application/vnd.oci.image.config.v1+json", config)
	if err != nil {
		return err
	}
	manifestData, manifestIs, err := describe("application/vnd.oci.image.manifest.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": configIs, "layers": []descriptor{layer},
	})
	if err != nil {
		return err
	}
	manifestIs.Platform = &platform{Architecture: runtime.GOARCH, OS: "linux"}
	manifestIs.Annotations = map[string]string{"io.containerd.image.name": ref, "org.opencontainers.image.ref.name": ref}
	index, _, err := describe("application/vnd.oci.image.index.v1+json", map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []descriptor{manifestIs},
	})
	if err != nil {
		return err
	}
	out := tar.NewWriter(to)
	for _, file := range []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", index},
		{blob(manifestIs), manifestData},
		{blob(configIs), configData},
	} {
		if err := add(out, file.name, 0o644, file.data); err != nil {
			return err
		}
	}
	return errors.Join(addLayer(out, layer, content), out.Close())
}

func addLayer(out *tar.Writer, layer descriptor, content *os.File) error {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	header := &tar.Header{Typeflag: tar.TypeReg, Name: blob(layer), Mode: 0o644, Size: layer.Size, ModTime: time.Unix(0, 0)}
	if err := out.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

// describe encodes a document and says what it is.
func describe(mediaType string, document any) ([]byte, descriptor, error) {
	data, err := json.Marshal(document)
	if err != nil {
		return nil, descriptor{}, err
	}
	sum := sha256.Sum256(data)
	return data, descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: int64(len(data))}, nil
}

// blob is a content's place in the layout.
func blob(d descriptor) string { return path.Join("blobs", "sha256", d.Digest[len("sha256:"):]) }

// counter counts bytes.
type counter struct{ bytes int64 }

// Write never fails.
func (c *counter) Write(data []byte) (int, error) {
	c.bytes += int64(len(data))
	return len(data), nil
}
