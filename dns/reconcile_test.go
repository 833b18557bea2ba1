package dns_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

var sqlPort = dns.Port{Name: "sql", Number: 26257}

func allPods() []dns.Endpoint {
	return []dns.Endpoint{
		pod("use1", 0, "a", "10.1.0.4"), pod("use1", 1, "b", "10.1.0.5"),
		pod("euw1", 0, "c", "10.2.0.4", "fd00::2"), pod("euw2", 0, "d", "10.3.0.4"),
	}
}

func wanted(endpoints []dns.Endpoint, unread ...string) dns.Wanted {
	return dns.WantedOf(bank(), bankSlots(), endpoints, unread, sqlPort)
}

// made is the zone after the changes, each of which must hold as it was planned.
func made(t interface{ Fatal(args ...any) }, sets []dns.RecordSet, plan dns.Reconciliation) []dns.RecordSet {
	for _, set := range plan.Sets {
		after, err := dns.Apply(sets, set.Changes)
		if err != nil {
			t.Fatal(err)
		}
		sets = after
	}
	return sets
}

func reconcile(t *testing.T, w dns.Wanted, sets []dns.RecordSet, o dns.Options) dns.Reconciliation {
	t.Helper()
	plan, err := dns.Reconcile(w, dns.Snapshot{Sets: sets}, o)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// published is a zone of somebody else into which the bank's names were written.
func published(t *testing.T, endpoints []dns.Endpoint) []dns.RecordSet {
	t.Helper()
	base := []dns.RecordSet{
		set("db.example.com.", dns.TypeSOA, 60, "ns1.db.example.com. hostmaster.db.example.com. 1 2 3 4 5"),
		set("db.example.com.", dns.TypeNS, 60, "ns1.db.example.com."),
		set("www.db.example.com.", dns.TypeA, 60, "192.0.2.1"),
	}
	return made(t, base, reconcile(t, wanted(endpoints), base, dns.Options{}))
}

// names that change, with what becomes of them.
func summary(plan dns.Reconciliation) string {
	var b strings.Builder
	for _, c := range plan.Changes() {
		fmt.Fprintf(&b, "%s %s %s → %s\n", c.Action, c.Name, strings.Join(c.Before, ","), strings.Join(c.After, ","))
	}
	for _, o := range plan.Obstacles {
		fmt.Fprintf(&b, "obstacle %s: %s\n", o.Name, o.Why)
	}
	for _, e := range plan.Edited {
		fmt.Fprintf(&b, "edited %s\n", e.Name)
	}
	return b.String()
}

func TestReconcilePublishes(t *testing.T) {
	zone := published(t, allPods())
	text := table(zone)
	for _, line := range []string{
		`bank-0.use1.bank.db.example.com. 15 A 10.1.0.4`,
		`_sql._tcp.bank.db.example.com. 30 SRV 0 100 26257 bank-0.euw1.bank.db.example.com.,0 100 26257 bank-0.euw2`,
		`_sql._tcp.us-east1.bank.db.example.com. 30 SRV 0 100 26257 bank-0.use1.bank.db.example.com.,0 100 26257 bank-1.use1.bank.db.example.com.`,
		`_owner.bank-0.use1.bank.db.example.com. 60 TXT "v1;tool=quorate;deployment=bank;cluster=use1;hash=`,
		`_owner.join-0.bank.db.example.com. 60 TXT "v1;tool=quorate;deployment=bank;cluster=use1;hash=`,
		`_owner._sql._tcp.bank.db.example.com. 60 TXT "v1;tool=quorate;deployment=bank;cluster=;hash=`,
		`www.db.example.com. 60 A 192.0.2.1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("the zone lacks %q:\n%s", line, text)
		}
	}
	if again := summary(reconcile(t, wanted(allPods()), zone, dns.Options{})); again != "" {
		t.Errorf("published names change again:\n%s", again)
	}
}

// TestReconcileCases: what is done, and what is left alone, where others wrote into the zone or something cannot be seen.
func TestReconcileCases(t *testing.T) {
	const host = "bank-0.use1.bank.db.example.com."
	without := func(sets []dns.RecordSet, name string, types ...dns.Type) []dns.RecordSet {
		return slices.DeleteFunc(slices.Clone(sets), func(s dns.RecordSet) bool { return s.Name == name && slices.Contains(types, s.Type) })
	}
	moved := slices.Replace(allPods(), 0, 1, pod("use1", 0, "a2", "10.1.0.9"))
	type test struct {
		zone    func([]dns.RecordSet) []dns.RecordSet
		wanted  dns.Wanted
		options dns.Options
		want    string // lines of the summary that there must be; a leading ! forbids the text
	}
	add := func(more ...dns.RecordSet) func([]dns.RecordSet) []dns.RecordSet {
		return func(sets []dns.RecordSet) []dns.RecordSet { return append(slices.Clone(sets), more...) }
	}
	tests := map[string]test{
		"a pod moved": {wanted: wanted(moved), want: "update " + host + " 10.1.0.4 → 10.1.0.9\nupdate join-0.bank.db.example.com. 10.1.0.4 → 10.1.0.9\n!edited"},
		"a pod is away": {
			wanted: wanted(allPods()[1:]),
			want:   "!update " + host + "\nupdate us-east1.bank.db.example.com. 10.1.0.4,10.1.0.5 → 10.1.0.5\n!join-0",
		},
		"a cluster is unread": {wanted: wanted(allPods()[2:], "use1"), want: "!use1\n!us-east1\n!_sql\n!join"},
		"edited by hand": {zone: func(s []dns.RecordSet) []dns.RecordSet {
			return append(without(s, host, dns.TypeA), set(host, dns.TypeA, 15, "10.9.9.9"))
		}, wanted: wanted(allPods()), want: "update " + host + " 10.9.9.9 → 10.1.0.4\nedited " + host},
		"deleted by hand":   {zone: func(s []dns.RecordSet) []dns.RecordSet { return without(s, host, dns.TypeA) }, wanted: wanted(allPods()), want: "create " + host + "  → 10.1.0.4\nedited " + host},
		"ownership deleted": {zone: func(s []dns.RecordSet) []dns.RecordSet { return without(s, dns.OwnerName(host), dns.TypeTXT) }, wanted: wanted(moved), want: "obstacle " + host + ": it has records that quorate did not write\n!update " + host},
		"another deployment's": {zone: func(s []dns.RecordSet) []dns.RecordSet {
			return append(without(s, dns.OwnerName(host), dns.TypeTXT), set(dns.OwnerName(host), dns.TypeTXT, 60, dns.Ownership{Deployment: "other", Hash: "0"}.Text()))
		}, wanted: wanted(moved), want: "obstacle " + host + ": it belongs to the deployment other"},
		"taken over":            {zone: func(s []dns.RecordSet) []dns.RecordSet { return without(s, dns.OwnerName(host), dns.TypeTXT) }, wanted: wanted(moved), options: dns.Options{TakeOver: []string{"BANK-0.use1.bank.db.example.com"}}, want: "update " + host + " 10.1.0.4 → 10.1.0.9\n!obstacle"},
		"somebody's TXT beside": {zone: add(set(host, dns.TypeTXT, 60, `"hello"`)), wanted: wanted(moved), want: "update " + host + " 10.1.0.4 → 10.1.0.9\n!delete\n!hello\n!obstacle"},
		"an alias in the way": {zone: func(s []dns.RecordSet) []dns.RecordSet {
			return append(without(without(s, host, dns.TypeA), dns.OwnerName(host), dns.TypeTXT), set(host, dns.TypeCNAME, 60, "www.db.example.com."))
		}, wanted: wanted(allPods()), want: "obstacle " + host + ": it is an alias (CNAME) of www.db.example.com."},
		"a wildcard, nothing new": {zone: add(set("*.db.example.com.", dns.TypeA, 60, "192.0.2.9")), wanted: wanted(moved), want: "update " + host + " 10.1.0.4 → 10.1.0.9\n!obstacle"},
		"a wildcard, a new name": {zone: func(s []dns.RecordSet) []dns.RecordSet {
			return append(without(without(s, host, dns.TypeA), dns.OwnerName(host), dns.TypeTXT), set("*.use1.bank.db.example.com.", dns.TypeA, 60, "192.0.2.9"))
		}, wanted: wanted(allPods()), want: "obstacle " + host + ": the wildcard *.use1.bank.db.example.com. would answer"},
		"a delegation above":       {zone: add(set("use1.bank.db.example.com.", dns.TypeNS, 60, "ns.elsewhere.net.")), wanted: wanted(moved), want: "obstacle " + host + ": use1.bank.db.example.com. is delegated to ns.elsewhere.net."},
		"a DNAME above":            {zone: add(set("use1.bank.db.example.com.", dns.TypeDNAME, 60, "elsewhere.net.")), wanted: wanted(moved), want: "obstacle " + host + ": everything below use1.bank.db.example.com. is an alias (DNAME)"},
		"a cluster nobody knows":   {zone: add(ours("bank-0.usw9.bank.db.example.com.", "usw9", "10.7.0.1")...), wanted: wanted(moved), want: "update " + host + " 10.1.0.4 → 10.1.0.9\n!usw9"},
		"a cluster that is gone":   {zone: add(ours("bank-0.usw9.bank.db.example.com.", "usw9", "10.7.0.1")...), wanted: wanted(moved), options: dns.Options{Forget: []string{"usw9"}}, want: "delete bank-0.usw9.bank.db.example.com. 10.7.0.1 → "},
		"a region nobody knows":    {zone: add(ours("asia1.bank.db.example.com.", "", "10.7.0.1")...), wanted: wanted(moved), want: "!asia1"},
		"a region that is gone":    {zone: add(ours("asia1.bank.db.example.com.", "", "10.7.0.1")...), wanted: wanted(moved), options: dns.Options{Forget: []string{"asia1"}}, want: "delete asia1.bank.db.example.com. 10.7.0.1 → "},
		"a replica that is gone":   {zone: add(ours("bank-7.use1.bank.db.example.com.", "use1", "10.7.0.1")...), wanted: wanted(moved), want: "delete bank-7.use1.bank.db.example.com. 10.7.0.1 → "},
		"ownership without a name": {zone: add(ours("bank-7.use1.bank.db.example.com.", "use1")...), wanted: wanted(allPods()), want: "edited bank-7.use1.bank.db.example.com."},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			zone := published(t, allPods())
			if test.zone != nil {
				zone = test.zone(zone)
			}
			plan := reconcile(t, test.wanted, zone, test.options)
			got := summary(plan)
			for line := range strings.SplitSeq(test.want, "\n") {
				if forbidden, not := strings.CutPrefix(line, "!"); not == strings.Contains(got, strings.TrimPrefix(line, "!")) {
					t.Errorf("want %q (forbidden: %v, %q) in:\n%s", line, not, forbidden, got)
				}
			}
			after := made(t, zone, plan)
			again := reconcile(t, test.wanted, after, test.options)
			if len(again.Sets) > 0 {
				t.Errorf("a second time there is more to do:\n%s%v", summary(again), again.Sets)
			}
		})
	}
}

// ours are a name's records with the ownership that goes with them.
func ours(name, cluster string, addresses ...string) []dns.RecordSet {
	var sets []dns.RecordSet
	if len(addresses) > 0 {
		sets = append(sets, set(name, dns.TypeA, 15, addresses...))
	}
	owner := dns.Ownership{Deployment: "bank", Cluster: cluster, Hash: dns.HashSets(sets)}
	if len(addresses) == 0 {
		owner.Hash = "what-it-was"
	}
	return append(sets, set(dns.OwnerName(name), dns.TypeTXT, dns.OwnerTTL, owner.Text()))
}

func TestReconcileFresh(t *testing.T) {
	zone := []dns.RecordSet{set("bank-1.use1.bank.db.example.com.", dns.TypeTXT, 60, `"kept"`)}
	plan := reconcile(t, wanted(allPods()), zone, dns.Options{})
	for _, s := range plan.Sets {
		if !s.Fresh {
			t.Errorf("%s is not fresh", s.Name)
		}
	}
	if len(plan.Obstacles) != 1 || plan.Obstacles[0].Name != "bank-1.use1.bank.db.example.com." {
		t.Errorf("obstacles are %v, want bank-1.use1 alone", plan.Obstacles)
	}
	zone = published(t, allPods())
	plan = reconcile(t, wanted(slices.Replace(allPods(), 0, 1, pod("use1", 0, "a2", "10.1.0.9"))), zone, dns.Options{})
	for _, s := range plan.Sets {
		if s.Fresh {
			t.Errorf("%s is fresh, though it stands", s.Name)
		}
	}
}

// TestReconcileDeleteCap: twelve replicas of a cluster that are declared no longer, and have no pods.
func TestReconcileDeleteCap(t *testing.T) {
	var zone []dns.RecordSet
	var retired []regions.ReplicaID
	for i := 2; i < 14; i++ {
		zone = append(zone, ours(fmt.Sprintf("bank-%d.use1.bank.db.example.com.", i), "use1", fmt.Sprintf("10.1.1.%d", i))...)
		retired = append(retired, id("use1", i))
	}
	w := wanted(allPods())
	var refused *dns.DeleteCapError
	if _, err := dns.Reconcile(w, dns.Snapshot{Sets: zone}, dns.Options{}); !errors.As(err, &refused) || refused.Cluster != "use1" || refused.Deleted != 12 {
		t.Errorf("got %v, want a DeleteCapError of use1", err)
	}
	if plan := reconcile(t, w, zone, dns.Options{LiftDeleteCap: true}); strings.Count(summary(plan), "delete ") != 12 {
		t.Errorf("lifted, it deletes:\n%s", summary(plan))
	}
	w.Retired = retired
	if plan := reconcile(t, w, zone, dns.Options{}); strings.Count(summary(plan), "delete ") != 12 {
		t.Errorf("planned, it deletes:\n%s", summary(plan))
	}
}

func TestReconcileRefusesNames(t *testing.T) {
	w := wanted(allPods())
	w.Sets = append(w.Sets, set("bank-0.elsewhere.net.", dns.TypeA, 5, "10.0.0.1"), set("*.bank.db.example.com.", dns.TypeA, 5, "10.0.0.1"))
	_, err := dns.Reconcile(w, dns.Snapshot{}, dns.Options{})
	if err == nil || !strings.Contains(err.Error(), "outside zone") || !strings.Contains(err.Error(), `holds '*'`) {
		t.Errorf("got %v, want both names", err)
	}
}

func TestServicesOfManyReplicas(t *testing.T) {
	topology := bank()
	topology.Spec.Regions[0].Clusters[0].Replicas = 101
	var pods []dns.Endpoint
	for i := range 101 {
		pods = append(pods, pod("use1", i, fmt.Sprint(i), fmt.Sprintf("10.1.%d.%d", i/250, i%250+1)))
	}
	w := dns.WantedOf(topology, bankSlots(), pods, nil, sqlPort)
	plan := reconcile(t, w, nil, dns.Options{})
	text := summary(plan)
	if !strings.Contains(text, "obstacle _sql._tcp.us-east1.bank.db.example.com.: its SRV set would hold 101 records, name servers take 100") {
		t.Errorf("101 targets are no obstacle:\n%s", text)
	}
	if want := "create _sql._tcp.bank.db.example.com.  → 0 100 26257 bank-0.use1.bank.db.example.com.,0 100 26257 bank-1.use1.bank.db.example.com.\n"; !strings.Contains(text, want) {
		t.Errorf("the zone's own set does not hold the seeds, want %q", want)
	}
}

func TestReverse(t *testing.T) {
	w := wanted(allPods())
	in := w.InReverse([]string{"10.in-addr.arpa", "1.10.in-addr.arpa.", "0.0.d.f.ip6.arpa", "9.in-addr.arpa"})
	got := fmt.Sprint(len(in["9.in-addr.arpa."].Sets)) + "\n"
	for _, zone := range []string{"10.in-addr.arpa.", "1.10.in-addr.arpa.", "0.0.d.f.ip6.arpa."} {
		got += table(in[zone].Sets)
	}
	want := `0
4.0.2.10.in-addr.arpa. 15 PTR bank-0.euw1.bank.db.example.com. cluster="euw1"
4.0.3.10.in-addr.arpa. 15 PTR bank-0.euw2.bank.db.example.com. cluster="euw2"
4.0.1.10.in-addr.arpa. 15 PTR bank-0.use1.bank.db.example.com. cluster="use1"
5.0.1.10.in-addr.arpa. 15 PTR bank-1.use1.bank.db.example.com. cluster="use1"
2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa. 15 PTR bank-0.euw1.bank.db.example.com. cluster="euw1"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	// A pod that moved takes its pointer along, and an unread cluster's stays.
	zone := made(t, nil, reconcile(t, in["10.in-addr.arpa."], nil, dns.Options{}))
	next := wanted([]dns.Endpoint{pod("euw1", 0, "c2", "10.2.0.9")}, "euw2").InReverse([]string{"10.in-addr.arpa"})["10.in-addr.arpa."]
	text := summary(reconcile(t, next, zone, dns.Options{}))
	if want := "delete 4.0.2.10.in-addr.arpa. bank-0.euw1.bank.db.example.com. → \ncreate 9.0.2.10.in-addr.arpa.  → bank-0.euw1.bank.db.example.com.\n"; text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	if ip := netip.MustParseAddr("::ffff:10.1.2.3"); dns.ReverseName(ip) != "3.2.1.10.in-addr.arpa." {
		t.Errorf("%s is looked up at %s", ip, dns.ReverseName(ip))
	}
}

func TestOwnership(t *testing.T) {
	o := dns.Ownership{Deployment: "bank", Cluster: "use1", Hash: "00ff"}
	if got, ok := dns.ParseOwnership(o.Text()); !ok || got != o {
		t.Errorf("%s reads %v", o.Text(), got)
	}
	for _, text := range []string{"", `"v1;tool=quorate"`, `"v2;tool=quorate;deployment=bank"`, `"v1;tool=external-dns;deployment=bank"`, `v1;tool=quorate;deployment=bank`} {
		if _, ok := dns.ParseOwnership(text); ok {
			t.Errorf("%s is taken for ours", text)
		}
	}
	sets := []dns.RecordSet{set("a.", dns.TypeA, 5, "10.0.0.2", "10.0.0.1"), set("a.", dns.TypeAAAA, 5, "FD00::1")}
	same := []dns.RecordSet{set("a.", dns.TypeAAAA, 5, "fd00::1"), set("a.", dns.TypeA, 5, "10.0.0.1", "10.0.0.2"), set("a.", dns.TypeTXT, 5, `"x"`)}
	if dns.HashSets(sets) != dns.HashSets(same) || dns.HashSets(sets) == dns.HashSets(sets[:1]) {
		t.Error("the hash does not follow the records")
	}
}

func FuzzParseOwnership(f *testing.F) {
	f.Add(dns.Ownership{Deployment: "bank", Cluster: "use1", Hash: "00ff"}.Text())
	f.Fuzz(func(t *testing.T, text string) {
		if o, ok := dns.ParseOwnership(text); ok && o.Deployment == "" {
			t.Errorf("%q has no deployment", text)
		}
	})
}

// TestReconcileProperties: whatever stands in the zone and whatever is known, foreign sets and those of clusters that were not
// read survive, one pass is enough, and what was wanted of clusters that were read is there.
func TestReconcileProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := genOthers(t)
		before := genPods(t, "before")
		first, err := dns.Reconcile(wanted(before), dns.Snapshot{Sets: zone}, dns.Options{})
		if err != nil {
			t.Fatal(err)
		}
		zone = made(t, zone, first)
		var unread []string
		for _, cluster := range []string{"use1", "euw1", "euw2"} {
			if rapid.Bool().Draw(t, "unread "+cluster) {
				unread = append(unread, cluster)
			}
		}
		pods := slices.DeleteFunc(genPods(t, "after"), func(e dns.Endpoint) bool { return slices.Contains(unread, e.Replica.Cluster) })
		w := wanted(pods, unread...)
		plan, err := dns.Reconcile(w, dns.Snapshot{Sets: zone}, dns.Options{})
		if err != nil {
			t.Fatal(err)
		}
		after := made(t, zone, plan)
		checkOthers(t, zone, after, unread)
		checkWanted(t, w, after, plan)
		if again, err := dns.Reconcile(w, dns.Snapshot{Sets: after}, dns.Options{}); err != nil || len(again.Sets) > 0 {
			t.Fatalf("one pass was not enough: %v, %v", again.Sets, err)
		}
	})
}

