package dns_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
)

// Two deployments may have one name and two zones below the one that a server has: neither touches the other's names.
// A zone that is given up is cleared by name.
func TestReconcileLeavesNamesOfOtherZones(t *testing.T) {
	staging := slices.Concat(
		ours("bank-0.use1.staging.db.example.com.", "use1", "10.7.0.1"),
		ours("us-east1.staging.db.example.com.", "", "10.7.0.1"),
		ours("bank-0.usw9.staging.db.example.com.", "usw9", "10.7.0.2"),
	)
	zone := append(published(t, allPods()), staging...)
	if got := reconcile(t, wanted(allPods()), zone, dns.Options{}); len(got.Sets)+len(got.Edited)+len(got.Kept) > 0 {
		t.Errorf("of another zone's names:\n%s%v", summary(got), got.Kept)
	}
	plan := reconcile(t, wanted(allPods()), zone, dns.Options{Forget: []string{"Staging.db.example.com", "usw9"}})
	if got := summary(plan); strings.Count(got, "delete ") != 3 || strings.Count(got, "staging") != 3 {
		t.Errorf("of a zone that is given up:\n%s", got)
	}
	if left := reconcile(t, wanted(allPods()), made(t, zone, plan), dns.Options{}); len(left.Sets) > 0 {
		t.Errorf("afterwards there is more to do:\n%s", summary(left))
	}
}

// The zone of the one may lie in that of the other, whose clusters may be called the same.
func TestReconcileLeavesNamesOfZonesWithin(t *testing.T) {
	for _, inner := range []string{"staging.bank.db.example.com.", "a.staging.bank.db.example.com."} {
		zone := slices.Concat(
			published(t, allPods()),
			ours("bank-0.use1."+inner, "use1", "10.7.0.1"), ours("use1."+inner, "use1", "10.7.0.1"), ours("us-east1."+inner, "use1", "10.7.0.1"),
			ours("europe-west1."+inner, "", "10.7.0.2", "10.7.0.3"), ours("join-0."+inner, "use1", "10.7.0.1"),
			ours("_sql._tcp."+inner, "use1"), ours("_sql._tcp.us-east1."+inner, "use1"), ours("_sql._tcp.europe-west1."+inner, ""),
		)
		for i, s := range zone { // an SRV set for each service
			if service, ok := strings.CutPrefix(s.Name, "_owner._sql."); ok && strings.HasSuffix(s.Name, inner) {
				sets := []dns.RecordSet{set("_sql."+service, dns.TypeSRV, 30, "0 100 26257 bank-0.use1."+inner)}
				owner, _ := dns.ParseOwnership(s.Values[0])
				owner.Hash = dns.HashSets(sets)
				zone[i].Values = []string{owner.Text()}
				zone = append(zone, sets...)
			}
		}
		if got := reconcile(t, wanted(allPods()), zone, dns.Options{}); len(got.Sets)+len(got.Edited) > 0 {
			t.Errorf("of names in %s:\n%s", inner, summary(got))
		}
	}
}

