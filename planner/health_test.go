package planner

import (
	"strings"
	"testing"

	"quorate.dev/quorate/regions"
)

func TestBlocker(t *testing.T) {
	id := regions.ReplicaID{Cluster: "use1", Pool: "bank", Ordinal: 1}
	healthy := func() regions.ClusterState {
		return regions.ClusterState{
			Cluster:      "use1",
			StatefulSets: []regions.StatefulSetState{{Name: "bank", Generation: 3, ObservedGeneration: 3, Replicas: 2, AvailableReplicas: 1, ReadyReplicas: 1}},
			Pods:         []regions.PodState{{ID: id, Phase: "Running", Ready: true, IPs: []string{"10.0.0.1"}}},
			Claims:       []regions.ClaimState{{Name: "data-bank-1", Phase: "Bound"}, {Name: "data-bank-11", Phase: "Pending"}},
		}
	}
	tests := map[string]struct {
		edit           func(*regions.ClusterState)
		running, ready string // why not yet; empty: it is
	}{
		"healthy":      {func(*regions.ClusterState) {}, "", ""},
		"no set":       {func(s *regions.ClusterState) { s.StatefulSets = nil }, "StatefulSet bank does not exist", "StatefulSet bank does not exist"},
		"stale status": {func(s *regions.ClusterState) { s.StatefulSets[0].Generation = 4 }, "generation 4", "generation 4"},
		"never seen": {func(s *regions.ClusterState) {
			s.StatefulSets[0].Generation, s.StatefulSets[0].ObservedGeneration = 0, 0
		}, "has not seen", "has not seen"},
		"no pod, not its turn": {func(s *regions.ClusterState) { s.Pods = nil }, "pod does not exist yet; it is made once bank-0 is ready (podManagementPolicy OrderedReady)", "bank-0 is ready"},
		"no pod, its turn": {func(s *regions.ClusterState) {
			s.Pods = []regions.PodState{{ID: regions.ReplicaID{Cluster: "use1", Pool: "bank"}, Phase: "Running", Ready: true}}
		}, "pod does not exist yet", "pod does not exist yet"},
		"no pod, in parallel": {func(s *regions.ClusterState) {
			s.Pods, s.StatefulSets[0].Parallel = nil, true
		}, "pod does not exist yet", "pod does not exist yet"},
		"no pod":      {func(s *regions.ClusterState) { s.Pods = nil }, "pod does not exist yet", "pod does not exist yet"},
		"terminating": {func(s *regions.ClusterState) { s.Pods[0].Terminating = true }, "terminating", "terminating"},
		"cannot pull": {func(s *regions.ClusterState) {
			s.Pods[0].Waiting, s.Pods[0].WaitingMessage = "ErrImagePull", "no such tag"
		}, "ErrImagePull: no such tag", "ErrImagePull"},
		"pending":         {func(s *regions.ClusterState) { s.Pods[0].Phase = "Pending" }, "pod is Pending", "pod is Pending"},
		"failed":          {func(s *regions.ClusterState) { s.Pods[0].Phase = "Failed" }, "pod is Failed", "pod is Failed"},
		"no address":      {func(s *regions.ClusterState) { s.Pods[0].IPs = nil }, "no address", "no address"},
		"not ready":       {func(s *regions.ClusterState) { s.Pods[0].Ready = false }, "", "running, not ready"},
		"claim not bound": {func(s *regions.ClusterState) { s.Claims[0].Phase = "Pending" }, "volume claim data-bank-1", "volume claim data-bank-1"},
		"not available": {func(s *regions.ClusterState) {
			s.StatefulSets[0].MinReadySeconds, s.StatefulSets[0].AvailableReplicas = 30, 0
		}, "", "not yet available for 30 s"},
		"another set's claim": {func(s *regions.ClusterState) {
			s.StatefulSets = append(s.StatefulSets, regions.StatefulSetState{Name: "old-bank"})
			s.Claims = append(s.Claims, regions.ClaimState{Name: "data-old-bank-1", Phase: "Pending"})
		}, "", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			state := healthy()
			test.edit(&state)
			for condition, want := range map[Condition]string{ConditionRunning: test.running, ConditionReady: test.ready} {
				got := Blocker(state, id, condition)
				if (want == "") != (got == "") || !strings.Contains(got, want) {
					t.Errorf("%s: got %q, want %q", condition, got, want)
				}
			}
		})
	}
}

func TestDown(t *testing.T) {
	id := func(ordinal int) regions.ReplicaID {
		return regions.ReplicaID{Cluster: "use1", Pool: "bank", Ordinal: ordinal}
	}
	state := regions.ClusterState{
		Cluster:      "use1",
		StatefulSets: []regions.StatefulSetState{{Name: "bank", Replicas: 4}},
		Pods: []regions.PodState{
			{ID: id(0), Phase: "Running", Ready: true},
			{ID: id(1), Phase: "Running"},
			{ID: id(2), Phase: "Running", Ready: true, Terminating: true},
			{ID: id(4), Phase: "Running"}, // being scaled away: not expected any more
		},
	}
	down := Down([]regions.ClusterState{state})
	if len(down) != 3 || !down[id(1)] || !down[id(2)] || !down[id(3)] {
		t.Errorf("down are %v", down)
	}
}

// TestRevisionOf: of several equal revisions the controller takes the newest.
func TestRevisionOf(t *testing.T) {
	template := func(image string) map[string]any { return map[string]any{"image": image} }
	revisions := []regions.Revision{
		{Name: "a2", Number: 5, Template: template("A")},
		{Name: "b", Number: 4, Template: template("B")},
		{Name: "a1", Number: 1, Template: template("A")},
		{Name: "a3", Number: 6, Template: template("A")},
	}
	for image, want := range map[string]string{"A": "a3", "B": "b", "C": ""} {
		if got := revisionOf(revisions, template(image)); got != want {
			t.Errorf("template %s has revision %q, want %q", image, got, want)
		}
	}
}
