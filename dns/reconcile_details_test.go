package dns_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// A seed name beyond those that there are goes, as does the name of a declared replica that a plan retires.
func TestReconcileDeletesWhatIsOver(t *testing.T) {
	zone := append(published(t, allPods()), ours("join-7.bank.db.example.com.", "", "10.1.0.4")...)
	w := wanted(slices.Delete(allPods(), 1, 2))
	w.Retired = []regions.ReplicaID{id("use1", 1)}
	got := summary(reconcile(t, w, zone, dns.Options{}))
	for _, want := range []string{"delete join-7.bank.db.example.com.", "delete bank-1.use1.bank.db.example.com."} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in:\n%s", want, got)
		}
	}
}

// An edit at a name that cannot be published now is not taken for ours: its ownership goes on telling what was written.
func TestReconcileLeavesOwnershipOfObstacles(t *testing.T) {
	const host = "bank-0.use1.bank.db.example.com."
	zone := published(t, allPods())
	for i, s := range zone {
		if s.Name == host && s.Type == dns.TypeA {
			zone[i].Values = []string{"192.0.2.66"}
		}
	}
	zone = append(zone, set("use1.bank.db.example.com.", dns.TypeNS, 60, "ns.elsewhere.net."))
	plan := reconcile(t, wanted(allPods()), zone, dns.Options{})
	if len(plan.Sets) != 0 || len(plan.Edited) != 1 || !plan.Edited[0].Stays {
		t.Errorf("beside an obstacle %+v changes, edited %+v", plan.Sets, plan.Edited)
	}
}

// The same where the obstacle is how many records would come together.
func TestReconcileLeavesOwnershipOfLargeSets(t *testing.T) {
	topology := bank()
	topology.Spec.Regions[1].Clusters[0].Replicas, topology.Spec.Regions[1].Clusters[1].Replicas = 60, 60
	pods := func(cluster string, second int) (out []dns.Endpoint) {
		for i := range 60 {
			out = append(out, pod(cluster, i, fmt.Sprint(cluster, i), fmt.Sprintf("10.%d.0.%d", second, i+1)))
		}
		return out
	}
	const region = "europe-west1.bank.db.example.com."
	zone := made(t, nil, reconcile(t, dns.WantedOf(topology, nil, pods("euw1", 2), nil), nil, dns.Options{}))
	for i, s := range zone {
		if s.Name == region && s.Type == dns.TypeA {
			zone[i].Values = s.Values[1:]
		}
	}
	plan := reconcile(t, dns.WantedOf(topology, nil, pods("euw2", 3), []string{"euw1"}), zone, dns.Options{})
	if i := slices.IndexFunc(plan.Sets, func(s dns.ChangeSet) bool { return s.Name == region }); i >= 0 {
		t.Errorf("the region's name changes: %+v", plan.Sets[i])
	}
}

// PTR records go with every restart, however many.
func TestReconcileDoesNotCapReverseNames(t *testing.T) {
	const reverse = "10.in-addr.arpa."
	in := func(pods []dns.Endpoint) dns.Wanted { return wanted(pods).InReverse([]string{reverse})[reverse] }
	var pods []dns.Endpoint
	for i := range 12 {
		pods = append(pods, pod("use1", i, fmt.Sprint(i), fmt.Sprintf("10.1.1.%d", i)))
	}
	zone := made(t, nil, reconcile(t, in(pods), nil, dns.Options{}))
	if got := summary(reconcile(t, in(nil), zone, dns.Options{})); strings.Count(got, "delete ") != 12 {
		t.Errorf("twelve restarts:\n%s", got)
	}
}

// TestKeepUnreadOfSharedNames: what of a name that spans clusters may be changed while euw1 is not read.
func TestKeepUnreadOfSharedNames(t *testing.T) {
	const region, service = "europe-west1.bank.db.example.com.", "_sql._tcp.europe-west1.bank.db.example.com."
	held := []dns.RecordSet{
		set("bank-0.euw2.bank.db.example.com.", dns.TypeA, 15, "10.3.0.4"),
		set(region, dns.TypeA, 15, "10.2.0.4", "10.3.0.4"), // the own name of 10.2.0.4 was deleted by somebody
		set(service, dns.TypeSRV, 30, "0 100 1 bank-0.euw1.bank.db.example.com.", "0 100 1 bank-0.euw2.bank.db.example.com.", "0 100 1 elsewhere.net."),
	}
	change := func(action dns.Action, name string, kind dns.Type, ttl int, after ...string) dns.Change {
		i := slices.IndexFunc(held, func(s dns.RecordSet) bool { return s.Name == name })
		return dns.Change{Action: action, Name: name, Type: kind, TTL: ttl, Before: held[i].Values, After: after}
	}
	tests := map[string]struct {
		change dns.Change
		want   string // action, lifetime, values; empty: nothing changes
	}{
		"an address that nobody explains stays": {change(dns.Update, region, dns.TypeA, 15, "10.3.0.9"), "update 15 [10.2.0.4 10.3.0.9]"},
		"not all of it goes":                    {change(dns.Delete, region, dns.TypeA, 0), "update 15 [10.2.0.4]"},
		"another lifetime":                      {change(dns.Update, region, dns.TypeA, 20, "10.3.0.4"), "update 20 [10.2.0.4 10.3.0.4]"},
		"nothing else":                          {change(dns.Update, region, dns.TypeA, 15, "10.3.0.4"), ""},
		"a target that nobody explains stays":   {change(dns.Delete, service, dns.TypeSRV, 0), "update 30 [0 100 1 bank-0.euw1.bank.db.example.com. 0 100 1 elsewhere.net.]"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			for _, c := range dns.KeepUnread([]dns.Change{test.change}, zone, dns.Names(bank(), nil), held, "euw1") {
				got += fmt.Sprint(c.Action, " ", c.TTL, " ", c.After)
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
