package e2e

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"quorate.dev/quorate/cmd/internal/e2e/podwatch"
)

// What other hands do to a deployment is told by who, what and when, runs no saved plan, and
// is put back or adopted on request alone; a release and its taking back restart nobody.
func TestOtherHands(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "hands")
	counted := countRequests(t, b.sandbox)
	through := *b
	through.sandbox = counted.sandbox
	through.expect(0, "plan", "--read-only")
	if verbs := counted.verbs(); !slices.Equal(verbs, []string{"GET"}) {
		t.Errorf("before the installation a plan that only reads sent %v", verbs)
	}
	file := filepath.Join(b.dir, "offline.plan")
	b.expect(0, "plan", "--offline", "-o", file)
	b.expect(0, "apply", file) // without asking, without a terminal
	recorded := podwatch.Record(t, b.sandbox.clients, "hands")
	b.setsImage()
	b.removesObject()
	b.scales()
	b.releases()
	b.readsOnly(counted, &through)
	recorded.Close()
	for _, cluster := range clusterNames {
		for _, e := range recorded.Events(cluster) {
			if !e.Up && e.Pod != "hands-3" {
				t.Errorf("%s/%s went down", cluster, e.Pod)
			}
		}
	}
	b.expectSettled()
	b.expectEmpty()
}

// setsImage: a field set by hand makes a saved plan stale and a new one refused, and is put
// back over its manager alone.
func (b *bank) setsImage() {
	b.t.Helper()
	file := filepath.Join(b.dir, "image.plan")
	b.write(func(s *settings) { s.Soak = "301ms" })
	b.expect(0, "plan", "-o", file)
	patch := `{"spec":{"template":{"spec":{"containers":[{"name":"cockroachdb","image":"cockroachdb/cockroach:v9"}]}}}}`
	_, err := b.sandbox.clients["use1"].AppsV1().StatefulSets("hands").Patch(b.t.Context(), "hands", types.StrategicMergePatchType,
		[]byte(patch), metav1.PatchOptions{FieldManager: "somebody"})
	if err != nil {
		b.t.Fatal(err)
	}
	entries := len(b.journals())
	stale := b.expect(16, "apply", file)
	const moved = "use1: StatefulSet/hands/hands spec.template.spec.containers[cockroachdb].image was cockroachdb/cockroach:v25.4.0 and is cockroachdb/cockroach:v9 (set by \"somebody\", at "
	if !strings.Contains(stale.stderr, moved) || len(b.journals()) != entries {
		b.t.Errorf("what moved is not named, or a run began:\n%s", stale.stderr)
	}
	refused := b.expect(12, "apply", "--auto-approve", "--force-manager", "somebody-else")
	if !strings.Contains(refused.stdout, "quorate apply --force-manager somebody;") {
		b.t.Errorf("the refusal names no command:\n%s", refused.stdout)
	}
	b.expect(0, "apply", "--auto-approve", "--force-manager", "somebody")
	b.expectEmpty()
}

// removesObject: what was deleted is made again, and named.
func (b *bank) removesObject() {
	b.t.Helper()
	err := b.sandbox.clients["usw1"].PolicyV1().PodDisruptionBudgets("hands").Delete(b.t.Context(), "hands", metav1.DeleteOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	if r := b.apply(); !strings.Contains(r.stdout, "usw1: PodDisruptionBudget/hands/hands is on record and gone") {
		b.t.Errorf("the deleted object is not named:\n%s", r.stdout)
	}
	b.expectEmpty()
}

// scales: replicas made by hand are refused, with the edit that adopts them; after it they
// are the run's.
func (b *bank) scales() {
	b.t.Helper()
	sets := b.sandbox.clients["euw1"].AppsV1().StatefulSets("hands")
	scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "hands", Namespace: "hands"}, Spec: autoscalingv1.ScaleSpec{Replicas: 4}}
	if _, err := sets.UpdateScale(b.t.Context(), "hands", scale, metav1.UpdateOptions{FieldManager: "kubectl"}); err != nil {
		b.t.Fatal(err)
	}
	r := b.expect(12, "plan")
	for _, want := range []string{"was given 4 replicas by hand (replicas is owned by kubectl)", "write `replicas: 4` for euw1", b.file() + ":"} {
		if !strings.Contains(r.stdout, want) {
			b.t.Errorf("the refusal does not say %q:\n%s", want, r.stdout)
		}
	}
	b.write(func(s *settings) { s.Replicas["euw1"] = 4 })
	b.apply()
	owned := slices.ContainsFunc(b.statefulSet("euw1").ManagedFields, func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == "quorate-rollout" && strings.Contains(string(entry.FieldsV1.GetRawBytes()), "f:replicas")
	})
	if !owned {
		b.t.Error("after the edit nobody of ours owns replicas")
	}
	b.expectEmpty()
}

