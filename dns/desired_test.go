package dns_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// bank is two regions; the second holds two clusters.
func bank() *regions.Topology {
	return &regions.Topology{
		Metadata: regions.Metadata{Name: "bank"},
		Spec: regions.Spec{
			Profile: "cockroachdb",
			DNS:     regions.DNS{Zone: "Bank.DB.example.com", TTL: "15s"},
			Regions: []regions.Region{
				{Name: "us-east1", Clusters: []regions.Cluster{{Name: "use1", Replicas: 2}}},
				{Name: "europe-west1", Clusters: []regions.Cluster{{Name: "euw1", Replicas: 1}, {Name: "euw2", Replicas: 1}}},
			},
		},
	}
}

func id(cluster string, ordinal int) regions.ReplicaID {
	return regions.ReplicaID{Cluster: cluster, Pool: "bank", Ordinal: ordinal}
}

func bankSlots() []regions.ReplicaID {
	return []regions.ReplicaID{id("use1", 0), id("euw1", 0), id("use1", 1), id("euw2", 0), id("use1", 0)}
}

func pod(cluster string, ordinal int, uid string, ips ...string) dns.Endpoint {
	return dns.Endpoint{Replica: id(cluster, ordinal), PodUID: uid, IPs: ips}
}

// table is one set a line, for comparison by eye.
func table(sets []dns.RecordSet) string {
	var b strings.Builder
	for _, s := range sets {
		fmt.Fprintf(&b, "%s %d %s %s cluster=%q\n", s.Name, s.TTL, s.Type, strings.Join(s.Values, ","), s.Cluster)
	}
	return b.String()
}