// genOthers is a zone with records of others, some at names that will be wanted.
func genOthers(t *rapid.T) []dns.RecordSet {
	var zone []dns.RecordSet
	for _, n := range append(dns.Names(bank(), bankSlots()), dns.Name{Name: "www.bank.db.example.com."}) {
		switch rapid.IntRange(0, 9).Draw(t, n.Name) {
		case 0:
			zone = append(zone, set(n.Name, dns.TypeA, 60, "192.0.2.7"))
		case 1:
			zone = append(zone, set(n.Name, dns.TypeCNAME, 60, "elsewhere.net."))
		case 2:
			zone = append(zone, set(n.Name, dns.TypeTXT, 60, `"theirs"`))
		case 3:
			zone = append(zone, set(dns.OwnerName(n.Name), dns.TypeTXT, 60, dns.Ownership{Deployment: "other", Hash: "1"}.Text()))
		}
	}
	return zone
}

func genPods(t *rapid.T, label string) []dns.Endpoint {
	var pods []dns.Endpoint
	for i, id := range []regions.ReplicaID{id("use1", 0), id("use1", 1), id("euw1", 0), id("euw2", 0)} {
		if n := rapid.IntRange(0, 3).Draw(t, fmt.Sprint(label, id)); n > 0 {
			ips := []string{fmt.Sprintf("10.%d.0.%d", i, n)}
			if n == 3 {
				ips = append(ips, fmt.Sprintf("fd00::%d", i))
			}
			pods = append(pods, dns.Endpoint{Replica: id, PodUID: fmt.Sprint(n), IPs: ips})
		}
	}
	return pods
}

