package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
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
	cmd := exec.Command(shared.sandbox, args...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("sandbox %s: %w\n%s", strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
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

// databaseState is what the played database tells of one deployment.
type databaseState struct {
	ClusterID string `json:"clusterID"`
	Inits     []struct {
		Target string `json:"target"`
	} `json:"inits"`
}

// database reads the played database of a namespace.
func (h *sandboxHandle) database(t *testing.T, namespace string) databaseState {
	t.Helper()
	var all struct {
		Databases map[string]databaseState `json:"databases"`
	}
	out := h.must(t, "db", "state", "--name", h.name, "--output", "json")
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("sandbox db state: %v\n%s", err, out)
	}
	return all.Databases[namespace]
}

func tempFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