func TestDesired(t *testing.T) {
	got := table(dns.Desired(bank(), bankSlots(), []dns.Endpoint{
		pod("use1", 1, "b", "10.1.0.5"),
		pod("use1", 0, "a", "FD00::1", "10.1.0.4"),
		pod("euw1", 0, "c", "10.2.0.4"),
	}))
	want := `bank-0.euw1.bank.db.example.com. 15 A 10.2.0.4 cluster="euw1"
bank-0.use1.bank.db.example.com. 15 A 10.1.0.4 cluster="use1"
bank-0.use1.bank.db.example.com. 15 AAAA fd00::1 cluster="use1"
bank-1.use1.bank.db.example.com. 15 A 10.1.0.5 cluster="use1"
europe-west1.bank.db.example.com. 15 A 10.2.0.4 cluster=""
euw1.bank.db.example.com. 15 A 10.2.0.4 cluster="euw1"
join-0.bank.db.example.com. 15 A 10.1.0.4 cluster="use1"
join-0.bank.db.example.com. 15 AAAA fd00::1 cluster="use1"
join-1.bank.db.example.com. 15 A 10.2.0.4 cluster="euw1"
join-2.bank.db.example.com. 15 A 10.1.0.5 cluster="use1"
join-4.bank.db.example.com. 15 A 10.1.0.4 cluster="use1"
join-4.bank.db.example.com. 15 AAAA fd00::1 cluster="use1"
us-east1.bank.db.example.com. 15 A 10.1.0.4,10.1.0.5 cluster="use1"
us-east1.bank.db.example.com. 15 AAAA fd00::1 cluster="use1"
use1.bank.db.example.com. 15 A 10.1.0.4,10.1.0.5 cluster="use1"
use1.bank.db.example.com. 15 AAAA fd00::1 cluster="use1"
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestDesiredChoosesPod: which of several pods stands for a replica.
func TestDesiredChoosesPod(t *testing.T) {
	old := dns.Endpoint{Replica: id("use1", 0), PodUID: "z-old", IPs: []string{"10.0.0.1"}, Sequence: 1}
	renewed := dns.Endpoint{Replica: id("use1", 0), PodUID: "a-new", IPs: []string{"10.0.0.2"}, Sequence: 2}
	dying := func(e dns.Endpoint) dns.Endpoint { e.Terminating = true; return e }
	six := renewed
	six.IPs = []string{"fd00::2"}
	tests := map[string]struct {
		endpoints []dns.Endpoint
		want      string
	}{
		"newest wins":                       {[]dns.Endpoint{renewed, old}, "A 10.0.0.2"},
		"living beats a newer dying":        {[]dns.Endpoint{old, dying(renewed)}, "A 10.0.0.1"},
		"dying alone still serves":          {[]dns.Endpoint{dying(old)}, "A 10.0.0.1"},
		"newest of the dying":               {[]dns.Endpoint{dying(old), dying(renewed)}, "A 10.0.0.2"},
		"families come in separate slices":  {[]dns.Endpoint{renewed, six}, "A 10.0.0.2;AAAA fd00::2"},
		"the old pod's family goes with it": {[]dns.Endpoint{old, six}, "AAAA fd00::2"},
		"one dying family makes it dying":   {[]dns.Endpoint{old, renewed, dying(six)}, "A 10.0.0.1"},
		"mapped v4 is v4":                   {[]dns.Endpoint{pod("use1", 0, "x", "::ffff:10.0.0.9")}, "A 10.0.0.9"},
		"no address, no record":             {[]dns.Endpoint{pod("use1", 0, "x", "pod.example.com")}, ""},
		"unknown cluster":                   {[]dns.Endpoint{pod("elsewhere", 0, "x", "10.0.0.9")}, ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, s := range dns.Desired(bank(), nil, test.endpoints) {
				if s.Name == "bank-0.use1.bank.db.example.com." {
					got = append(got, string(s.Type)+" "+strings.Join(s.Values, ","))
				}
			}
			if strings.Join(got, ";") != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestDesiredKeepsUndeclared: a pod above the declared replicas keeps its name until it is gone.
func TestDesiredKeepsUndeclared(t *testing.T) {
	stranger := dns.Endpoint{Replica: regions.ReplicaID{Cluster: "use1", Pool: "web", Ordinal: 0}, PodUID: "w", IPs: []string{"10.9.9.9"}}
	got := table(dns.Desired(bank(), nil, []dns.Endpoint{pod("use1", 7, "x", "10.1.0.7"), stranger}))
	for _, want := range []string{"bank-7.use1.bank.db.example.com. 15 A 10.1.0.7", "\nus-east1.bank.db.example.com. 15 A 10.1.0.7", "\nuse1.bank.db.example.com. 15 A 10.1.0.7"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in\n%s", want, got)
		}
	}
	if strings.Contains(got, "10.9.9.9") {
		t.Errorf("a pool unknown to the topology was published:\n%s", got)
	}
}

func TestNamesWithoutAddresses(t *testing.T) {
	var got []string
	for _, n := range dns.Names(bank(), bankSlots()) {
		got = append(got, fmt.Sprintf("%s %v %v", strings.TrimSuffix(n.Name, ".bank.db.example.com."), n.Replicas, n.Clusters()))
	}
	want := []string{
		"bank-0.euw1 [euw1/bank-0] [euw1]",
		"bank-0.euw2 [euw2/bank-0] [euw2]",
		"bank-0.use1 [use1/bank-0] [use1]",
		"bank-1.use1 [use1/bank-1] [use1]",
		"europe-west1 [euw1/bank-0 euw2/bank-0] [euw1 euw2]",
		"euw1 [euw1/bank-0] [euw1]",
		"euw2 [euw2/bank-0] [euw2]",
		"join-0 [use1/bank-0] [use1]",
		"join-1 [euw1/bank-0] [euw1]",
		"join-2 [use1/bank-1] [use1]",
		"join-3 [euw2/bank-0] [euw2]",
		"join-4 [use1/bank-0] [use1]",
		"us-east1 [use1/bank-0 use1/bank-1] [use1]",
		"use1 [use1/bank-0 use1/bank-1] [use1]",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTTL(t *testing.T) {
	for text, want := range map[string]int{"15s": 15, "2m": 120, "": dns.DefaultTTL, "0s": dns.DefaultTTL} {
		topology := bank()
		topology.Spec.DNS.TTL = text
		if got := dns.TTL(topology); got != want {
			t.Errorf("TTL of %q is %d, want %d", text, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	label63 := strings.Repeat("a", 63)
	name253 := strings.Repeat(label63+".", 3) + strings.Repeat("a", 61)
	tests := map[string]string{ // name → part of the error, empty: fine
		"bank-0.use1.bank.db.example.com.": "",
		"_sql._tcp.bank.example.com.":      "",
		label63 + ".example.com":           "",
		name253 + ".":                      "",
		name253 + "a":                      "254 characters",
		label63 + "a.example.com":          "64 characters",
		"a..example.com":                   "empty label",
		"*.example.com":                    "'*'",
		"a_b.example.com":                  "'_'",
		"-a.example.com":                   "hyphen",
		"a-.example.com":                   "hyphen",
		"bücher.example.com":               "'ü'",
	}
	for name, want := range tests {
		err := dns.CheckName(name)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("CheckName(%q) = %v, want %q", name, err, want)
		}
	}
	err := dns.CheckNames([]dns.Name{{Name: "a..b."}, {Name: "fine."}, {Name: "*.c."}})
	if err == nil || !strings.Contains(err.Error(), "a..b.") || !strings.Contains(err.Error(), "*.c.") {
		t.Errorf("CheckNames reports %v, want both bad names", err)
	}
}
