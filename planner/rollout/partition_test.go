package rollout

import (
	"testing"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// The partition lets the controller take the target and nobody else.
func TestPartitionLetsGoTheTargetAlone(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		revisions string // of pods 0, 1, …: n new, o old, - no pod
		partition int
		target    int
		want      int
		refused   bool
	}{
		"lowered by one":               {"oon", 2, 1, 1, false},
		"first of all":                 {"ooo", 3, 2, 2, false},
		"low already":                  {"ooo", 2, 2, 2, false},
		"left low: the rest held back": {"ooo", 0, 2, 2, false},
		"left low, the rest updated":   {"nno", 0, 2, 0, false},
		"left low in the middle":       {"oon", 0, 1, 1, false},
		"a higher one is outdated too": {"noo", 3, 1, 0, true},
		"the target has no pod":        {"on-", 3, 2, 2, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			set := regions.StatefulSetState{Name: "db", Replicas: len(c.revisions), Partition: c.partition, UpdateRevision: "n", CurrentRevision: "o"}
			state := regions.ClusterState{Cluster: "a", StatefulSets: []regions.StatefulSetState{set}}
			for i, r := range c.revisions {
				if r != '-' {
					id := regions.ReplicaID{Cluster: "a", Pool: "db", Ordinal: i}
					state.Pods = append(state.Pods, regions.PodState{ID: id, Revision: string(r), Phase: "Running", Ready: true})
				}
			}
			target := regions.ReplicaID{Cluster: "a", Pool: "db", Ordinal: c.target}
			step := updateStep{stepBase{step: planner.Step{Cluster: "a", Payload: planner.Payload{Targets: []regions.ReplicaID{target}}}}}
			got, err := step.partition(state, &set)
			if (err != nil) != c.refused || got != c.want {
				t.Errorf("partition %d, %v; want %d, refused %t", got, err, c.want, c.refused)
			}
		})
	}
}
