package planner

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/regions"
)

// Blocker says why a replica does not meet a condition yet, in words for people;
// it is empty where the condition holds. The rules are stricter than kstatus:
// the controller must have observed the newest spec, volumes must be bound, and a
// ready pod must also be available (minReadySeconds).
func Blocker(state regions.ClusterState, id regions.ReplicaID, want Condition) string {
	set := FindSet(state, id.Pool)
	if set == nil {
		return fmt.Sprintf("%s: StatefulSet %s does not exist", id, id.Pool)
	}
	if set.ObservedGeneration < set.Generation || set.ObservedGeneration == 0 {
		return fmt.Sprintf("%s: the StatefulSet controller has not seen generation %d yet", id, set.Generation)
	}
	pod := FindPod(state, id)
	if pod == nil {
		return fmt.Sprintf("%s: pod does not exist yet%s", id, turn(state, *set, id))
	}
	if reason := podBlocker(*pod, want); reason != "" {
		return fmt.Sprintf("%s: %s", id, reason)
	}
	if claim := unboundClaim(state, id); claim != "" {
		return fmt.Sprintf("%s: volume claim %s is not bound", id, claim)
	}
	if want == ConditionReady && set.MinReadySeconds > 0 && set.AvailableReplicas < countUp(state, id.Pool) {
		return fmt.Sprintf("%s: ready, not yet available for %d s", id, set.MinReadySeconds)
	}
	return ""
}

func podBlocker(pod regions.PodState, want Condition) string {
	switch {
	case pod.Terminating:
		return "the old pod is terminating"
	case pod.Waiting != "":
		return withMessage(pod.Waiting, pod.WaitingMessage)
	case pod.Phase != "Running":
		return "pod is " + pod.Phase
	case len(pod.IPs) == 0:
		return "pod has no address yet"
	case want == ConditionReady && !pod.Ready:
		return "pod is running, not ready"
	}
	return ""
}

func withMessage(reason, message string) string {
	if message == "" {
		return reason
	}
	return reason + ": " + message
}

// unboundClaim names a volume claim of the replica that is not bound, or nothing.
func unboundClaim(state regions.ClusterState, id regions.ReplicaID) string {
	for _, c := range state.Claims {
		if regions.ClaimOf(state, c, id) && c.Phase != "Bound" {
			return c.Name
		}
	}
	return ""
}

func countUp(state regions.ClusterState, pool string) int {
	n := 0
	for _, p := range state.Pods {
		if p.ID.Pool == pool && p.Up() {
			n++
		}
	}
	return n
}

// FindSet is the pool's StatefulSet, nil where there is none.
func FindSet(state regions.ClusterState, pool string) *regions.StatefulSetState {
	for i := range state.StatefulSets {
		if state.StatefulSets[i].Name == pool {
			return &state.StatefulSets[i]
		}
	}
	return nil
}

// FindPod is the replica's pod, nil where there is none.
func FindPod(state regions.ClusterState, id regions.ReplicaID) *regions.PodState {
	for i := range state.Pods {
		if state.Pods[i].ID == id {
			return &state.Pods[i]
		}
	}
	return nil
}

// Expected are the replicas that a cluster should have now: those of every
// StatefulSet's live spec.replicas.
func Expected(state regions.ClusterState) []regions.ReplicaID {
	var out []regions.ReplicaID
	for _, set := range state.StatefulSets {
		for i := range set.Replicas {
			out = append(out, regions.ReplicaID{Cluster: state.Cluster, Pool: set.Name, Ordinal: i})
		}
	}
	return out
}

// Down are the expected replicas that do not serve, whoever took them down.
func Down(states []regions.ClusterState) map[regions.ReplicaID]bool {
	down := map[regions.ReplicaID]bool{}
	for _, state := range states {
		for _, id := range Expected(state) {
			if pod := FindPod(state, id); pod == nil || !pod.Up() {
				down[id] = true
			}
		}
	}
	return down
}

// ExposureNow is what could fail safely now, as the replicas of a topology are seen: whoever does not
// serve counts as down, and so does whoever nobody can see.
func ExposureNow(t *regions.Topology, states []regions.ClusterState) regions.Exposure {
	down := Down(states)
	for _, r := range t.Replicas() {
		if !slices.ContainsFunc(states, func(s regions.ClusterState) bool { return FindPod(s, r.ID) != nil }) {
			down[r.ID] = true
		}
	}
	return regions.LiveLayout(t, states).Exposure(down)
}