// partition is 0 where nobody sets it.
func partition(set *appsv1.StatefulSet) int32 {
	if rolling := set.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		return *rolling.Partition
	}
	return 0
}

func (b *bank) statefulSet(cluster string) *appsv1.StatefulSet {
	b.t.Helper()
	set, err := b.sandbox.clients[cluster].AppsV1().StatefulSets(b.settings.Name).Get(b.t.Context(), b.settings.Name, metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return set
}

// releases: the partition is handed back with all replicas there, a plan leaves it so, and a
// taking back, or a change, holds it again.
func (b *bank) releases() {
	b.t.Helper()
	b.expect(0, "release", "us-east1", "--auto-approve")
	set := b.statefulSet("use1")
	if *set.Spec.Replicas != 3 || partition(set) != 0 || b.hold("use1") != "released" || b.hold("usw1") != "held" {
		b.t.Errorf("after a release: %d replicas, partition %d, %s", *set.Spec.Replicas, partition(set), b.hold("use1"))
	}
	b.expectEmpty()
	b.waitsUntilAvailable(set)
	b.expect(0, "release", "--take-back", "use1", "--auto-approve")
	if set := b.statefulSet("use1"); *set.Spec.Replicas != 3 || partition(set) != 3 || b.hold("use1") != "held" {
		b.t.Errorf("after a taking back: %d replicas, partition %d", *set.Spec.Replicas, partition(set))
	}
	b.expectEmpty()
}

// waitsUntilAvailable waits until the controller has seen a write, and has all replicas available.
func (b *bank) waitsUntilAvailable(written *appsv1.StatefulSet) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	for {
		if set := b.statefulSet("use1"); set.Status.ObservedGeneration >= written.Generation && set.Status.AvailableReplicas == 3 {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatal("the controller did not see the release")
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (b *bank) hold(cluster string) string {
	b.t.Helper()
	for _, c := range b.status(0).Clusters {
		if c.Name == cluster {
			return c.Pools[0].Hold
		}
	}
	return "no such cluster"
}

// readsOnly: with --read-only nothing but GET reaches an API server, and the plan shows what
// the one with dry runs does.
func (b *bank) readsOnly(counted *requestCount, through *bank) {
	b.t.Helper()
	image := b.settings.Image
	b.write(func(s *settings) { s.Image = "v25.4.2" })
	var full, read struct {
		Summary  any  `json:"summary"`
		ReadOnly bool `json:"read_only"`
	}
	decode := func(text string, into any) {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			b.t.Fatal(err)
		}
	}
	decode(through.expect(0, "plan", "--read-only", "--output", "json").stdout, &read)
	if verbs := counted.verbs(); !slices.Equal(verbs, []string{"GET"}) {
		b.t.Errorf("a plan that only reads sent %v", verbs)
	}
	decode(through.expect(0, "plan", "--output", "json").stdout, &full)
	if verbs := counted.verbs(); !slices.Equal(verbs, []string{"GET", "PATCH", "may I"}) {
		b.t.Errorf("a plan with dry runs sent %v: the count is worth nothing", verbs)
	}
	if a, c := asJSON(b.t, full.Summary), asJSON(b.t, read.Summary); a != c || !read.ReadOnly || full.ReadOnly {
		b.t.Errorf("with dry runs %s, by reading %s", a, c)
	}
	b.write(func(s *settings) { s.Image = image })
	if r := through.expect(0, "plan", "--read-only"); !strings.Contains(r.stdout, "Nothing to do") || !strings.Contains(r.stdout, "Not seen: ") {
		b.t.Errorf("at rest a plan that only reads shows:\n%s", r.stdout)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
