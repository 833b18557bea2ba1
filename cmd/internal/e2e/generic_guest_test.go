package e2e

import (
	"bytes"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"text/template"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// guest is a deployment of a bundle.
type guest struct {
	*bank
	bundle bundle
}

const guestTopology = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: {{.Name}}}
spec:
  profile: generic
  base: ./base
{{- if .Repository}}
  image: {{.Repository}}{{.Image}}
{{- end}}
  survive: {model: {{.Model}}}
  dns: {zone: {{.Name}}.db.example.com, ttl: 5s, publish: [{serve: {listen: "127.0.0.1:5300"}}]}
  rollout: {order: [us-west1, us-east1, europe-west1], soak: 100ms, canary: {replicas: 1, soak: 200ms}, timeout: 60s}
  regions:
    - {name: us-east1, clusters: [{name: use1, pools: { {{.Pool}}: {{.Replicas.use1}} }}]}
    - {name: us-west1, clusters: [{name: usw1, pools: { {{.Pool}}: {{.Replicas.usw1}} }}]}
    - {name: europe-west1, clusters: [{name: euw1, pools: { {{.Pool}}: {{.Replicas.euw1}} }}]}
`

// newGuest puts the bundle's manifests into a base directory, untouched, beside a kustomization that lists them.
func newGuest(t *testing.T, b bundle, module string) *guest {
	t.Helper()
	g := &guest{bundle: b, bank: &bank{t: t, sandbox: sandbox(t, "gate-on"), dir: t.TempDir(), settings: settings{
		Name: "guest-" + b.name, Image: b.tag, Replicas: maps.Clone(b.first),
	}}}
	manifests, err := filepath.Glob(filepath.Join(module, "test/e2e/testing-manifests/statefulset", b.name, "*.yaml"))
	if err != nil || len(manifests) < 2 {
		t.Fatalf("the module's manifests of %s: %v, %v", b.name, manifests, err)
	}
	if err := os.Mkdir(filepath.Join(g.dir, "base"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, manifest := range manifests {
		text, err := os.ReadFile(manifest)
		if err != nil {
			t.Fatal(err)
		}
		g.put(filepath.Base(manifest), text)
	}
	g.kustomization("")
	g.write(func(*settings) {})
	return g
}

func (g *guest) put(name string, text []byte) {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, "base", name), text, 0o600); err != nil {
		g.t.Fatal(err)
	}
}

// kustomization lists the manifests and changes them.
func (g *guest) kustomization(change string) {
	g.t.Helper()
	files, err := filepath.Glob(filepath.Join(g.dir, "base", "*.yaml"))
	if err != nil {
		g.t.Fatal(err)
	}
	text := "resources:\n"
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" {
			text += "- " + name + "\n"
		}
	}
	g.put("kustomization.yaml", []byte(text+change))
}

// write changes the topology file.
func (g *guest) write(change func(*settings)) {
	g.t.Helper()
	change(&g.settings)
	var text bytes.Buffer
	err := template.Must(template.New("topology").Parse(guestTopology)).Execute(&text, struct {
		settings
		Repository, Model, Pool string
	}{g.settings, g.bundle.image, g.bundle.model, g.bundle.pool})
	if err == nil {
		err = os.WriteFile(g.file(), text.Bytes(), 0o600)
	}
	if err != nil {
		g.t.Fatal(err)
	}
}

// replicas are all of them, in the order in which an update takes them.
func (g *guest) replicas() []string {
	var out []string
	for _, cluster := range clusterNames {
		for ordinal := g.settings.Replicas[cluster] - 1; ordinal >= 0; ordinal-- {
			out = append(out, cluster+"/"+g.bundle.pool+"-"+strconv.Itoa(ordinal))
		}
	}
	return out
}

// quiet waits until no pod of the namespace comes or goes: those of Deployments are nobody's step.
func (g *guest) quiet() {
	g.t.Helper()
	err := wait.PollUntilContextTimeout(g.t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, client := range g.sandbox.clients {
			pods, err := client.CoreV1().Pods(g.settings.Name).List(ctx, metav1.ListOptions{})
			if err != nil || slices.ContainsFunc(pods.Items, unsettled) {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		g.t.Fatalf("waiting until every pod of %s is ready: %v", g.settings.Name, err)
	}
}

func unsettled(pod corev1.Pod) bool {
	return pod.DeletionTimestamp != nil || !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
