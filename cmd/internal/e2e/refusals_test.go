package e2e

import (
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What may never be an edit of the file is refused with exit 12, and changes nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "refused")
	b.apply()
	written, err := os.ReadFile(b.file())
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]struct{ old, new, code string }{
		"fewer replicas":           {"{name: use1, replicas: 3", "{name: use1, replicas: 2", "scale-in"},
		"another name":             {"metadata: {name: refused}\nspec:\n", "metadata: {name: renamed}\nspec:\n  namespace: refused\n", "other-deployment"},
		"another zone":             {"zone: refused.db.example.com", "zone: other.db.example.com", "zone-changed"},
		"another namespace":        {"spec:\n", "spec:\n  namespace: elsewhere\n", "dropped-namespace"},
		"a renamed cluster":        {"{name: euw1, replicas", "{name: euw9, context: euw1, replicas", "dropped-cluster"},
		"a context of another one": {"{name: euw1, replicas", "{name: euw1, context: use1, namespace: stray, replicas", "context-in-two-regions"},
		"contexts swapped": {
			"{name: use1, replicas: 3, zones: [us-east1-a, us-east1-b, us-east1-c]}]\n    - name: us-west1\n      clusters: [{name: usw1,",
			"{name: use1, context: usw1, replicas: 3, zones: [us-east1-a, us-east1-b, us-east1-c]}]\n    - name: us-west1\n      clusters: [{name: usw1, context: use1,", "wrong-cluster",
		},
		"a promise not kept": {"voters: 5}", "voters: 5, whileUpdating: region}", "update-promise-not-kept"},
	} {
		text := strings.Replace(string(written), edit.old, edit.new, 1)
		if text == string(written) {
			t.Fatalf("%s: nothing was edited", name)
		}
		if err := os.WriteFile(b.file(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		want := 12
		if edit.code == "context-in-two-regions" || edit.code == "update-promise-not-kept" {
			want = 10 // the topology alone shows it
		}
		if r := b.expect(want, "plan"); !strings.Contains(r.stdout+r.stderr, edit.code) {
			t.Errorf("%s: the refusal %s is not named:\n%s%s", name, edit.code, r.stdout, r.stderr)
		}
		b.expect(want, "apply", "--auto-approve")
	}
	b.write(func(*settings) {})
	b.expectSettled()
	b.expectEmpty()
	pods, err := b.sandbox.clients["use1"].CoreV1().Pods("").List(t.Context(), metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance in (renamed)"})
	if err != nil || len(pods.Items) != 0 {
		t.Errorf("%d pods of a refused plan, %v", len(pods.Items), err)
	}
}
