package binaries

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// recipe is how a set of binaries is made.
type recipe struct {
	name     string // of the directory, before the digest
	what     string // is made, for people
	duration string // it usually takes on two cores, for people
	sources  []string
	versions []string
	steps    func(out string) []step
	// finish adds what no compiler makes.
	finish func(out string) error
}

// linker drops symbols and debugging information; the flags are fixed, because other flags compile
// everything again.
const linker = "-s -w"

// controlPlane is what both runtimes need.
func controlPlane() recipe {
	return recipe{
		name: KubernetesVersion, what: "the control plane and its tools", duration: "about 10 minutes",
		sources:  []string{"go.mod", "go.sum", "controlplane/main.go"},
		versions: []string{KubernetesVersion, KwokVersion, KustomizeVersion},
		steps:    controlPlaneSteps,
		finish: func(out string) error {
			for _, name := range components() {
				if err := os.Symlink("controlplane", filepath.Join(out, name)); err != nil {
					return fmt.Errorf("name a component of the control plane: %w", err)
				}
			}
			return nil
		},
	}
}

// controlPlaneSteps builds with CGO off.
func controlPlaneSteps(out string) []step {
	const version = "-X k8s.io/component-base/version."
	link := linker + " " + version + "gitVersion=" + KubernetesVersion +
		" " + version + "gitMajor=" + kubernetesMajor + " " + version + "gitMinor=" + kubernetesMinor
	install := []string{"go", "install", "-trimpath", "-ldflags", linker}
	return []step{
		{
			what: "etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl " + KubernetesVersion + " (8 minutes)",
			dir:  "src",
			command: []string{
				"go", "build", "-trimpath", "-tags", "controlplane", "-ldflags", link,
				"-o", filepath.Join(out, "controlplane"), "./controlplane",
			},
		},
		{
			what: "kwok and kwokctl " + KwokVersion + " (75 seconds)",
			env:  []string{"GOBIN=" + out},
			command: append(slices.Clip(install),
				"sigs.k8s.io/kwok/cmd/kwok@"+KwokVersion, "sigs.k8s.io/kwok/cmd/kwokctl@"+KwokVersion),
		},
		{
			what:    "kustomize " + KustomizeVersion + " (10 seconds)",
			env:     []string{"GOBIN=" + out},
			command: append(slices.Clip(install), "sigs.k8s.io/kustomize/kustomize/v5@"+KustomizeVersion),
		},
	}
}

// containers is what real nodes need beside base, a set of the control plane.
func containers(base Set) recipe {
	modules := []string{"containerd", "runc", "cni", "coredns"}
	for _, version := range EtcdVersions() {
		modules = append(modules, etcdModule(version))
	}
	return recipe{
		name: "containers", what: "containerd, runc, network plugins and images", duration: "about 8 minutes",
		sources:  append([]string{"go.mod", "pause/main.go"}, moduleFiles(modules...)...),
		versions: []string{filepath.Base(base.Dir), "images 1"},
		steps:    containerSteps,
		finish: func(out string) error {
			if err := linkAll(base, out); err != nil {
				return err
			}
			return writeImages(Set{Dir: out})
		},
	}
}

// etcdModule is the module of a version such as v3.6.16: etcd-v3.6.
func etcdModule(version string) string {
	return "etcd-" + version[:strings.LastIndexByte(version, '.')]
}

func containerSteps(out string) []step {
	const containerd = "github.com/containerd/containerd/v2/cmd/"
	const plugins = "github.com/containernetworking/plugins/plugins/"
	steps := []step{
		{
			what: "containerd " + ContainerdVersion + " (1 minute)", dir: moduleDir("containerd"),
			command: compile(out, "no_btrfs no_zfs no_devmapper no_tracing",
				containerd+"containerd", containerd+"containerd-shim-runc-v2", containerd+"ctr"),
		},
		{
			// Its start of a container is C code that runs before Go's.
			what: "runc " + RuncVersion + " (15 seconds; needs a C compiler and libseccomp's headers, Debian package libseccomp-dev)", dir: moduleDir("runc"),
			env: []string{"CGO_ENABLED=1"}, command: compile(out, "seccomp", "github.com/opencontainers/runc"),
		},
		{
			what: "network plugins " + CNIVersion + " (5 seconds)", dir: moduleDir("cni"),
			command: compile(out, "", plugins+"main/bridge", plugins+"main/loopback", plugins+"ipam/host-local"),
		},
		{
			what: "CoreDNS " + CoreDNSVersion + " (4 minutes)", dir: moduleDir("coredns"),
			command: compile(out, "", "github.com/coredns/coredns"),
		},
		{what: "pause", dir: "src", command: compile(out, "", "./pause")},
	}
	for _, version := range EtcdVersions() {
		to := filepath.Join(out, "etcd-"+version)
		for _, binary := range [][2]string{{"etcd", "server"}, {"etcdctl", "etcdctl"}} {
			steps = append(steps, step{
				what: binary[0] + " " + version + " (1 minute)", dir: moduleDir(etcdModule(version)),
				command: []string{
					"go", "build", "-trimpath", "-ldflags", linker,
					"-o", filepath.Join(to, binary[0]), "go.etcd.io/etcd/" + binary[1] + "/v3",
				},
			})
		}
	}
	return steps
}

// compile builds packages into out, each under its own name.
func compile(out, tags string, packages ...string) []string {
	return append([]string{"go", "build", "-trimpath", "-tags", tags, "-ldflags", linker, "-o", out + string(filepath.Separator)}, packages...)
}

// moduleDir is where a component's module file is laid out, relative to the temporary directory.
func moduleDir(component string) string { return filepath.Join("src", "components", component) }

// laidOut is where a source file belongs: a component's module files get the names and the directory
// that Go wants, which the repository cannot hold, since embedding stops at a go.mod.
func laidOut(name string) string {
	dir, file := path.Split(name)
	if dir != "components/" {
		return name
	}
	extension := path.Ext(file)
	return dir + strings.TrimSuffix(file, extension) + "/go" + extension
}

// linkAll gives out every binary of base, so that one directory has all.
func linkAll(base Set, out string) error {
	entries, err := os.ReadDir(base.Dir)
	if err != nil {
		return fmt.Errorf("list the binaries of the control plane: %w", err)
	}
	for _, entry := range entries {
		target := filepath.Join("..", filepath.Base(base.Dir), entry.Name())
		if err := os.Symlink(target, filepath.Join(out, entry.Name())); err != nil {
			return fmt.Errorf("name a binary of the control plane: %w", err)
		}
	}
	return nil
}
