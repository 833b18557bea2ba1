package binaries

import (
	"fmt"
	"os"
	"path/filepath"

	"quorate.dev/quorate/cmd/sandbox/internal/images"
)

// Archive is a built image in a file.
type Archive struct {
	Ref  string // by which pods name it
	Path string // of an OCI archive
}

// PauseImage holds the namespaces of every pod.
const PauseImage = "quorate.test/pause:v1"

// CoreDNSImage is the DNS server of the clusters.
const CoreDNSImage = "quorate.test/coredns:" + CoreDNSVersion

// EtcdImage is laid out as the vendor's: two static binaries, and no shell.
func EtcdImage(version string) string { return "quorate.test/etcd:" + version }

// Images are those of a set for the containers runtime, in a fixed order.
func (s Set) Images() []Archive {
	all := []Archive{{PauseImage, s.imagePath("pause")}, {CoreDNSImage, s.imagePath("coredns")}}
	for _, version := range EtcdVersions() {
		all = append(all, Archive{EtcdImage(version), s.imagePath("etcd-" + version)})
	}
	return all
}

func (s Set) imagePath(name string) string { return filepath.Join(s.Dir, "images", name+".tar") }

// writeImages makes the images from the binaries of the set.
func writeImages(set Set) error {
	if err := os.MkdirAll(filepath.Join(set.Dir, "images"), 0o755); err != nil {
		return fmt.Errorf("make the directory of images: %w", err)
	}
	contents := map[string][]string{
		PauseImage:   {set.Path("pause")},
		CoreDNSImage: {set.Path("coredns")},
	}
	for _, version := range EtcdVersions() {
		dir := set.Path("etcd-" + version)
		contents[EtcdImage(version)] = []string{filepath.Join(dir, "etcd"), filepath.Join(dir, "etcdctl")}
	}
	for _, archive := range set.Images() {
		if err := images.Write(archive.Path, archive.Ref, contents[archive.Ref]...); err != nil {
			return err
		}
	}
	return nil
}
