package serve_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// Whose the seed names are may not be known, since the clusters that have it on record were not asked yet: no replica is made up for them, they are not
// denied, and no secondary gets a zone without them. What is known is answered.
func TestSeedsUnknown(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	euw1.put(t, "slice", slicePod("bank-0", "b", "10.2.0.4"))
	guess := regions.Slots(bank(), nil)
	state := &memory{}
	config := serve.Config{Topology: bank(), Slots: guess, SeedsUnknown: true, Sources: []serve.Source{use1.source(), euw1.source()}, State: state}
	server := runFor(t, config, complete)
	for name, want := range map[string]string{
		"join-0.": "SERVFAIL", "join-4.": "SERVFAIL", "join-5.": "NXDOMAIN", "bank-0.use1.": "NOERROR; aa; answer bank-0.use1", "use1.": "NOERROR; aa; answer use1",
	} {
		if got := answerTo(server, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if strings.Contains(string(state.data), "seeds") {
		t.Errorf("a guess is kept: %s", state.data)
	}
	told := []regions.ReplicaID{guess[1], guess[0], guess[2], guess[3], guess[4]}
	if err := server.SetSlots(told); err != nil {
		t.Fatal(err)
	}
	if got := answerTo(server, "join-0."); !strings.Contains(got, "10.2.0.4") && !strings.Contains(got, "10.1.0.4") || got == answerTo(server, "join-1.") {
		t.Errorf("once it is known: %s", got)
	}
}

// Over a restart they are those last known, until a record is read.
func TestColdStartKnowsTheSeeds(t *testing.T) {
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	euw1.put(t, "slice", slicePod("bank-0", "b", "10.2.0.4"))
	guess := regions.Slots(bank(), nil)
	told := []regions.ReplicaID{guess[1], guess[0], guess[2], guess[3], guess[4]}
	state := &memory{}
	sources := []serve.Source{use1.source(), euw1.source()}
	runFor(t, serve.Config{Topology: bank(), Slots: told, Sources: sources, State: state}, complete)
	start := func(unknown bool) string {
		server, err := serve.New(t.Context(), serve.Config{Topology: bank(), Slots: guess, SeedsUnknown: unknown, Sources: sources, State: state, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		return answerTo(server, "join-0.")
	}
	address := map[string]string{"use1": "10.1.0.4", "euw1": "10.2.0.4"}
	if got := start(true); !strings.Contains(got, address[told[0].Cluster]) {
		t.Errorf("while no record was read: %s, want %s", got, told[0])
	}
	if got := start(false); !strings.Contains(got, address[guess[0].Cluster]) {
		t.Errorf("what is on record is not what was kept, and comes first: %s, want %s", got, guess[0])
	}
}

// Of more replicas than a set may hold, the zone's services are those of the seeds: they are as unknown as these.
func TestServicesOfUnknownSeeds(t *testing.T) {
	topology := bank()
	topology.Spec.Regions[0].Clusters[0].Replicas = dns.MaxSet + 1
	var pods []dns.Endpoint
	for i := range dns.MaxSet + 1 {
		pods = append(pods, dns.Endpoint{
			Replica: regions.ReplicaID{Cluster: topology.Spec.Regions[0].Clusters[0].Name, Pool: "bank", Ordinal: i},
			PodUID:  fmt.Sprint(i), IPs: []string{fmt.Sprintf("10.1.0.%d", i)},
		})
	}
	contents := serve.Contents{Topology: topology, UnknownSeeds: 5, Ports: []dns.Port{{Name: "grpc", Number: 26257}}, Endpoints: pods}
	ask := func(name string) string {
		return brief(serve.NewZone(contents, time.Now).Answer(question(name+origin, mdns.TypeSRV), serve.TCP))
	}
	if got := ask("_grpc._tcp."); !strings.HasPrefix(got, "SERVFAIL") {
		t.Errorf("the seeds are not known: %.200s", got)
	}
	if got := ask("_grpc._tcp.us-east1."); !strings.HasPrefix(got, "NOERROR; aa; answer") {
		t.Errorf("a region: %.200s", got)
	}
	contents.Slots, contents.UnknownSeeds = regions.Slots(topology, nil), 0
	if got := ask("_grpc._tcp."); !strings.HasPrefix(got, "NOERROR; aa; answer") {
		t.Errorf("the seeds are known: %.200s", got)
	}
	contents.Slots, contents.UnknownSeeds, contents.Endpoints = nil, 5, nil
	if got := ask("_grpc._tcp."); !strings.HasPrefix(got, "NOERROR; aa; authority") {
		t.Errorf("no replica has an address: %.200s", got)
	}
}