// Nor do they touch one another's names in a reverse zone that both write into.
func TestReconcileLeavesPointersToOtherZones(t *testing.T) {
	const reverse = "10.in-addr.arpa."
	theirs := []dns.RecordSet{set("1.0.7.10.in-addr.arpa.", dns.TypePTR, 15, "bank-0.use1.staging.db.example.com.")}
	owner := dns.Ownership{Deployment: "bank", Cluster: "use1", Hash: dns.HashSets(theirs)}
	theirs = append(theirs, set("_owner.1.0.7.10.in-addr.arpa.", dns.TypeTXT, 60, owner.Text()))
	in := func(pods []dns.Endpoint) dns.Wanted { return wanted(pods).InReverse([]string{reverse})[reverse] }
	zone := append(made(t, nil, reconcile(t, in(allPods()), nil, dns.Options{})), theirs...)
	if got := reconcile(t, in(allPods()), zone, dns.Options{}); len(got.Sets) > 0 {
		t.Errorf("of pointers into another zone:\n%s", summary(got))
	}
	if got := summary(reconcile(t, in(nil), zone, dns.Options{})); strings.Contains(got, "1.0.7.10") || strings.Count(got, "delete ") != 4 {
		t.Errorf("without any pod:\n%s", got)
	}
	for i, s := range zone {
		if s.Name == "4.0.1.10.in-addr.arpa." {
			zone[i].Values = []string{"elsewhere.net."}
		}
	}
	if got := summary(reconcile(t, in(allPods()), zone, dns.Options{})); got != "update 4.0.1.10.in-addr.arpa. elsewhere.net. → bank-0.use1.bank.db.example.com.\nedited 4.0.1.10.in-addr.arpa.\n" {
		t.Errorf("an edit by hand:\n%s", got)
	}
	moved := append(allPods(), pod("euw1", 1, "x", "10.7.0.1"))
	if got := summary(reconcile(t, in(moved), zone, dns.Options{})); !strings.Contains(got, "obstacle 1.0.7.10.in-addr.arpa.") {
		t.Errorf("an address that another deployment's pointer is of:\n%s", got)
	}
}

// A PTR record of a cluster that was not read stays, also where a pod of another cluster has the address by now.
func TestReconcileKeepsPointersOfUnread(t *testing.T) {
	const reverse = "10.in-addr.arpa."
	in := func(pods []dns.Endpoint, unread ...string) dns.Wanted {
		return wanted(pods, unread...).InReverse([]string{reverse})[reverse]
	}
	tests := map[string]struct{ before, after []dns.Endpoint }{
		"its own": {
			[]dns.Endpoint{pod("use1", 0, "a", "10.1.0.4")},
			[]dns.Endpoint{pod("euw1", 0, "c", "10.1.0.4")},
		},
		"one that it shares": {
			[]dns.Endpoint{pod("use1", 0, "a", "10.1.0.4"), pod("euw1", 0, "c", "10.1.0.4")},
			[]dns.Endpoint{pod("euw2", 0, "d", "10.1.0.4")},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			zone := made(t, nil, reconcile(t, in(test.before), nil, dns.Options{}))
			after := made(t, zone, reconcile(t, in(test.after, "use1"), zone, dns.Options{}))
			if !strings.Contains(table(after), "bank-0.use1.bank.db.example.com.") {
				t.Errorf("use1 is not read, and there is:\n%s", table(after))
			}
			after = made(t, zone, reconcile(t, in(test.after), zone, dns.Options{}))
			if strings.Contains(table(after), "bank-0.use1.bank.db.example.com.") {
				t.Errorf("use1 is read, and there is:\n%s", table(after))
			}
		})
	}
}

