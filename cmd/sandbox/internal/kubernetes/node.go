//go:build linux

package kubernetes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/credentials"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// node lists what runs on a node.
func (c Cluster) node(place places.Place) []nodes.Component {
	etc := c.etc(place.Name)
	return []nodes.Component{
		{Name: "containerd", Args: []string{c.Binaries.Path("containerd"), "--config", filepath.Join(etc, "containerd.toml"), "--log-level", "warn"}},
		{Name: "kubelet", Socket: Socket, Images: true, Args: []string{
			c.Binaries.Path("kubelet"), "--config=" + filepath.Join(etc, "kubelet.yaml"), "--kubeconfig=" + filepath.Join(etc, "kubelet.kubeconfig"),
			"--hostname-override=" + place.Name, "--node-ip=" + place.Address.String(),
			"--node-labels=topology.kubernetes.io/region=" + c.spec().Region + ",topology.kubernetes.io/zone=" + place.Zone,
		}},
		{Name: "kube-proxy", API: c.api(), Args: []string{c.Binaries.Path("kube-proxy"), "--config=" + filepath.Join(etc, "kube-proxy.yaml")}},
	}
}

// writeNode writes the files that a node's components read.
func (c Cluster) writeNode(place places.Place) error {
	gates, err := c.featureGates()
	if err != nil {
		return err
	}
	etc := c.etc(place.Name)
	data := map[string]any{
		"Name": place.Name, "Etc": etc, "Credentials": c.credentials(), "Socket": Socket, "Bin": c.Binaries.Dir,
		"DNS": c.plan().DNS(c.Index), "Pods": place.Pods, "ClusterPods": c.plan().Pods(c.Index),
		"Cgroup": c.CgroupOf(place.Name), "PauseImage": binaries.PauseImage, "FeatureGates": gates,
	}
	for template, file := range map[string]string{
		"kubelet.yaml": "kubelet.yaml", "kube-proxy.yaml": "kube-proxy.yaml", "containerd.toml": "containerd.toml", "pods.conflist": "cni/pods.conflist",
	} {
		content, err := render(template, data)
		if err != nil {
			return err
		}
		if err := state.WriteFile(filepath.Join(etc, file), content); err != nil {
			return err
		}
	}
	return errors.Join(
		state.WriteFile(filepath.Join(etc, "resolv.conf"), []byte("# no name server outside the clusters\n")),
		credentials.WriteKubeconfig(filepath.Join(etc, "kubelet.kubeconfig"), c.credentials(), place.Name, c.spec().Name, c.Server()),
		credentials.WriteKubeconfig(filepath.Join(etc, "kube-proxy.kubeconfig"), c.credentials(), "kube-proxy", c.spec().Name, c.Server()),
	)
}

// machineSysctls are the machine-wide settings that a kubelet writes (pkg/kubelet/cm, setupKernelTunables).
func machineSysctls() []string {
	return []string{
		"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
		"kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes",
	}
}

// Describe writes the files of one of the cluster's places and gives what its process 1 is told.
func (c Cluster) Describe(place places.Place) (nodes.Description, error) {
	dir := c.Dir.Place(place.Name)
	description := Empty(c.Dir, place.Name)
	// A set's binaries are links to those of another set beside it.
	description.Keep = append(description.Keep, filepath.Dir(c.Binaries.Dir))
	description.Environment = append(description.Environment,
		"PATH="+c.Binaries.Dir+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/run")
	// The host-path provisioner's directory is fixed (pkg/volume/hostpath), and shared by the cluster's nodes,
	// so that a volume is wherever its pod is.
	volumes := nodes.Cover{Target: "/tmp/hostpath_pv", Source: c.Dir.Volumes(c.spec().Name), Make: true}
	description.Covers = []nodes.Cover{{Target: "/run"}, {Target: "/tmp"}, volumes}
	directories := []string{c.Dir.Volumes(c.spec().Name), description.Logs}
	var err error
	if place.Kind == places.ControlPlane {
		description.Components = c.controlPlane(place)
		err = c.writeControlPlane(place)
	} else {
		description.Forward, description.Sysctls, description.SysctlDir = true, machineSysctls(), filepath.Join(dir, "sysctls")
		description.Components = c.node(place)
		description.Images = &nodes.Images{
			Command: []string{c.Binaries.Path("ctr"), "--address", Socket, "--namespace", "k8s.io", "images", "import"},
			API:     *c.api(),
			Extra:   c.Dir.Images(), Notes: filepath.Join(dir, "imported"), All: filepath.Join(dir, "images-imported"), Socket: Socket,
		}
		for _, archive := range c.Binaries.Images() {
			if archive.Ref == binaries.PauseImage || archive.Ref == binaries.CoreDNSImage {
				description.Images.Needed = append(description.Images.Needed, archive.Path)
			} else {
				description.Images.Archives = append(description.Images.Archives, archive.Path)
			}
		}
		for _, name := range []string{"lib", "log"} {
			description.Covers = append(description.Covers, nodes.Cover{Target: "/var/" + name, Source: filepath.Join(dir, name)})
			directories = append(directories, filepath.Join(dir, name))
		}
		directories = append(directories, description.SysctlDir)
		err = c.writeNode(place)
	}
	for _, directory := range directories {
		err = errors.Join(err, os.MkdirAll(directory, 0o755))
	}
	if err != nil {
		return description, fmt.Errorf("configure %s: %w", place.Name, err)
	}
	return description, nil
}

// Empty is the description of a place in which nothing runs by itself.
func Empty(dir state.Dir, place string) nodes.Description {
	return nodes.Description{
		HostName: place, Started: filepath.Join(dir.Place(place), "started"),
		Logs: filepath.Join(dir.Place(place), "logs"), Keep: []string{dir.Path},
	}
}
