package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const stubCorefile = ".:53 {\n    errors\n    kubernetes cluster.local\n    forward . /etc/resolv.conf\n    loop\n}\n"

// systemConfig makes a ConfigMap of kube-system until the test ends.
func (b *bank) systemConfig(cluster, name string, data map[string]string) {
	b.t.Helper()
	api := b.sandbox.clients[cluster].CoreV1().ConfigMaps("kube-system")
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}
	if _, err := api.Create(b.t.Context(), object, metav1.CreateOptions{}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := api.Delete(context.WithoutCancel(b.t.Context()), name, metav1.DeleteOptions{}); err != nil {
			b.t.Error(err)
		}
	})
}

// system is one key of a ConfigMap of kube-system; "" where there is none.
func (b *bank) system(cluster, name, key string) string {
	b.t.Helper()
	object, err := b.sandbox.clients[cluster].CoreV1().ConfigMaps("kube-system").Get(b.t.Context(), name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		b.t.Fatal(err)
	}
	return object.Data[key]
}

// TestStub writes the entry into three flavours of DNS with exactly the rights that are printed for it, tells when
// another hand was there, and takes it out again.
func TestStub(t *testing.T) {
	t.Parallel()
	admin := newBank(t, sandbox(t, "gate-on"), "stub")
	admin.write(func(*settings) {})
	admin.makesNamespaces()
	custom := stubCorefile + "import custom/*.server\n"
	admin.systemConfig("usw1", "coredns", map[string]string{"Corefile": stubCorefile})
	admin.systemConfig("use1", "coredns", map[string]string{"Corefile": custom})
	admin.systemConfig("euw1", "kube-dns", map[string]string{"stubDomains": `{"example.org": ["192.0.2.1"]}`})
	printed := admin.grant("dns-stub", "stub-user")
	b := *admin
	var record *recorder
	b.sandbox, record = admin.sandbox.as(t, "stub-user")
	if r := b.expect(1, "dns", "stub", "--to", "10.0.0.53", "--check"); strings.Count(r.stdout, "absent") != 3 {
		t.Errorf("checked:\n%s%s", r.stdout, r.stderr)
	}
	if r := b.expect(0, "dns", "stub", "--to", "10.0.0.53"); strings.Count(r.stdout, "    forward . 10.0.0.53") != 2 || len(record.wrote) > 0 {
		t.Errorf("shown:\n%s%s\nwrote: %q", r.stdout, r.stderr, record.wrote)
	}
	b.expect(0, "dns", "stub", "--to", "10.0.0.53", "--apply", "--auto-approve")
	b.expect(0, "dns", "stub", "--to", "10.0.0.53", "--check")
	written := b.system("usw1", "coredns", "Corefile")
	if !strings.HasPrefix(written, stubCorefile) || b.system("use1", "coredns", "Corefile") != custom ||
		!strings.Contains(b.system("use1", "coredns-custom", "quorate-stub.server"), "forward . 10.0.0.53") ||
		b.system("euw1", "kube-dns", "stubDomains") != `{"example.org": ["192.0.2.1"],"stub.db.example.com": ["10.0.0.53"]}` {
		t.Errorf("usw1:\n%s\neuw1: %s", written, b.system("euw1", "kube-dns", "stubDomains"))
	}
	admin.editStub(strings.Replace(written, "cache 5", "cache 500", 1))
	b.expect(12, "dns", "stub", "--to", "10.0.0.53")
	if r := b.expect(1, "dns", "stub", "--to", "10.0.0.53", "--check"); !strings.Contains(r.stdout, "usw1  edited") || strings.Count(r.stdout, "present") != 2 {
		t.Errorf("edited by another hand:\n%s", r.stdout)
	}
	b.expect(12, "dns", "stub", "--remove", "--apply", "--auto-approve")
	b.expect(0, "dns", "stub", "--remove", "--apply", "--auto-approve", "--force")
	if b.system("usw1", "coredns", "Corefile") != stubCorefile || b.system("use1", "coredns-custom", "quorate-stub.server") != "" ||
		b.system("euw1", "kube-dns", "stubDomains") != `{"example.org": ["192.0.2.1"]}` {
		t.Error("something of the entry is left")
	}
	admin.editStub(stubCorefile + "stub.db.example.com {\n    whoami\n}\n")
	if r := b.expect(12, "dns", "stub", "--to", "10.0.0.53", "--apply", "--auto-approve"); !strings.Contains(r.stdout, "Corefile, line 7") {
		t.Errorf("a foreign block:\n%s%s", r.stdout, r.stderr)
	}
	left := map[string]int{}
	for _, cluster := range clusterNames {
		for _, right := range record.unused(cluster, printed[cluster].rights()) {
			left[right]++
		}
	}
	for right, clusters := range left {
		if clusters == len(clusterNames) {
			t.Errorf("printed, and used in no cluster: %s", right)
		}
	}
	if err := admin.sandbox.clients["use1"].CoreV1().ConfigMaps("kube-system").Delete(t.Context(), "coredns-custom", metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// editStub writes the Corefile of usw1 as another hand would.
func (b *bank) editStub(text string) {
	b.t.Helper()
	api := b.sandbox.clients["usw1"].CoreV1().ConfigMaps("kube-system")
	object, err := api.Get(b.t.Context(), "coredns", metav1.GetOptions{})
	if err == nil {
		object.Data["Corefile"] = text
		_, err = api.Update(b.t.Context(), object, metav1.UpdateOptions{})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
