package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// clusterNames are the clusters of every test sandbox, in rollout order.
var clusterNames = []string{"usw1", "use1", "euw1"}

// sandboxHandle is one running sandbox of three clusters.
type sandboxHandle struct {
	name       string
	kubeconfig string
	clients    map[string]kubernetes.Interface
	once       sync.Once
	err        error
	stopping   sync.Mutex // held by the test that stops clusters of this sandbox
	names      sync.Map   // of the deployments in it, each with the test that made it
}

// claim fails the test if another one has a deployment of that name, so the same namespaces, in this sandbox.
func (h *sandboxHandle) claim(t *testing.T, deployment string) {
	t.Helper()
	if other, taken := h.names.LoadOrStore(deployment, t.Name()); taken && other != t.Name() {
		t.Fatalf("deployment %s of this sandbox is that of %s: take another name", deployment, other)
	}
}

// sandbox starts a sandbox once for all tests that name it.
func sandbox(t *testing.T, name string, args ...string) *sandboxHandle {
	t.Helper()
	shared.mu.Lock()
	h := shared.started[name]
	if h == nil {
		h = &sandboxHandle{name: fmt.Sprintf("e2e-%s-%d", name, os.Getpid())}
		shared.started[name] = h
	}
	shared.mu.Unlock()
	h.once.Do(func() { h.err = h.up(args) })
	if h.err != nil {
		t.Fatalf("sandbox %s: %v", name, h.err)
	}
	return h
}

// formerSandbox is one of Kubernetes as it was: with the gates off that are on by default since 1.35 and 1.37.
func formerSandbox(t *testing.T) *sandboxHandle {
	t.Helper()
	return sandbox(t, "gate-off", "--feature-gates", "MaxUnavailableStatefulSet=false,PodTopologyLabelsAdmission=false")
}

// locality is how a replica may learn its zone there, unless a test says otherwise.
func (h *sandboxHandle) locality() string {
	if strings.Contains(h.name, "gate-off") {
		return "none"
	}
	return "podLabel"
}

func (h *sandboxHandle) up(args []string) error {
	up := append([]string{
		"up", "--name", h.name,
		"--cluster", "usw1=us-west1", "--cluster", "use1=us-east1", "--cluster", "euw1=europe-west1",
	}, args...)
	if _, err := h.command(up...); err != nil {
		return err
	}
	path, err := h.command("kubeconfig", "--name", h.name)
	if err != nil {
		return err
	}
	h.kubeconfig = strings.TrimSpace(path)
	h.clients = map[string]kubernetes.Interface{}
	for _, cluster := range clusterNames {
		rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: h.kubeconfig}
		config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: cluster}).ClientConfig()
		if err != nil {
			return err
		}
		config.QPS = -1
		if h.clients[cluster], err = kubernetes.NewForConfig(config); err != nil {
			return err
		}
	}
	return nil
}

// command runs the sandbox binary and returns what it printed on standard output.
func (h *sandboxHandle) command(args ...string) (string, error) {
	return subprocess.Output(exec.Command(shared.sandbox, args...))
}

func (h *sandboxHandle) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := h.command(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (w *world) downAll() {
	for _, h := range w.started {
		if _, err := h.command("down", "--name", h.name); err != nil {
			fmt.Println(err)
		}
	}
}

// inits are the replicas (cluster/namespace/pod) in which a database of the
// namespace was initialised, over all databases that were ever founded there.
func (h *sandboxHandle) inits(t *testing.T, namespace string) []string {
	t.Helper()
	var world struct {
		Databases []struct {
			Inits []struct {
				Target   string `json:"target"`
				Accepted bool   `json:"accepted"`
			} `json:"inits"`
		} `json:"databases"`
	}
	out := h.must(t, "db", "state", "--name", h.name, "--output", "json")
	if err := json.Unmarshal([]byte(out), &world); err != nil {
		t.Fatalf("sandbox db state: %v\n%s", err, out)
	}
	var targets []string
	for _, db := range world.Databases {
		for _, i := range db.Inits {
			if i.Accepted && strings.Contains(i.Target, "/"+namespace+"/") {
				targets = append(targets, i.Target)
			}
		}
	}
	return targets
}
