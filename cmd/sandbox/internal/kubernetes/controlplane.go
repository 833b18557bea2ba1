//go:build linux

package kubernetes

import (
	"path/filepath"

	"quorate.dev/quorate/cmd/sandbox/internal/credentials"
	"quorate.dev/quorate/cmd/sandbox/internal/nodes"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
)

// etcdClient and etcdPeer are on the loopback of the control plane's own network namespace, where nobody else is.
const (
	etcdClient = "http://127.0.0.1:2379"
	etcdPeer   = "http://127.0.0.1:2380"
)

// controlPlane lists what runs in a cluster's control plane.
func (c Cluster) controlPlane(place places.Place) []nodes.Component {
	return []nodes.Component{
		{Name: "etcd", Args: c.etcd(place)},
		{Name: "kube-apiserver", Args: c.withGates(c.apiServer(place))},
		{Name: "kube-controller-manager", API: c.api(), Args: c.withGates(c.controllerManager(place))},
		{Name: "kube-scheduler", API: c.api(), Args: c.withGates([]string{
			c.Binaries.Path("kube-scheduler"),
			"--kubeconfig=" + filepath.Join(c.etc(place.Name), "scheduler.kubeconfig"),
			"--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false",
		})},
	}
}

// api is what the others wait for.
func (c Cluster) api() *nodes.API {
	return &nodes.API{URL: c.Server(), Authority: filepath.Join(c.credentials(), "ca.crt")}
}

// withGates adds the feature gates that were asked for.
func (c Cluster) withGates(args []string) []string {
	if c.Sandbox.FeatureGates == "" {
		return args
	}
	return append(args, "--feature-gates="+c.Sandbox.FeatureGates)
}

// etcd does not wait for the disk: killing processes loses nothing, a machine that loses power may.
func (c Cluster) etcd(place places.Place) []string {
	return []string{
		c.Binaries.Path("etcd"), "--name=" + place.Name, "--data-dir=" + filepath.Join(c.Dir.Place(place.Name), "etcd"),
		"--listen-client-urls=" + etcdClient, "--advertise-client-urls=" + etcdClient,
		"--listen-peer-urls=" + etcdPeer, "--initial-advertise-peer-urls=" + etcdPeer,
		"--initial-cluster=" + place.Name + "=" + etcdPeer, "--unsafe-no-fsync", "--log-level=warn",
	}
}

func (c Cluster) apiServer(place places.Place) []string {
	key := func(name string) string { return filepath.Join(c.credentials(), name) }
	return []string{
		c.Binaries.Path("kube-apiserver"),
		"--advertise-address=" + place.Address.String(), "--bind-address=0.0.0.0", "--secure-port=6443",
		"--etcd-servers=" + etcdClient, "--service-cluster-ip-range=" + c.spec().ServiceCIDR,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--client-ca-file=" + key("ca.crt"), "--tls-cert-file=" + key("apiserver.crt"), "--tls-private-key-file=" + key("apiserver.key"),
		"--kubelet-certificate-authority=" + key("ca.crt"), "--kubelet-client-certificate=" + key("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + key("apiserver-kubelet.key"), "--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + key("service-accounts.pub"), "--service-account-signing-key-file=" + key("service-accounts.key"),
		// No kube-proxy runs beside it: services, such as webhooks, are reached by their endpoints.
		"--enable-aggregator-routing=true", "--profiling=false",
	}
}

func (c Cluster) controllerManager(place places.Place) []string {
	key := func(name string) string { return filepath.Join(c.credentials(), name) }
	return []string{
		c.Binaries.Path("kube-controller-manager"),
		"--kubeconfig=" + filepath.Join(c.etc(place.Name), "controller-manager.kubeconfig"),
		"--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials=true", "--profiling=false",
		"--root-ca-file=" + key("ca.crt"), "--service-account-private-key-file=" + key("service-accounts.key"),
		"--cluster-signing-cert-file=" + key("ca.crt"), "--cluster-signing-key-file=" + key("ca.key"),
		// The nodes' pod networks are in the address plan already.
		"--allocate-node-cidrs=false", "--enable-hostpath-provisioner=true",
		"--flex-volume-plugin-dir=" + filepath.Join(c.Dir.Place(place.Name), "volume-plugins"),
	}
}

// writeControlPlane writes the files that the control plane's components read.
func (c Cluster) writeControlPlane(place places.Place) error {
	for _, name := range []string{"controller-manager", "scheduler"} {
		file := filepath.Join(c.etc(place.Name), name+".kubeconfig")
		if err := credentials.WriteKubeconfig(file, c.credentials(), name, c.spec().Name, c.Server()); err != nil {
			return err
		}
	}
	return nil
}
