package containers

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/planner"
)

// TestByHand brings the rendered overlays up with kubectl alone; quorate then finds its deployment, and
// has nothing to change but who owns what, the hold, and its own records. Here the clusters' own DNS
// finds the authority, by a stub-domain.
func TestByHand(t *testing.T) {
	t.Parallel()
	d := newDeployment(t, "byhand", 54)
	d.write(func(s *settings) { s.PodDNS = "stubDomain" })
	rendered := filepath.Join(d.dir, "rendered")
	d.expect(0, "render", "-o", rendered)
	for _, c := range d.settings.Clusters {
		d.stubDomain(c)
		if r := d.fleet.kubectl(t, c.Name, "apply", "-k", filepath.Join(rendered, "overlays", c.Name)); r.Code != 0 {
			t.Fatalf("kubectl apply -k in %s: %s", c.Name, r.Stderr)
		}
	}
	d.expect(0, "dns", "credentials")
	eventually(t, "the members found each other and are ready", 2*time.Minute, func() string { return d.unhealthy("ap1") + d.unready() })
	d.bookkeepingAlone()
	d.followsANewAddress()
}

// stubDomain makes the cluster's DNS ask the authority for the zone, as its administrator would, until
// the test ends.
func (d *deployment) stubDomain(c clusterSettings) {
	d.t.Helper()
	maps := d.fleet.clients[c.Name].CoreV1().ConfigMaps(metav1.NamespaceSystem)
	corefile, err := maps.Get(d.t.Context(), "coredns", metav1.GetOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	former := corefile.Data["Corefile"]
	change := func(text string) {
		corefile.Data["Corefile"] = text
		if corefile, err = maps.Update(d.t.Context(), corefile, metav1.UpdateOptions{}); err != nil {
			d.t.Fatal(err)
		}
		if r := d.fleet.kubectl(d.t, c.Name, "rollout", "restart", "deployment/coredns", "-n", metav1.NamespaceSystem); r.Code != 0 {
			d.t.Fatal(r.Stderr)
		}
		if r := d.fleet.kubectl(d.t, c.Name, "rollout", "status", "deployment/coredns", "-n", metav1.NamespaceSystem, "--timeout", "60s"); r.Code != 0 {
			d.t.Fatal(r.Stderr)
		}
	}
	change(fmt.Sprintf("%s.db.example.com:53 {\n    errors\n    forward . %s\n}\n%s", d.settings.Name, c.DNSServer, former))
}

// bookkeepingAlone: what a plan after `kubectl apply -k` may hold, and that running it restarts nothing.
func (d *deployment) bookkeepingAlone() {
	d.t.Helper()
	uids := d.uids()
	plan := d.plan()
	d.t.Logf("the plan after kubectl apply -k:\n%s", d.expect(0, "plan").Stdout)
	if s := plan.Summary; s.Create+s.Update+s.Delete+s.Disruptive+s.Added != 0 {
		d.t.Errorf("the plan would change objects or replicas: %+v", s)
	}
	for _, change := range plan.Objects {
		if change.Action != planner.ActionTakeOver {
			d.t.Errorf("%s %s in %s, want only a change of ownership", change.Action, change.Object, change.Cluster)
		}
	}
	bookkeeping := []planner.Kind{planner.KindNamespace, planner.KindApply, planner.KindPartition, planner.KindHook}
	for _, step := range plan.Steps {
		if !slices.Contains(bookkeeping, step.Kind) {
			d.t.Errorf("%s would change more than ownership, the hold and the records: %s", step.ID, step.Summary)
		}
	}
	d.apply()
	if after := d.uids(); after != uids {
		d.t.Errorf("pods were replaced: %s before, %s after", uids, after)
	}
	d.expectEmpty()
}

// unready names the replicas whose pods are not ready.
func (d *deployment) unready() string {
	d.t.Helper()
	var names []string
	for _, cluster := range clusterNames {
		pod, err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).Get(d.t.Context(), d.pod(), metav1.GetOptions{})
		if err != nil || !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			names = append(names, cluster+" is not ready")
		}
	}
	return strings.Join(names, ", ")
}

// uids of all replicas' pods, in one text.
func (d *deployment) uids() string {
	d.t.Helper()
	var all []string
	for _, cluster := range clusterNames {
		pod, err := d.fleet.clients[cluster].CoreV1().Pods(d.settings.Name).Get(d.t.Context(), d.pod(), metav1.GetOptions{})
		if err != nil {
			d.t.Fatal(err)
		}
		all = append(all, string(pod.UID))
	}
	return strings.Join(all, " ")
}

// followsANewAddress: a member that comes back at another address is found by its name.
func (d *deployment) followsANewAddress() {
	d.t.Helper()
	former := d.address("us1")
	if r := d.fleet.kubectl(d.t, "us1", "delete", "pod", "-n", d.settings.Name, d.pod()); r.Code != 0 {
		d.t.Fatal(r.Stderr)
	}
	eventually(d.t, "the member is found at its new address", 90*time.Second, func() string {
		if now := d.address("us1"); now == "" || now == former {
			return "its address is " + now
		}
		return d.unhealthy("eu1") + d.unhealthy("us1")
	})
}
