// Package binaries builds what a sandbox runs from Go modules, once, into a cache: the control
// plane as one multi-call binary, KWOK, and the kustomize that overlays are compared with.
package binaries

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
)

// Versions of what is built.
const (
	KubernetesVersion = "v1.37.2"
	KwokVersion       = "v0.8.0"
	KustomizeVersion  = "v5.5.0"
)

// kubernetesMajor and kubernetesMinor are what the API server says in /version.
const kubernetesMajor, kubernetesMinor = "1", "37"

// components are the names the multi-call binary answers to.
func components() []string {
	return []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"}
}

// sourceFiles are what the multi-call binary is built from.
func sourceFiles() []string { return []string{"go.mod", "go.sum", "controlplane/main.go"} }

// Set is a directory of built binaries.
type Set struct{ Dir string }

// Path of one of: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, kwok,
// kwokctl, kustomize.
func (s Set) Path(name string) string { return filepath.Join(s.Dir, name) }

// Locate gives the directory under cache that the binaries of these sources belong in, built or not.
// Its name is a digest of the sources, the versions, the platform and the Go version.
func Locate(cache string, sources fs.FS) (Set, error) {
	sum := sha256.New()
	for _, name := range sourceFiles() {
		data, err := fs.ReadFile(sources, name)
		if err != nil {
			return Set{}, fmt.Errorf("read the sources of the control plane: %w", err)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(data))
		sum.Write(data)
	}
	fmt.Fprintln(sum, KubernetesVersion, KwokVersion, KustomizeVersion, runtime.GOOS, runtime.GOARCH, runtime.Version())
	key := KubernetesVersion + "-" + hex.EncodeToString(sum.Sum(nil))[:12]
	return Set{Dir: filepath.Join(cache, "bin", key)}, nil
}