// TestReconcileOddities: what may stand in a zone that no one of ours would write.
func TestReconcileOddities(t *testing.T) {
	const host = "bank-0.use1.bank.db.example.com."
	text := func(values ...string) dns.RecordSet { return set(dns.OwnerName(host), dns.TypeTXT, 60, values...) }
	mine := dns.Ownership{Deployment: "bank", Cluster: "use1", Hash: "00"}.Text()
	tests := map[string]struct {
		zone []dns.RecordSet
		want string // of the summary
	}{
		"a DNAME at the name hides its ownership": {[]dns.RecordSet{set(host, dns.TypeDNAME, 60, "elsewhere.net.")}, "obstacle " + host + ": everything below it is an alias (DNAME) of elsewhere.net."},
		"an alias where the ownership goes":       {[]dns.RecordSet{set(dns.OwnerName(host), dns.TypeCNAME, 60, "elsewhere.net.")}, "obstacle " + host + ": the ownership record"},
		"a delegation at the name":                {[]dns.RecordSet{set(host, dns.TypeNS, 60, "ns.elsewhere.net.")}, "obstacle " + host + ": "},
		"a delegation where the ownership goes":   {[]dns.RecordSet{set(dns.OwnerName(host), dns.TypeNS, 60, "ns.elsewhere.net.")}, "obstacle " + host + ": the ownership record"},
		"an ownership in several strings":         {[]dns.RecordSet{set(host, dns.TypeA, 15, "10.9.9.9"), text(strings.Replace(mine, "bank", `ba" "nk`, 1))}, "obstacle " + host + ": it belongs to"},
		"two ownerships":                          {[]dns.RecordSet{set(host, dns.TypeA, 15, "10.9.9.9"), text(mine, dns.Ownership{Deployment: "other"}.Text())}, "obstacle " + host + ": the ownership record"},
		"capitals":                                {[]dns.RecordSet{set(strings.ToUpper(host), dns.TypeA, 15, "10.1.0.4"), set("_Owner."+strings.ToUpper(host), dns.TypeTXT, 60, mine)}, "edited " + host},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := summary(reconcile(t, wanted(allPods()), test.zone, dns.Options{})); !strings.Contains(got, test.want) || strings.Contains(got, "create "+host) {
				t.Errorf("want %q in:\n%s", test.want, got)
			}
		})
	}
}

// An ownership record that does not belong to any name we would write, however it came there, gives us nothing.
func TestReconcileIgnoresForgedOwnership(t *testing.T) {
	var zone []dns.RecordSet
	for _, name := range []string{"*.use1.bank.db.example.com.", `x\.use1.bank.db.example.com.`, `y\.bank.db.example.com.`, "bank.db.example.com.", "db.example.com."} {
		zone = append(zone, ours(name, "use1", "192.0.2.1")...)
	}
	zone = append(zone, ours("www.bank.db.example.com.", "", "192.0.2.1")...)
	plan := reconcile(t, wanted(nil), zone, dns.Options{LiftDeleteCap: true})
	if got := summary(plan); got != "" {
		t.Errorf("it does:\n%s", got)
	}
}

// TestCheckDeletesCountsEarlierOnes: the cap holds over several passes, in which a cluster's names become fewer.
func TestCheckDeletesCountsEarlierOnes(t *testing.T) {
	names := func(from, to int) (sets []dns.RecordSet, changes []dns.Change) {
		for i := from; i < to; i++ {
			s := set(fmt.Sprintf("bank-%d.use1.bank.db.example.com.", i), dns.TypeA, 15, fmt.Sprintf("10.1.0.%d", i))
			s.Cluster = "use1"
			sets = append(sets, s)
			changes = append(changes, dns.Change{Action: dns.Delete, Name: s.Name, Type: s.Type, Before: s.Values, Cluster: s.Cluster})
		}
		return sets, changes
	}
	earlier, _ := names(0, 3)
	left, changes := names(3, 10)
	if err := dns.CheckDeletes(changes[:1], zone, left); err != nil {
		t.Errorf("seven names have no cap, and: %v", err)
	}
	var refused *dns.DeleteCapError
	err := dns.CheckDeletes(changes[:1], zone, left, earlier...)
	if !errors.As(err, &refused) || refused.Deleted != 1 || refused.Earlier != 3 || refused.Total != 10 {
		t.Errorf("the fourth of ten: %v", err)
	}
	if want := "refused to delete 1 of 10 names of cluster use1, after 3 that went lately: the cap is 30 %"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("it says %v, want %q", err, want)
	}
	if err := dns.CheckDeletes(nil, zone, left, earlier...); err != nil {
		t.Errorf("nothing is deleted now, and: %v", err)
	}
	if err := dns.CheckDeletes(changes[:1], zone, left, left[1:]...); err != nil {
		t.Errorf("what went and is back counts: %v", err)
	}
	many := append(slices.Clone(left), earlier...)
	if err := dns.CheckDeletes(changes[:3], zone, many); err != nil {
		t.Errorf("three of ten: %v", err)
	}
}
