package cli

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// noWay is a cluster for which there is no client.
type noWay struct{}

func (noWay) Client() (kubernetes.Interface, <-chan struct{}, error) {
	return nil, nil, errors.New("no client in this test")
}

// TestInsiderReady: once its own cluster was read, after a moment for the others that can be asked; and then for good.
func TestInsiderReady(t *testing.T) {
	topology := &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{
		DNS: regions.DNS{Zone: "bank.db.example.com"},
		Regions: []regions.Region{{Name: "us", Clusters: []regions.Cluster{
			{Name: "use1", Namespace: "bank", Replicas: 1}, {Name: "usw1", Namespace: "bank", Replicas: 1},
		}}},
	}}
	services := map[string]string{"bank": "bank"}
	server, err := serve.New(t.Context(), serve.Config{Topology: topology, Now: time.Now, Sources: []serve.Source{
		{Cluster: "use1", Namespace: "bank", Client: fake.NewClientset(), Services: services},
		{Cluster: "usw1", Namespace: "bank", Connector: noWay{}, Services: services},
	}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_700_000_000, 0)
	otherErr := errors.New("there are no credentials yet")
	in := &insider{
		topology: topology, own: "use1", server: server, records: map[string]regions.Record{},
		app: &app{process: &process{now: func() time.Time { return now }}},
		ways: map[string]clusterWay{
			"use1": func() (*kube.Cluster, <-chan struct{}, error) { return nil, nil, nil },
			"usw1": func() (*kube.Cluster, <-chan struct{}, error) { return nil, nil, otherErr },
		},
	}
	expect := func(want string) {
		t.Helper()
		err := in.ready()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("ready: got %v, want %q", err, want)
		}
	}
	expect("the record of cluster use1")
	in.records["use1"] = regions.Record{}
	expect("the EndpointSlices of cluster use1")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); !server.Synced("use1") && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	expect("") // nobody waits for a cluster to which there is no way
	otherErr = nil
	expect("") // nor goes back on it when there is one
	in.settled, in.ownRead = false, time.Time{}
	expect("cluster usw1 is being read")
	now = now.Add(othersGrace)
	expect("") // it may be unreachable
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestInsiderKnowsTheSeeds: by a record that has them, whichever cluster's; and where there is none in any, since nothing is installed.
func TestInsiderKnowsTheSeeds(t *testing.T) {
	topology := &regions.Topology{Spec: regions.Spec{Regions: []regions.Region{{Name: "us", Clusters: []regions.Cluster{{Name: "use1", Replicas: 1}, {Name: "usw1", Replicas: 1}}}}}}
	var installed regions.Record
	installed.Database.Slots = regions.Slots(topology, nil)
	tests := map[string]struct {
		records map[string]regions.Record
		want    bool
	}{
		"nothing was read":                   {nil, false},
		"a cluster without it, of two":       {map[string]regions.Record{"use1": {}}, false},
		"a cluster that has it":              {map[string]regions.Record{"usw1": installed}, true},
		"a new cluster, and one that has it": {map[string]regions.Record{"use1": {}, "usw1": installed}, true},
		"no cluster has it":                  {map[string]regions.Record{"use1": {}, "usw1": {}}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			in := &insider{topology: topology, records: test.records}
			if got := in.knowsSeeds(); got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// TestInsiderKnowsThePorts: the authority inside a cluster has the profile's ports and where it keeps its state from its flags
// and its topology alone, and answers SRV.
func TestInsiderKnowsThePorts(t *testing.T) {
	topology := &regions.Topology{Metadata: regions.Metadata{Name: "bank"}, Spec: regions.Spec{
		Profile: "cockroachdb", DNS: regions.DNS{Zone: "bank.db.example.com"},
		Regions: []regions.Region{{Name: "us", Clusters: []regions.Cluster{{Name: "use1", Namespace: "bank", Replicas: 1}}}},
	}}
	use1 := topology.OrderedClusters()[0]
	replica := regions.ReplicaID{Cluster: use1.Name, Pool: topology.Pools(use1)[0].Name, Ordinal: 0}
	config := serve.Config{Topology: topology, Now: time.Now}
	options := standingOptions{state: filepath.Join(t.TempDir(), "state.json")}
	if err := options.configure(topology, slog.New(slog.DiscardHandler), &config); err != nil {
		t.Fatal(err)
	}
	if config.State != serve.StateFile(options.state) {
		t.Errorf("the state is kept in %v", config.State)
	}
	zone := serve.NewZone(serve.Contents{
		Topology: topology, Ports: config.Ports, Slots: []regions.ReplicaID{replica},
		Endpoints: []dns.Endpoint{{Replica: replica, PodUID: "a", IPs: []string{"10.1.0.4"}}},
	}, time.Now)
	reply := zone.Answer(new(mdns.Msg).SetQuestion("_grpc._tcp.bank.db.example.com.", mdns.TypeSRV), serve.UDP)
	if len(reply.Answer) != 1 || reply.Answer[0].(*mdns.SRV).Port != 26257 {
		t.Errorf("got %s", reply)
	}
}
