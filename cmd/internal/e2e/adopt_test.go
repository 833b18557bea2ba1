package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
)

// stray is a database that others made, and that quorate takes over.
type stray struct {
	name, pool string
	manifests  string   // below the module's manifests, or a file of testdata/adopt
	manager    string   // of the fields: kubectl's own by client-side apply, or a server-side one
	profile    string   // that is to be recognised
	flags      []string // of adopt
	image      string   // with the tag that it runs
	after      string   // the tag of the upgrade
}

var strays = []stray{
	{name: "cockroachdb", pool: "cockroachdb", manager: "kubectl-client-side-apply", profile: "generic", image: "cockroachdb/cockroach:latest-v24.1", after: "v24.2.0"},
	{name: "cassandra", pool: "cassandra", manager: "kubectl-client-side-apply", profile: "generic", image: "gcr.io/google-samples/cassandra:v13", after: "v14"},
	{name: "etcd", pool: "etcd", manager: "kubectl-client-side-apply", profile: "generic", flags: []string{"--model", "quorum-group"}, image: "registry.k8s.io/etcd:", after: "3.9.9-0"},
	{name: "zookeeper", pool: "zoo", manager: "kubectl-client-side-apply", profile: "generic", flags: []string{"--model", "quorum-group"}, image: "openjdk:8-jre", after: "9-jre"},
	{name: "multiregion", pool: "cockroachdb", manifests: "multiregion.yaml", manager: "kubectl-client-side-apply", profile: "cockroachdb", image: "cockroachdb/cockroach:v25.4.0", after: "v25.4.1"},
	{name: "helm", pool: "bank-cockroachdb", manifests: "helm.yaml", manager: "helm", profile: "cockroachdb", image: "cockroachdb/cockroach:v25.4.0", after: "v25.4.1"},
}

// TestAdopt: databases that others made are taken over without a restart, have nothing left to do then, and are
// updated one replica at a time.
func TestAdopt(t *testing.T) {
	t.Parallel()
	module := kubernetesModule(t)
	h := sandbox(t, "gate-on")
	for _, s := range strays {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			a := newAdopted(t, h, s)
			a.made(module)
			uids := a.uids()
			a.adopts()
			if now := a.uids(); !maps.Equal(uids, now) {
				t.Fatalf("pods changed: %v, then %v", uids, now)
			}
			a.updates()
		})
	}
}

// adopted is a stray under quorate's care.
type adopted struct {
	*bank
	stray
	namespaces map[string]string // by cluster
}

func newAdopted(t *testing.T, h *sandboxHandle, s stray) *adopted {
	t.Helper()
	a := &adopted{stray: s, namespaces: map[string]string{}, bank: &bank{
		t: t, sandbox: h, dir: filepath.Join(t.TempDir(), "adopted"), settings: settings{Name: "adopted-" + s.name, Replicas: map[string]int{}},
	}}
	for _, cluster := range clusterNames {
		a.namespaces[cluster] = "stray-" + s.name
		if s.name == "multiregion" { // a namespace for each region, as the scripts have it
			a.namespaces[cluster] += "-" + cluster
		}
		a.settings.Replicas[cluster] = 1
	}
	return a
}

// made puts the database up as others do, and waits until it serves.
func (a *adopted) made(module string) {
	a.t.Helper()
	for _, cluster := range clusterNames {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: a.namespaces[cluster]}}
		if _, err := a.sandbox.clients[cluster].CoreV1().Namespaces().Create(a.t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			a.t.Fatal(err)
		}
		apply := []string{"apply", "-f", "-"}
		if a.manager == "helm" {
			apply = append(apply, "--server-side", "--field-manager", "helm")
		}
		a.kubectl(cluster, a.manifest(module, cluster), apply...)
	}
	if a.profile == "cockroachdb" {
		a.await("running", func(pod corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
		a.kubectl("use1", "", "exec", a.pool+"-0", "--", "cockroach", "init", "--insecure", "--host=localhost")
	}
	a.await("ready", func(pod corev1.Pod) bool { return !unsettled(pod) })
}

// manifest is what is applied in one cluster.
func (a *adopted) manifest(module, cluster string) string {
	a.t.Helper()
	files := []string{filepath.Join("testdata", "adopt", a.manifests)}
	if a.manifests == "" {
		files = nil
		for _, name := range []string{"service.yaml", "statefulset.yaml", "pdb.yaml"} {
			file := filepath.Join(module, "test/e2e/testing-manifests/statefulset", a.stray.name, name)
			if _, err := os.Stat(file); err == nil {
				files = append(files, file)
			}
		}
	}
	var joins []string
	for _, c := range clusterNames {
		joins = append(joins, a.pool+"-0."+a.pool+"."+a.namespaces[c]+".svc.cluster.local:26257")
	}
	var docs []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			a.t.Fatal(err)
		}
		docs = append(docs, strings.NewReplacer(
			"NAMESPACE", a.namespaces[cluster], "JOIN", strings.Join(joins, ","), "REGION", cluster, "replicas: 3", "replicas: 1",
		).Replace(string(text)))
	}
	return strings.Join(docs, "\n---\n")
}