// checkOthers: nothing of others changed, and nothing of a cluster that was not read.
func checkOthers(t *rapid.T, before, after []dns.RecordSet, unread []string) {
	for _, s := range before {
		name, isOwner := strings.CutPrefix(s.Name, "_owner.")
		theirs := s.Type == dns.TypeCNAME || slices.Contains(s.Values, "192.0.2.7") || slices.Contains(s.Values, `"theirs"`) || strings.Contains(s.Values[0], "deployment=other")
		ofUnread := slices.ContainsFunc(unread, func(c string) bool { return strings.HasSuffix(name, "."+c+".bank.db.example.com.") })
		if !theirs && !ofUnread || isOwner && !theirs && !ofUnread {
			continue
		}
		if !slices.ContainsFunc(after, func(a dns.RecordSet) bool {
			return a.Name == s.Name && a.Type == s.Type && slices.Equal(a.Values, s.Values)
		}) {
			t.Fatalf("%s %s %v is gone or changed", s.Name, s.Type, s.Values)
		}
	}
}

// checkWanted: every wanted set that nothing stands in the way of and that is of read clusters alone is there as wanted.
func checkWanted(t *rapid.T, w dns.Wanted, after []dns.RecordSet, plan dns.Reconciliation) {
	blocked := map[string]bool{}
	for _, o := range plan.Obstacles {
		blocked[o.Name] = true
	}
	for _, s := range w.Sets {
		if blocked[s.Name] || s.Cluster == "" && len(w.Unread) > 0 {
			continue
		}
		if name := dns.Canonical(s.Name); s.Cluster != "" && !strings.Contains(name, s.Cluster) && len(w.Unread) > 0 {
			continue // a region's or a seed's name, behind which an unread cluster may stand too
		}
		if !slices.ContainsFunc(after, func(a dns.RecordSet) bool {
			return a.Name == dns.Canonical(s.Name) && a.Type == s.Type && slices.Equal(a.Values, s.Values)
		}) {
			t.Fatalf("%s %s %v is wanted and missing", s.Name, s.Type, s.Values)
		}
	}
}
