package view

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

const topologyText = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: bank}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:v25.4.0
  storage: {size: 1Gi, className: standard}
  survive: {failure: none, voters: 3}
  tls: {mode: disabled}
  dns: {zone: bank.example.com}
  regions:
    - name: east
      clusters: [{name: use1, replicas: 2, zones: [a, b]}]
    - name: west
      clusters: [{name: usw1, replicas: 1, zones: [c]}]
`

// A status with everything that can be wrong at 3 a.m.: a dead run's lock, a pod that
// does not start, a name that is answered wrongly, one that nobody could be asked
// for, and a cluster that does not answer.
func TestStatus(t *testing.T) {
	topology, problems := regions.Parse([]byte(topologyText), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	id := func(n int) regions.ReplicaID { return regions.ReplicaID{Cluster: "use1", Pool: "bank", Ordinal: n} }
	state := regions.ClusterState{
		Cluster: "use1", Region: "east", ServerVersion: "v1.37.2",
		Lease:        &regions.LeaseState{Holder: "x", HolderInfo: "quorate apply on a host", RenewTime: now.Add(-time.Minute), DurationSeconds: 30},
		StatefulSets: []regions.StatefulSetState{{Name: "bank", Replicas: 2, Partition: 1, Generation: 1, ObservedGeneration: 1, CurrentRevision: "r1", UpdateRevision: "r1"}},
		Pods: []regions.PodState{
			{ID: id(0), Revision: "r1", Phase: "Running", Ready: true, IPs: []string{"10.0.0.1"}, Zone: "a", Node: "n", Image: "cockroachdb/cockroach:v25.4.0"},
			{ID: id(1), Revision: "r1", Phase: "Pending", Waiting: "ImagePullBackOff", WaitingMessage: "no such image", Image: "cockroachdb/cockroach:broken"},
		},
	}
	s := NewStatus(topology, []planner.Observation{{Cluster: "use1", State: state}, {Cluster: "usw1", Unreachable: "connection refused"}}, now)
	s.AskNames(func(name string) ([]string, error) {
		if strings.HasPrefix(name, "bank-0.") {
			return []string{"10.0.0.9"}, nil
		}
		return nil, errors.New("the authority is silent")
	})
	var out bytes.Buffer
	s.Text(&out, Style{})
	for _, want := range []string{
		"locked by a run that does not renew its lock and is probably dead: quorate apply on a host",
		"bank: 2 of 2 replicas, partition 1 (not held)",
		"bank-0.use1.bank.example.com answers [10.0.0.9]",
		"bank-1  ImagePullBackOff ",
		"    bank-1: ImagePullBackOff: no such image\n",
		"bank-1.use1.bank.example.com (the authority is silent)",
		"does not answer: connection refused",
		"Now, by the replicas' readiness: ",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, out.String())
		}
	}
	if s.Exposure.Available() {
		t.Errorf("with two of three replicas down or unseen a quorum is claimed: %v", s.Exposure)
	}
}
