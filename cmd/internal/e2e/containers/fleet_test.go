package containers

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// clusterNames are the clusters of the fleet in rollout order, one a region.
var clusterNames = []string{"eu1", "us1", "ap1"}

// fleet is the sandbox that all tests share, each with deployments of its own.
type fleet struct {
	name, kubeconfig string
	clients          map[string]kubernetes.Interface
	pods             map[string]netip.Prefix // pod network by cluster
	services         map[string]netip.Prefix // service network by cluster
}

var shared struct {
	once  sync.Once
	fleet *fleet
	err   error
}

// theFleet starts the fleet for the first test that asks.
func theFleet(t *testing.T) *fleet {
	t.Helper()
	shared.once.Do(func() {
		f := &fleet{
			name: fmt.Sprintf("real-%d", os.Getpid()), clients: map[string]kubernetes.Interface{},
			pods: map[string]netip.Prefix{}, services: map[string]netip.Prefix{},
		}
		shared.fleet, shared.err = f, f.up()
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.fleet
}

func (f *fleet) up() error {
	if _, err := f.run(
		"up", "--runtime", "containers", "--nodes", "1", "--cluster", "eu1=eu-central", "--cluster", "us1=us-east", "--cluster", "ap1=ap-south",
	); err != nil {
		return err
	}
	pause := filepath.Join(filepath.Dir(tools.kubectl), "pause")
	for ref, binaries := range map[string][]string{
		"quorate.test/quorate:test": {tools.quorate}, "quorate.test/sandbox:test": {tools.sandbox}, "quorate.test/beacon:test": {pause, tools.nslookup},
	} {
		if _, err := f.run(append([]string{"load-image", ref}, binaries...)...); err != nil {
			return err
		}
	}
	path, err := f.run("kubeconfig")
	if err != nil {
		return err
	}
	f.kubeconfig = strings.TrimSpace(path)
	for _, cluster := range clusterNames {
		if err := f.connect(cluster); err != nil {
			return fmt.Errorf("connect to cluster %s: %w", cluster, err)
		}
	}
	return nil
}

// connect makes a client and reads the cluster's networks from what Kubernetes itself says.
func (f *fleet) connect(cluster string) error {
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: f.kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: cluster}).ClientConfig()
	if err != nil {
		return err
	}
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	nodes, err := client.CoreV1().Nodes().List(context.Background(), metav1.ListOptions{})
	if err != nil {
		return err
	}
	if len(nodes.Items) != 1 {
		return fmt.Errorf("%d nodes, want 1", len(nodes.Items))
	}
	api, err := client.CoreV1().Services(metav1.NamespaceDefault).Get(context.Background(), "kubernetes", metav1.GetOptions{})
	if err != nil {
		return err
	}
	first, err := netip.ParseAddr(api.Spec.ClusterIP)
	if err != nil {
		return err
	}
	if f.pods[cluster], err = netip.ParsePrefix(nodes.Items[0].Spec.PodCIDR); err != nil {
		return err
	}
	f.services[cluster] = netip.PrefixFrom(first, 24).Masked()
	f.clients[cluster] = client
	return nil
}

// service is the address of a cluster's service network with that last byte.
func (f *fleet) service(cluster string, last byte) netip.Addr {
	bytes := f.services[cluster].Addr().As4()
	bytes[3] = last
	return netip.AddrFrom4(bytes)
}

// command prepares an invocation of the sandbox.
func (f *fleet) command(args ...string) *exec.Cmd {
	return exec.Command(tools.sandbox, append([]string{args[0], "--name", f.name}, args[1:]...)...)
}

// run executes the sandbox binary and returns what it printed on standard output.
func (f *fleet) run(args ...string) (string, error) { return subprocess.Output(f.command(args...)) }

func (f *fleet) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := f.run(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// kubectl runs the real kubectl against one cluster.
func (f *fleet) kubectl(t *testing.T, cluster string, args ...string) subprocess.Result {
	t.Helper()
	return subprocess.Run(t, exec.CommandContext(t.Context(), tools.kubectl, append([]string{"--kubeconfig", f.kubeconfig, "--context", cluster}, args...)...))
}

// at runs a program at a place outside of all clusters, in the background, until the test ends.
func (f *fleet) at(t *testing.T, place string, args ...string) *subprocess.Process {
	t.Helper()
	return subprocess.Start(t, f.command(append([]string{"run", "--at", place, "--"}, args...)...))
}

func downAll() {
	if shared.fleet == nil || os.Getenv("QUORATE_KEEP") != "" {
		return
	}
	if _, err := shared.fleet.run("down"); err != nil {
		fmt.Println(err)
	}
}
