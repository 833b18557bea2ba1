// Package binaries builds what a sandbox runs from Go modules, once, into a cache: the control
// plane as one multi-call binary, KWOK, and the kustomize that overlays are compared with; for the
// containers runtime also containerd, runc, network plugins, and the images that have no registry
// to come from.
package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
)

// Versions of what is built. Those of the containers runtime are pinned, with everything they need,
// by the module files under components/.
const (
	KubernetesVersion = "v1.37.2"
	KwokVersion       = "v0.8.0"
	KustomizeVersion  = "v5.5.0"
	ContainerdVersion = "v2.4.2"
	RuncVersion       = "v1.5.2"
	CNIVersion        = "v1.9.1"
	CoreDNSVersion    = "v1.15.0"
)

// EtcdVersions are those that there are images of: a release and the one before it, to upgrade from.
func EtcdVersions() []string { return []string{"v3.6.16", "v3.7.3"} }

// kubernetesMajor and kubernetesMinor are what the API server says in /version.
const kubernetesMajor, kubernetesMinor = "1", "37"

// components are the names the multi-call binary answers to.
func components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"}
}

// Set is a directory of built binaries.
type Set struct{ Dir string }

// Path of one of: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy,
// kubectl, kwok, kwokctl, kustomize; in a set for the containers runtime also of: containerd,
// containerd-shim-runc-v2, ctr, runc, bridge, host-local, loopback, coredns, pause.
func (s Set) Path(name string) string { return filepath.Join(s.Dir, name) }

// locate gives the directory under cache that a recipe's binaries belong in, built or not. Its name
// is a digest of the sources, the versions, the platform and the Go version.
func (r recipe) locate(cache string, sources fs.FS) (Set, error) {
	sum := sha256.New()
	for _, name := range r.sources {
		data, err := fs.ReadFile(sources, name)
		if err != nil {
			return Set{}, fmt.Errorf("read the sources of %s: %w", r.what, err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
	}
	fmt.Fprintln(sum, r.versions, runtime.GOOS, runtime.GOARCH, runtime.Version())
	return Set{Dir: filepath.Join(cache, "bin", r.name+"-"+hex.EncodeToString(sum.Sum(nil))[:12])}, nil
}

// Locate gives the directory that the binaries of the simulated runtime belong in, built or not.
func Locate(cache string, sources fs.FS) (Set, error) {
	return controlPlane().locate(cache, sources)
}

// moduleFiles are the go.mod and go.sum of each component, by which it is pinned.
func moduleFiles(components ...string) []string {
	var files []string
	for _, component := range components {
		files = append(files, "components/"+component+".mod", "components/"+component+".sum")
	}
	return slices.Clip(files)
}
