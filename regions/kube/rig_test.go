package kube

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// kubeconfigEnv names a kubeconfig of sandbox clusters, against whose real API
// servers the integration tests run. Each makes namespaces of its own and deletes them.
const kubeconfigEnv = "QUORATE_TEST_KUBECONFIG"

// rig is a kubeconfig that a test may bend before it is opened.
type rig struct {
	config  *clientcmdapi.Config
	context string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	path := os.Getenv(kubeconfigEnv)
	if path == "" {
		t.Skipf("%s is not set: this test needs a sandbox cluster", kubeconfigEnv)
	}
	config, err := clientcmd.LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(config.Contexts) == 0 {
		t.Fatalf("%s has no context", path)
	}
	return &rig{config: config, context: slices.Sorted(maps.Keys(config.Contexts))[0]}
}

func (r *rig) cluster() *clientcmdapi.Cluster {
	return r.config.Clusters[r.config.Contexts[r.context].Cluster]
}

func (r *rig) user() *clientcmdapi.AuthInfo {
	return r.config.AuthInfos[r.config.Contexts[r.context].AuthInfo]
}

func (r *rig) open(t *testing.T, opts Options) *Cluster {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*r.config, path); err != nil {
		t.Fatal(err)
	}
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	}
	clusters, err := Open(path, map[string]string{"c1": r.context}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return clusters["c1"]
}

// sandboxCluster is a cluster that says of itself that nothing in it is real, and a fresh namespace in it.
func sandboxCluster(t *testing.T) (*Cluster, string) {
	t.Helper()
	cluster := newRig(t).open(t, Options{Version: "test"})
	if sandbox, err := cluster.sandbox(t.Context()); err != nil || !sandbox {
		t.Fatalf("the cluster is not marked as a sandbox (%v): tests write to no other", err)
	}
	namespace := randomName()
	_, err := cluster.EnsureNamespace(t.Context(), map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": namespace},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := cluster.clientset.CoreV1().Namespaces().Delete(ctx, namespace, metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	return cluster, namespace
}

func randomName() string {
	suffix := make([]byte, 4)
	_, _ = rand.Read(suffix)
	return "quorate-test-" + hex.EncodeToString(suffix)
}

// link is a TCP forwarder that can be cut, as a lost network is.
type link struct {
	target  string
	address string

	mu       sync.Mutex
	listener net.Listener
	conns    []net.Conn
	frozen   bool
}

// throughLink makes the rig's cluster reachable through a link alone.
func throughLink(t *testing.T, r *rig) *link {
	t.Helper()
	server, err := url.Parse(r.cluster().Server)
	if err != nil {
		t.Fatal(err)
	}
	l := &link{target: server.Host, address: "127.0.0.1:0"}
	l.up(t)
	t.Cleanup(l.down)
	if r.cluster().TLSServerName == "" && server.Scheme == "https" && !r.cluster().InsecureSkipTLSVerify {
		r.cluster().TLSServerName = server.Hostname()
	}
	server.Host = l.address
	r.cluster().Server = server.String()
	return l
}

func (l *link) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.listener, l.address, l.frozen = listener, listener.Addr().String(), false
	l.mu.Unlock()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.forward(conn)
		}
	}()
}

func (l *link) forward(from net.Conn) {
	to, err := net.Dial("tcp", l.target)
	if err != nil {
		_ = from.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, from, to)
	l.mu.Unlock()
	go l.copy(to, from)
	l.copy(from, to)
}

// copy forwards until an end closes; a frozen link takes the bytes and drops them.
func (l *link) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		l.mu.Lock()
		frozen := l.frozen
		l.mu.Unlock()
		if err != nil {
			_ = to.Close()
			return
		}
		if frozen {
			continue
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			_ = from.Close()
			return
		}
	}
}

// down closes everything: connections break, new ones are refused.
func (l *link) down() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.listener.Close()
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

// freeze lets nothing through any more, without a word.
func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.frozen = true
}

// eventually waits for a condition, at most 30 s.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("did not come about: %s", what)
		}
	}
}

// database is a StatefulSet with one claim, as an overlay has it.
func database(namespace string, replicas int) map[string]any {
	return map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet",
		"metadata": map[string]any{"name": "db", "namespace": namespace},
		"spec": map[string]any{
			"replicas": replicas, "serviceName": "db", "podManagementPolicy": "Parallel",
			"selector": map[string]any{"matchLabels": map[string]any{"app": "db"}},
			"template": map[string]any{
				"metadata": map[string]any{"labels": map[string]any{"app": "db"}},
				"spec":     podTemplate(),
			},
			"volumeClaimTemplates": []any{map[string]any{
				"metadata": map[string]any{"name": "data"},
				"spec": map[string]any{
					"accessModes": []any{"ReadWriteOnce"},
					"resources":   map[string]any{"requests": map[string]any{"storage": "1Gi"}},
				},
			}},
		},
	}
}

func podTemplate() map[string]any {
	return map[string]any{
		"terminationGracePeriodSeconds": 0,
		"containers": []any{map[string]any{
			"name": "db", "image": "example.com/db:v1",
			"env": []any{map[string]any{
				"name":      "POD",
				"valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.name"}},
			}},
			"volumeMounts": []any{map[string]any{"name": "data", "mountPath": "/data"}},
		}},
	}
}

// setImage changes the image of a database() in place.
func setImage(object map[string]any, image string) map[string]any {
	template := object["spec"].(map[string]any)["template"].(map[string]any)
	container := template["spec"].(map[string]any)["containers"].([]any)[0].(map[string]any)
	container["image"] = image
	return object
}

func dbScope(namespace string) Scope {
	return Scope{Deployment: "bank", Namespace: namespace, Region: "r1", Pools: []string{"db"}, Container: "db"}
}

// applyAs applies an object as some other tool does (kubectl apply --server-side).
func applyAs(t *testing.T, c *Cluster, object map[string]any, manager string, force bool) {
	t.Helper()
	target, err := c.target(t.Context(), object, "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.patch(t.Context(), target, target.object, metav1.ApplyOptions{FieldManager: manager, Force: force})
	if err != nil {
		t.Fatal(err)
	}
}
