package clusters

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/yaml"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

func testSpec() *state.Spec {
	ports := state.Ports{APIServer: 1, Etcd: 2, EtcdPeer: 3, ControllerManager: 4, Scheduler: 5, Kwok: 6, Kubelet: 7}
	return &state.Spec{Name: "s", FeatureGates: "MaxUnavailableStatefulSet=false", Clusters: []state.Cluster{
		{
			Name: "use1", Region: "us-east1", Zones: []string{"us-east1-b", "us-east1-c"}, NodesPerZone: 2, Ports: ports,
			PodCIDR: "10.64.0.0/16", ServiceCIDR: "10.128.0.0/16", NodeCIDR: "10.192.0.0/16",
		},
		{Name: "euw1", Region: "europe-west1", Zones: []string{"a"}, NodesPerZone: 1, NodeCIDR: "10.193.0.0/16"},
	}}
}

func testManager(t *testing.T) Manager {
	t.Helper()
	root := t.TempDir()
	dir, err := state.Paths{Cache: root, Sandboxes: root}.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	return Manager{Dir: dir, Binaries: binaries.Set{Dir: `/path with "quotes"`}}
}

func TestKwokctlConfigIsYAMLWithEveryPort(t *testing.T) {
	spec := testSpec()
	out, err := testManager(t).kwokctlConfig(spec, spec.Clusters[0])
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(out), "\n---\n")
	if len(documents) != 3 {
		t.Fatalf("%d documents, want kwokctl's configuration and two stages", len(documents))
	}
	var config struct {
		Options map[string]any
	}
	for i, document := range documents {
		var any map[string]any
		if err := yaml.Unmarshal([]byte(document), &any); err != nil {
			t.Errorf("document %d: %v", i, err)
		}
	}
	if err := yaml.Unmarshal([]byte(documents[0]), &config); err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]any{
		"kubeApiserverPort": 1.0, "etcdPort": 2.0, "etcdPeerPort": 3.0, "kubeControllerManagerPort": 4.0, "kubeSchedulerPort": 5.0,
		"kwokControllerPort": 6.0, "kubeFeatureGates": "MaxUnavailableStatefulSet=false", "etcdBinary": `/path with "quotes"/etcd`,
	} {
		if config.Options[option] != want {
			t.Errorf("%s is %v, want %v", option, config.Options[option], want)
		}
	}
	if !strings.Contains(string(out), "value: 10.128.0.0/16") || strings.Contains(string(out), "kind: Pod") {
		t.Error("the service network is missing, or KWOK would play pods")
	}
}

func TestObjectsOfACluster(t *testing.T) {
	objects, err := objectsOf("s", testSpec().Clusters[0])
	if err != nil {
		t.Fatal(err)
	}
	classes, marks, addresses := map[string]bool{}, 0, map[string]bool{}
	for _, object := range objects {
		switch o := object.(type) {
		case *storagev1.StorageClass:
			classes[o.Name] = o.Annotations["storageclass.kubernetes.io/is-default-class"] == "true"
		case *corev1.ConfigMap:
			marks++
			if o.Namespace != "kube-system" || o.Name != MarkName || o.Data["sandbox"] != "s" || o.Data["cluster"] != "use1" {
				t.Errorf("mark: %+v", o)
			}
		case *corev1.Node:
			addresses[o.Annotations["sandbox.quorate.dev/internal-ip"]] = true
			if o.Labels[corev1.LabelTopologyRegion] != "us-east1" || !strings.Contains(o.Name, o.Labels[corev1.LabelTopologyZone]) || o.Annotations[kubeletPortAnnotation] != "7" {
				t.Errorf("node: %+v", o.ObjectMeta)
			}
		}
	}
	if len(addresses) != 4 || !addresses["10.192.0.1"] || marks != 1 || !classes["standard"] || classes["fast-ssd"] || len(classes) != 2 {
		t.Errorf("addresses %v, marks %d, classes %v", addresses, marks, classes)
	}
}

func TestTheKubeconfigIsSelfContainedAndNamedAsTheClusters(t *testing.T) {
	m, spec := testManager(t), testSpec()
	for _, cluster := range spec.Clusters {
		config := clientcmdapi.NewConfig()
		ca := filepath.Join(m.Dir.ClusterDir(cluster.Name), "ca.crt")
		if err := state.WriteFile(ca, []byte("ca of "+cluster.Name)); err != nil {
			t.Fatal(err)
		}
		config.Clusters["kwok-x"] = &clientcmdapi.Cluster{Server: "https://" + cluster.Name, CertificateAuthority: ca}
		config.AuthInfos["kwok-x"] = &clientcmdapi.AuthInfo{Token: cluster.Name}
		config.Contexts["kwok-x"] = &clientcmdapi.Context{Cluster: "kwok-x", AuthInfo: "kwok-x"}
		config.CurrentContext = "kwok-x"
		if err := clientcmd.WriteToFile(*config, filepath.Join(m.Dir.ClusterDir(cluster.Name), "kubeconfig.yaml")); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.WriteKubeconfig(spec); err != nil {
		t.Fatal(err)
	}
	merged, err := clientcmd.LoadFromFile(m.Dir.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"use1", "euw1"} {
		context := merged.Contexts[name]
		if context == nil || merged.Clusters[context.Cluster].Server != "https://"+name || string(merged.Clusters[context.Cluster].CertificateAuthorityData) != "ca of "+name {
			t.Errorf("context %s: %+v", name, context)
		}
	}
	if info, err := os.Stat(m.Dir.Kubeconfig()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("others can read the credentials: %v, %v", info.Mode(), err)
	}
}

func TestEachClusterReportsAllFailures(t *testing.T) {
	err := EachCluster(testSpec().Clusters, func(c state.Cluster) error { return errors.New("no " + c.Name) })
	if err == nil || !strings.Contains(err.Error(), "no use1") || !strings.Contains(err.Error(), "no euw1") {
		t.Errorf("%v", err)
	}
}

func TestDownOfWhatIsNotThere(t *testing.T) {
	if err := testManager(t).Down(t.Context()); err != nil {
		t.Error(err)
	}
}
