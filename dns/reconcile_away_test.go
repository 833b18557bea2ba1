package dns_test

import (
	"fmt"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
)

// While all pods of a region are away their names stay, and so does where the region's replicas are discovered: a
// negative answer may be cached for long.
func TestReconcileKeepsServicesOfAwayPods(t *testing.T) {
	zone := published(t, allPods())
	if got := summary(reconcile(t, wanted(allPods()[2:]), zone, dns.Options{})); strings.Contains(got, "delete") {
		t.Errorf("a region's pods are away, and of their names:\n%s", got)
	}
	if got := summary(reconcile(t, wanted(nil), zone, dns.Options{})); got != "" {
		t.Errorf("all pods are away, and:\n%s", got)
	}
	noPorts := dns.WantedOf(bank(), bankSlots(), allPods(), nil)
	if got := summary(reconcile(t, noPorts, zone, dns.Options{})); strings.Count(got, "delete _sql._tcp.") < 3 {
		t.Errorf("a port that is no more, its replicas there, keeps its names:\n%s", got)
	}
}

// A name of a cluster that was not read is not touched, its ownership record neither, though something is known of the
// cluster from before: an edit by hand would look like ours from then on.
func TestReconcileLeavesOwnershipOfUnread(t *testing.T) {
	zone := published(t, allPods())
	for i, s := range zone {
		if s.Name == "bank-0.use1.bank.db.example.com." && s.Type == dns.TypeA {
			zone[i].Values = []string{"192.0.2.66"}
		}
	}
	plan := reconcile(t, wanted(allPods(), "use1"), zone, dns.Options{})
	if len(plan.Sets) != 0 || len(plan.Edited) != 1 || !plan.Edited[0].Stays {
		t.Errorf("of a cluster that was not read %+v changes, edited %+v", plan.Sets, plan.Edited)
	}
	plan = reconcile(t, wanted(allPods()), zone, dns.Options{})
	if len(plan.Sets) != 1 || len(plan.Edited) != 1 || plan.Edited[0].Stays {
		t.Errorf("once it was read %+v changes, edited %+v", plan.Sets, plan.Edited)
	}
}

// What stays of a cluster that was not read counts for the size of a set that spans clusters: rather nothing than a set
// that servers refuse.
func TestReconcileCountsWhatStays(t *testing.T) {
	topology := bank()
	topology.Spec.Regions[1].Clusters[0].Replicas = 60
	topology.Spec.Regions[1].Clusters[1].Replicas = 60
	pods := func(cluster string, n, second int) (out []dns.Endpoint) {
		for i := range n {
			out = append(out, pod(cluster, i, fmt.Sprint(cluster, i), fmt.Sprintf("10.%d.0.%d", second, i+1)))
		}
		return out
	}
	first := reconcile(t, dns.WantedOf(topology, nil, pods("euw1", 60, 2), nil), nil, dns.Options{})
	zone := made(t, nil, first)
	w := dns.WantedOf(topology, nil, pods("euw2", 60, 3), []string{"euw1"})
	plan := reconcile(t, w, zone, dns.Options{})
	if text := summary(plan); !strings.Contains(text, "obstacle europe-west1.bank.db.example.com.: its A set would hold 120 records") {
		t.Errorf("60 that stay and 60 more:\n%s", text)
	}
	for _, s := range made(t, zone, plan) {
		if len(s.Values) > dns.MaxSet {
			t.Errorf("%s %s holds %d records", s.Name, s.Type, len(s.Values))
		}
	}
}

// An address that replicas of two clusters had loses its PTR record once nobody has it, and not while a cluster is unread.
func TestReconcileDeletesSharedReverseNames(t *testing.T) {
	const zone = "10.in-addr.arpa."
	in := func(endpoints []dns.Endpoint, unread ...string) dns.Wanted {
		return wanted(endpoints, unread...).InReverse([]string{zone})[zone]
	}
	both := []dns.Endpoint{pod("use1", 0, "a", "10.1.0.4"), pod("euw1", 0, "c", "10.1.0.4")}
	sets := made(t, nil, reconcile(t, in(both), nil, dns.Options{}))
	if got := table(sets); strings.Count("\n"+got, "\n4.0.1.10.in-addr.arpa. 15 PTR bank-0.euw1.bank.db.example.com.,bank-0.use1") != 1 {
		t.Fatalf("of one address in two clusters:\n%s", got)
	}
	if got := summary(reconcile(t, in(nil, "euw1"), sets, dns.Options{})); got != "" {
		t.Errorf("while a cluster is not read:\n%s", got)
	}
	if left := made(t, sets, reconcile(t, in(nil), sets, dns.Options{})); len(left) != 0 {
		t.Errorf("nobody has the address, and there is:\n%s", table(left))
	}
}
