package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
	"quorate.dev/quorate/planner"
)

// bundle is a StatefulSet with what belongs to it, as Kubernetes' own end-to-end tests ship it: manifests
// that were written long before, by others, for one cluster.
type bundle struct {
	name, pool, model string
	image             string         // spec.image without the tag, empty where the manifests keep theirs
	tag               string         // that runs at first
	first, then       map[string]int // replicas
	// update is the change that is rolled out: of the base, and the tag that runs afterwards.
	update, tagAfter string
	// holds are further kinds in the manifests, which must be put up and left alone.
	holds []string
}

var bundles = []bundle{
	{
		name: "cockroachdb", pool: "cockroachdb", model: "quorum-group", image: "cockroachdb/cockroach:", tag: "v24.1.0", tagAfter: "v24.2.0",
		first: map[string]int{"usw1": 1, "use1": 1, "euw1": 1}, then: map[string]int{"usw1": 2, "use1": 1, "euw1": 1},
	},
	{
		name: "etcd", pool: "etcd", model: "quorum-group", tag: "3.7.0-0", tagAfter: "3.9.9-0", holds: []string{"PodDisruptionBudget", "Deployment"},
		first: map[string]int{"usw1": 2, "use1": 1, "euw1": 0}, then: map[string]int{"usw1": 2, "use1": 1, "euw1": 1},
		update: "images: [{name: registry.k8s.io/etcd, newTag: 3.9.9-0}]\n",
	},
	{
		name: "zookeeper", pool: "zoo", model: "quorum-group", tag: "8-jre", tagAfter: "8-jre",
		first: map[string]int{"usw1": 1, "use1": 1, "euw1": 1}, then: map[string]int{"usw1": 1, "use1": 1, "euw1": 3},
		update: "patches:\n- target: {kind: StatefulSet}\n  patch: '[{\"op\": \"add\", \"path\": \"/spec/template/spec/containers/0/env\", \"value\": [{\"name\": \"ZOO_TICK\", \"value\": \"2000\"}]}]'\n",
	},
	{
		name: "cassandra", pool: "cassandra", model: "none", tag: "v13", tagAfter: "v14", holds: []string{"ReplicationController", "PodDisruptionBudget", "Deployment"},
		first: map[string]int{"usw1": 1, "use1": 1, "euw1": 1}, then: map[string]int{"usw1": 1, "use1": 2, "euw1": 1},
		update: "images: [{name: gcr.io/google-samples/cassandra, newTag: v14}]\n",
	},
}

// TestGeneric: profile generic over the StatefulSets of k8s.io/kubernetes, read from the module.
func TestGeneric(t *testing.T) {
	t.Parallel()
	module := kubernetesModule(t)
	for _, b := range bundles {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			g := newGuest(t, b, module)
			g.installs()
			g.scalesOut()
			g.updates()
			g.refusesScaleIn()
		})
	}
}

// kubernetesModule is where the sandbox's module has k8s.io/kubernetes.
func kubernetesModule(t *testing.T) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", "k8s.io/kubernetes")
	cmd.Dir = filepath.Join("..", "..", "sandbox")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &module)
	}
	if err != nil || module.Dir == "" {
		t.Fatalf("find the module k8s.io/kubernetes: %v\n%s", err, out)
	}
	return module.Dir
}

// installs: all that the manifests hold is there, the replicas are named, and nothing is left to do.
func (g *guest) installs() {
	g.t.Helper()
	g.expect(0, "validate")
	plan := g.plan()
	for _, kind := range append([]string{"StatefulSet", "Service"}, g.bundle.holds...) {
		if !slices.ContainsFunc(plan.Objects, func(o planner.ObjectChange) bool { return o.Object.Kind == kind }) {
			g.t.Errorf("the plan creates no %s", kind)
		}
	}
	if !slices.ContainsFunc(plan.Notes, func(n string) bool { return strings.Contains(n, "podManagementPolicy: Parallel") }) && g.ordered() {
		g.t.Errorf("the plan does not say that replicas wait for one another: %q", plan.Notes)
	}
	g.apply()
	g.expectSettled()
	g.expectEmpty()
}

// ordered: some cluster starts several replicas one after the other.
func (g *guest) ordered() bool {
	return slices.Max(slices.Collect(maps.Values(g.settings.Replicas))) > 1
}

// scalesOut: replicas are added, none restarts.
func (g *guest) scalesOut() {
	g.t.Helper()
	g.quiet()
	recorded := podwatch.Record(g.t, g.sandbox.clients, g.settings.Name)
	settled := g.replicas()
	g.write(func(s *settings) { s.Replicas = maps.Clone(g.bundle.then) })
	g.apply()
	recorded.Close()
	for _, cluster := range clusterNames {
		for _, e := range recorded.Events(cluster) {
			if !e.Up && slices.Contains(settled, cluster+"/"+e.Pod) {
				g.t.Errorf("%s/%s went down during a scale-out", cluster, e.Pod)
			}
		}
	}
	g.expectSettled()
	g.expectEmpty()
}

// updates: one replica at a time over all clusters, and the plan says why.
func (g *guest) updates() {
	g.t.Helper()
	g.quiet()
	before := len(g.journals())
	recorded := podwatch.Record(g.t, g.sandbox.clients, g.settings.Name)
	g.kustomization(g.bundle.update)
	g.write(func(s *settings) { s.Image = g.bundle.tagAfter })
	g.apply()
	recorded.Close()
	if order := recorded.Judge(g.t, g.journals()[before:]); !slices.Equal(order, g.replicas()) {
		g.t.Errorf("replicas were updated in the order %v, want %v", order, g.replicas())
	}
	g.expectSettled()
	g.expectEmpty()
}

func (g *guest) refusesScaleIn() {
	g.t.Helper()
	g.write(func(s *settings) { s.Replicas["use1"]-- })
	if r := g.expect(12, "apply", "--auto-approve"); !strings.Contains(r.stdout, "scale-in") {
		g.t.Errorf("the refusal is not named:\n%s%s", r.stdout, r.stderr)
	}
	g.write(func(s *settings) { s.Replicas["use1"]++ })
	g.expectEmpty()
}
