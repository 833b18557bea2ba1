package e2e

import (
	"context"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
)

// preflight is what failed and what is in doubt, as cluster/check, sorted.
func (b *bank) preflight(code int, args ...string) (failed, doubtful []string) {
	b.t.Helper()
	var document struct {
		Format   string `json:"format_version"`
		Findings []struct{ Cluster, Check, Level, Message, Hint string }
	}
	r := b.expect(code, append([]string{"preflight", "--output", "json"}, args...)...)
	if err := json.Unmarshal([]byte(r.stdout), &document); err != nil || document.Format != "1.0" {
		b.t.Fatalf("%v, format %q:\n%s", err, document.Format, r.stdout)
	}
	for _, f := range document.Findings {
		switch f.Level {
		case "failed":
			failed = append(failed, f.Cluster+"/"+f.Check)
		case "warning":
			doubtful = append(doubtful, f.Cluster+"/"+f.Check)
		}
	}
	slices.Sort(failed)
	slices.Sort(doubtful)
	return slices.Compact(failed), slices.Compact(doubtful)
}

// What would stop an installation is found before it, by real API servers' answers; what may not be looked at is in
// doubt; and nothing is changed.
func TestPreflight(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "preflight")
	failed, doubtful := b.preflight(0)
	if want := []string{"euw1/storage-class", "use1/storage-class", "usw1/storage-class"}; len(failed) > 0 || !slices.Equal(doubtful, want) {
		t.Errorf("in a sandbox where everything is there %q failed and %q is in doubt, want %q (its volumes do not grow)", failed, doubtful, want)
	}
	written, err := os.ReadFile(b.file())
	if err != nil {
		t.Fatal(err)
	}
	use1 := b.sandbox.clients["use1"].CoreV1()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "preflight"}}
	if _, err := use1.Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	quota := &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "small"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"requests.cpu": resource.MustParse("250m"), "pods": resource.MustParse("9")}},
	}
	if _, err := use1.ResourceQuotas("preflight").Create(t.Context(), quota, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	text := string(written)
	for old, new := range map[string]string{
		"className: standard": "className: nosuch", "europe-west1-c]": "europe-west1-z]",
	} {
		text = strings.Replace(text, old, new, 1)
	}
	if err := os.WriteFile(b.file(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.expect(12, "apply", "--auto-approve"); !strings.Contains(r.stderr, "ResourceQuota small leaves 250m") || !strings.Contains(r.stderr, "--skip-preflight") {
		t.Errorf("an installation that the clusters cannot carry is not refused with why:\n%s", r.stderr)
	}
	if sets, err := b.sandbox.clients["use1"].AppsV1().StatefulSets("preflight").List(t.Context(), metav1.ListOptions{}); err != nil || len(sets.Items) > 0 {
		t.Errorf("something was installed: %v, %v", sets.Items, err)
	}
	failed, _ = b.preflight(12)
	want := []string{"euw1/storage-class", "euw1/zones", "use1/quota", "use1/storage-class", "usw1/storage-class"}
	if !slices.Equal(failed, want) {
		t.Errorf("failed: %q, want %q", failed, want)
	}
	b.preflightWithout(written)
	b.probeEnds()
}

// probeEnds: pods that look at the network are gone afterwards, whether their image cannot be had, somebody interrupts, or nobody may
// run commands in them; and that they could not look is never a success.
func (b *bank) probeEnds() {
	b.t.Helper()
	b.grant("probe", "preflight-probes")
	for user, want := range map[string]string{"preflight-probes": "does not run after 1s: ", "preflight-looks": "could not be started: cluster use1 refused"} {
		as := *b
		as.sandbox, _ = b.sandbox.as(b.t, user)
		r := as.expect(12, "preflight", "--mode", "preflight", "--probe-image", "quorate.test/quorate:broken", "--probe-timeout", "1s")
		if strings.Count(r.stdout, "network  ") != len(clusterNames) || !strings.Contains(r.stdout, want) || strings.Contains(r.stderr, "not seen to end") {
			b.t.Errorf("%s: that the network was not looked at, and why, is not said:\n%s%s", user, r.stdout, r.stderr)
		}
		b.noProbes()
	}
	p := b.start("preflight", "--probe-image", "quorate.test/quorate:broken")
	b.waitForProbes()
	if err := p.Signal(syscall.SIGINT); err != nil {
		b.t.Fatal(err)
	}
	if code := p.Wait(); code != 14 || !strings.Contains(p.Output(), "removing these pods") {
		b.t.Errorf("interrupted: exit %d, want 14\n%s", code, p.Output())
	}
	b.noProbes()
}

// probes are the Jobs and pods of probes, in all clusters and namespaces.
func (b *bank) probes(ctx context.Context) (names []string, err error) {
	chosen := metav1.ListOptions{LabelSelector: "quorate.dev/preflight=" + b.settings.Name}
	for _, cluster := range clusterNames {
		client := b.sandbox.clients[cluster]
		jobs, err := client.BatchV1().Jobs("").List(ctx, chosen)
		if err != nil {
			return nil, err
		}
		pods, err := client.CoreV1().Pods("").List(ctx, chosen)
		if err != nil {
			return nil, err
		}
		for _, job := range jobs.Items {
			names = append(names, cluster+"/job/"+job.Name)
		}
		for _, pod := range pods.Items {
			names = append(names, cluster+"/pod/"+pod.Name)
		}
	}
	return names, nil
}

func (b *bank) noProbes() {
	b.t.Helper()
	if left, err := b.probes(b.t.Context()); err != nil || len(left) > 0 {
		b.t.Errorf("of the probe there is still: %q, %v", left, err)
	}
}

// waitForProbes waits until there is a pod in every cluster.
func (b *bank) waitForProbes() {
	b.t.Helper()
	var there []string
	err := wait.PollUntilContextTimeout(b.t.Context(), 100*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (_ bool, err error) {
		there, err = b.probes(ctx)
		return len(there) == 2*len(clusterNames), err
	})
	if err != nil {
		b.t.Fatalf("waiting for the pods of the probe: %v; there is %q", err, there)
	}
}

// preflightWithout looks with exactly the rights of its mode, and with too few.
func (b *bank) preflightWithout(good []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.file(), good, 0o600); err != nil {
		b.t.Fatal(err)
	}
	for _, cluster := range []string{"usw1", "euw1"} {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "preflight"}}
		if _, err := b.sandbox.clients[cluster].CoreV1().Namespaces().Create(b.t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
	printed := b.grant("preflight", "preflight-looks")
	b.grant("read-only", "preflight-reads")
	looker, reader := *b, *b
	var record *recorder
	looker.sandbox, record = b.sandbox.as(b.t, "preflight-looks")
	reader.sandbox, _ = b.sandbox.as(b.t, "preflight-reads")
	if failed, _ := looker.preflight(12, "--mode", "preflight"); !slices.Equal(failed, []string{"use1/quota"}) {
		b.t.Errorf("with the rights of preflight failed: %q, want the quota alone", failed)
	}
	for _, cluster := range clusterNames {
		if left := record.unused(cluster, printed[cluster].rights()); len(left) > 0 || len(record.wrote) > 0 {
			b.t.Errorf("%s: printed, and never used: %q; wrote: %q", cluster, left, record.wrote)
		}
	}
	failed, doubtful := reader.preflight(12)
	for _, cluster := range clusterNames {
		if !slices.Contains(failed, cluster+"/rights") {
			b.t.Errorf("%s: that rights are missing was not found: %q", cluster, failed)
		}
		for _, check := range []string{"storage-class", "capacity", "quota", "limit-range"} {
			if !slices.Contains(doubtful, cluster+"/"+check) {
				b.t.Errorf("%s: %s could not be looked at, and that is not said: %q", cluster, check, doubtful)
			}
		}
	}
}
