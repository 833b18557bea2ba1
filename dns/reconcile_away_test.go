package dns_test

import (
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
	if len(plan.Sets) != 0 || len(plan.Edited) != 1 {
		t.Errorf("of a cluster that was not read %+v changes, edited %+v", plan.Sets, plan.Edited)
	}
}