// kubectl runs the sandbox's own kubectl.
func (a *adopted) kubectl(cluster, stdin string, args ...string) string {
	a.t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		a.t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(cache, "quorate", "bin", "v*", "kubectl"))
	if err != nil || len(found) == 0 {
		a.t.Fatalf("find the sandbox's kubectl: %v", err)
	}
	cmd := exec.CommandContext(a.t.Context(), found[0], append([]string{"--kubeconfig", a.sandbox.kubeconfig, "--context", cluster, "-n", a.namespaces[cluster]}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := subprocess.Output(cmd)
	if err != nil {
		a.t.Fatal(err)
	}
	return out
}

// pods are those of the StatefulSet, by cluster.
func (a *adopted) pods(ctx context.Context) (map[string]corev1.Pod, error) {
	out := map[string]corev1.Pod{}
	for _, cluster := range clusterNames {
		list, err := a.sandbox.clients[cluster].CoreV1().Pods(a.namespaces[cluster]).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, pod := range list.Items {
			if pod.Name == a.pool+"-0" {
				out[cluster] = pod
			}
		}
	}
	return out, nil
}

func (a *adopted) await(what string, holds func(corev1.Pod) bool) {
	a.t.Helper()
	err := wait.PollUntilContextTimeout(a.t.Context(), 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		pods, err := a.pods(ctx)
		return len(pods) == len(clusterNames) && !slices.ContainsFunc(slices.Collect(maps.Values(pods)), func(p corev1.Pod) bool { return !holds(p) }), err
	})
	if err != nil {
		a.t.Fatalf("waiting until every pod of %s is %s: %v", a.stray.name, what, err)
	}
}

func (a *adopted) uids() map[string]string {
	a.t.Helper()
	pods, err := a.pods(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	out := map[string]string{}
	for cluster, pod := range pods {
		out[cluster] = string(pod.UID)
	}
	return out
}

// adopts: shown first, then run; then there is nothing to do, by the same command too, and the record says which database it is.
func (a *adopted) adopts() {
	a.t.Helper()
	args := append([]string{"adopt", "--name", a.settings.Name, "--zone", a.settings.Name + ".db.example.com", "--output-dir", a.dir}, a.flags...)
	for _, cluster := range clusterNames {
		args = append(args, "--cluster", cluster+"="+cluster+"@"+map[string]string{"usw1": "us-west1", "use1": "us-east1", "euw1": "europe-west1"}[cluster],
			"--namespace", cluster+"="+a.namespaces[cluster])
	}
	shown := a.expect(0, args...) // no terminal: nothing is approved
	if !strings.Contains(shown.stderr, "nothing was changed") || !strings.Contains(shown.stdout, a.manager) {
		a.t.Errorf("adopt does not show what it takes from %s:\n%s%s", a.manager, shown.stdout, shown.stderr)
	}
	a.expect(0, append(args, "--auto-approve")...)
	if r := a.expect(0, append(args, "--auto-approve")...); !strings.Contains(r.stdout, "Nothing to do") {
		a.t.Errorf("adopted a second time it has something to do:\n%s", r.stdout)
	}
	text, err := os.ReadFile(a.file())
	if err != nil || !strings.Contains(string(text), "profile: "+a.profile+"\n") {
		a.t.Errorf("the topology has not profile %s (%v):\n%s", a.profile, err, text)
	}
	for _, cluster := range clusterNames {
		record, err := a.sandbox.clients[cluster].CoreV1().ConfigMaps(a.namespaces[cluster]).Get(a.t.Context(), "quorate-"+a.settings.Name, metav1.GetOptions{})
		if err != nil {
			a.t.Fatal(err)
		}
		if db := record.Data["database.json"]; !strings.Contains(db, `"installed"`) || strings.Contains(db, `"clusterID"`) != (a.profile == "cockroachdb") {
			a.t.Errorf("%s: the record says of the database: %s", cluster, db)
		}
		set, err := a.sandbox.clients[cluster].AppsV1().StatefulSets(a.namespaces[cluster]).Get(a.t.Context(), a.pool, metav1.GetOptions{})
		if err != nil {
			a.t.Fatal(err)
		}
		if slices.ContainsFunc(set.ManagedFields, func(e metav1.ManagedFieldsEntry) bool { return e.Subresource == "" && e.Manager == a.manager }) {
			a.t.Errorf("%s: %s owns fields of the StatefulSet still", cluster, a.manager)
		}
	}
}

// updates: the image is changed in the topology, and one replica after the other moves.
func (a *adopted) updates() {
	a.t.Helper()
	before := len(a.journals())
	text, err := os.ReadFile(a.file())
	if err != nil {
		a.t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "  image: "+a.image):
			lines[i] = line[:strings.LastIndex(line, ":")+1] + a.after
		case line == "  regions:":
			lines[i] = "  rollout: {soak: 100ms, canary: {replicas: 1, soak: 200ms}, gateInterval: 300ms, timeout: 60s}\n" + line
		}
	}
	if err := os.WriteFile(a.file(), []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		a.t.Fatal(err)
	}
	shared := a.namespaces["usw1"] == a.namespaces["use1"]
	var recorded *podwatch.Recorder
	if shared {
		recorded = podwatch.Record(a.t, a.sandbox.clients, a.namespaces["usw1"])
	}
	uids := a.uids()
	a.apply()
	if shared {
		recorded.Close()
		var want []string
		for _, cluster := range clusterNames {
			want = append(want, fmt.Sprintf("%s/%s-0", cluster, a.pool))
		}
		if order := recorded.Judge(a.t, a.journals()[before:]); !slices.Equal(order, want) {
			a.t.Errorf("replicas were updated in the order %v, want %v", order, want)
		}
	}
	for cluster, uid := range a.uids() {
		if uid == uids[cluster] {
			a.t.Errorf("%s: the replica was not updated", cluster)
		}
	}
	a.settings.Image = a.after
	a.expectSettled()
}
