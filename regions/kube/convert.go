package kube

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/json"

	"quorate.dev/quorate/regions"
)

// assemble makes the pure state of what was read, without record and Lease.
func (c *Cluster) assemble(scope Scope, f facts, l listing) regions.ClusterState {
	state := regions.ClusterState{
		Cluster: c.name, Region: scope.Region, ServerVersion: f.version, UID: f.uid, Sandbox: f.sandbox,
		Namespace: scope.Namespace, NamespaceExists: f.namespace, Nodes: nodeStates(f.nodes), Seen: l.seen,
	}
	if f.nodesSeen != "" {
		state.Seen["nodes"] = f.nodesSeen
	} else {
		state.NotLooked = append(state.NotLooked, "nodes")
	}
	sets := slices.DeleteFunc(slices.Clone(l.sets), func(set *appsv1.StatefulSet) bool {
		return !slices.Contains(scope.Pools, set.Name)
	})
	for _, set := range sets {
		state.StatefulSets = append(state.StatefulSets, setState(set, l.revisions))
	}
	zones := map[string]string{}
	for _, node := range f.nodes {
		zones[node.Name] = node.Labels[corev1.LabelTopologyZone]
	}
	for _, pod := range l.pods {
		if id, ok := replicaOf(pod, scope.Pools); ok {
			id.Cluster = c.name
			state.Pods = append(state.Pods, podState(pod, id, scope.Container, zones))
		}
	}
	for _, claim := range l.claims {
		if claimOfPools(claim.Name, scope.Pools, l.sets) {
			state.Claims = append(state.Claims, regions.ClaimState{
				Name: claim.Name, UID: string(claim.UID), Phase: string(claim.Status.Phase),
			})
		}
	}
	sortState(&state)
	return state
}

func sortState(state *regions.ClusterState) {
	slices.SortFunc(state.StatefulSets, func(a, b regions.StatefulSetState) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(state.Pods, func(a, b regions.PodState) int {
		return cmp.Or(cmp.Compare(a.ID.Pool, b.ID.Pool), cmp.Compare(a.ID.Ordinal, b.ID.Ordinal))
	})
	slices.SortFunc(state.Claims, func(a, b regions.ClaimState) int { return cmp.Compare(a.Name, b.Name) })
}

// nodeStates are the nodes that take pods: cordoned ones do not.
func nodeStates(nodes []corev1.Node) []regions.NodeState {
	var states []regions.NodeState
	for _, node := range nodes {
		if node.Spec.Unschedulable {
			continue
		}
		ready := slices.ContainsFunc(node.Status.Conditions, func(condition corev1.NodeCondition) bool {
			return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
		})
		states = append(states, regions.NodeState{
			Name: node.Name, Zone: node.Labels[corev1.LabelTopologyZone],
			Region: node.Labels[corev1.LabelTopologyRegion], Ready: ready,
		})
	}
	slices.SortFunc(states, func(a, b regions.NodeState) int { return cmp.Compare(a.Name, b.Name) })
	return states
}

func setState(set *appsv1.StatefulSet, revisions []*appsv1.ControllerRevision) regions.StatefulSetState {
	state := regions.StatefulSetState{
		Name: set.Name, UID: string(set.UID), ResourceVersion: set.ResourceVersion,
		Generation: set.Generation, ObservedGeneration: set.Status.ObservedGeneration,
		Replicas:          1, // what apps/v1 makes of none
		OnDelete:          set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType,
		Parallel:          set.Spec.PodManagementPolicy == appsv1.ParallelPodManagement,
		CurrentRevision:   set.Status.CurrentRevision,
		UpdateRevision:    set.Status.UpdateRevision,
		AvailableReplicas: int(set.Status.AvailableReplicas),
		ReadyReplicas:     int(set.Status.ReadyReplicas),
		MinReadySeconds:   int(set.Spec.MinReadySeconds),
		Revisions:         revisionsOf(set, revisions),
		ReplicasManagers:  owners(set.ManagedFields, replicasPath()),
		PartitionManagers: owners(set.ManagedFields, partitionPath()),
		ReplicasTime:      writtenAt(set.ManagedFields, replicasPath(), ""),
	}
	if set.Spec.Replicas != nil {
		state.Replicas = int(*set.Spec.Replicas)
	}
	if rolling := set.Spec.UpdateStrategy.RollingUpdate; rolling != nil && rolling.Partition != nil {
		state.Partition = int(*rolling.Partition)
	}
	return state
}

// revisionsOf are the set's own revisions, oldest first.
func revisionsOf(set *appsv1.StatefulSet, all []*appsv1.ControllerRevision) []regions.Revision {
	var revisions []regions.Revision
	for _, revision := range all {
		if owner := metav1.GetControllerOf(revision); owner != nil && owner.UID == set.UID {
			revisions = append(revisions, regions.Revision{
				Name: revision.Name, Number: revision.Revision, Template: revisionTemplate(revision.Data.Raw),
			})
		}
	}
	slices.SortFunc(revisions, func(a, b regions.Revision) int {
		return cmp.Or(cmp.Compare(a.Number, b.Number), cmp.Compare(a.Name, b.Name))
	})
	return revisions
}

// revisionTemplate is the pod template in a StatefulSet's ControllerRevision, a patch
// {"spec":{"template":{…,"$patch":"replace"}}} (kubernetes, stateful_set_utils.go getPatch);
// nil where it holds something else.
func revisionTemplate(raw []byte) map[string]any {
	var patch struct {
		Spec struct {
			Template map[string]any `json:"template"`
		} `json:"spec"`
	}
	if json.Unmarshal(raw, &patch) != nil {
		return nil
	}
	delete(patch.Spec.Template, "$patch")
	return patch.Spec.Template
}

// replicaOf tells which replica of the pools a pod is: by the set that owns it,
// and its index label (Kubernetes 1.28) or the number in its name.
func replicaOf(pod *corev1.Pod, pools []string) (regions.ReplicaID, bool) {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "StatefulSet" || !slices.Contains(pools, owner.Name) {
		return regions.ReplicaID{}, false
	}
	index, labelled := pod.Labels[appsv1.PodIndexLabel]
	if !labelled {
		index = strings.TrimPrefix(pod.Name, owner.Name+"-")
	}
	ordinal, err := strconv.Atoi(index)
	if err != nil || ordinal < 0 {
		return regions.ReplicaID{}, false
	}
	return regions.ReplicaID{Pool: owner.Name, Ordinal: ordinal}, true
}

// claimOfPools tells whether a claim is of one of the pools. Where the pool's set is there its
// templates decide; of a set that is gone any template might have been. sets are all
// of the namespace: a claim may be of one that is none of ours.
func claimOfPools(claim string, pools []string, sets []*appsv1.StatefulSet) bool {
	names := slices.Clone(pools)
	for _, set := range sets {
		names = append(names, set.Name)
	}
	pool, ordinal, ok := regions.ClaimReplica(claim, names)
	template := strings.TrimSuffix(claim, fmt.Sprintf("-%s-%d", pool, ordinal))
	return ok && slices.Contains(pools, pool) && mayBeTemplate(template, pool, sets)
}

func mayBeTemplate(template, pool string, sets []*appsv1.StatefulSet) bool {
	i := slices.IndexFunc(sets, func(set *appsv1.StatefulSet) bool { return set.Name == pool })
	return i < 0 || slices.ContainsFunc(sets[i].Spec.VolumeClaimTemplates, func(claim corev1.PersistentVolumeClaim) bool {
		return claim.Name == template
	})
}

func podState(pod *corev1.Pod, id regions.ReplicaID, container string, zones map[string]string) regions.PodState {
	state := regions.PodState{
		ID: id, UID: string(pod.UID), ResourceVersion: pod.ResourceVersion, Revision: pod.Labels[appsv1.ControllerRevisionHashLabelKey],
		Phase: string(pod.Status.Phase), Terminating: pod.DeletionTimestamp != nil,
		Node: pod.Spec.NodeName, Zone: cmp.Or(pod.Labels[corev1.LabelTopologyZone], zones[pod.Spec.NodeName]),
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			state.Ready, state.ReadySince = true, condition.LastTransitionTime.Time
		}
	}
	for _, ip := range pod.Status.PodIPs {
		state.IPs = append(state.IPs, ip.IP)
	}
	if name := databaseContainer(pod, container); name != "" {
		state.Image, state.Restarts = containerFacts(pod, name)
	}
	state.Waiting, state.WaitingMessage = waiting(pod)
	return state
}

// databaseContainer is the named container, or the first where none of that name is there.
func databaseContainer(pod *corev1.Pod, name string) string {
	for _, container := range pod.Spec.Containers {
		if container.Name == name {
			return name
		}
	}
	if len(pod.Spec.Containers) == 0 {
		return ""
	}
	return pod.Spec.Containers[0].Name
}

func containerFacts(pod *corev1.Pod, name string) (image string, restarts int) {
	for _, container := range pod.Spec.Containers {
		if container.Name == name {
			image = container.Image
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		if status.Name == name {
			restarts = int(status.RestartCount)
		}
	}
	return image, restarts
}

// waiting says what keeps a pod from running, beyond what passes by itself:
// not scheduled, or a container that cannot start. Init containers come first, as they run first.
func waiting(pod *corev1.Pod) (reason, message string) {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse {
			return cmp.Or(condition.Reason, corev1.PodReasonUnschedulable), condition.Message
		}
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		blocked := status.State.Waiting
		if blocked == nil {
			continue
		}
		switch blocked.Reason {
		case "", "ContainerCreating", "PodInitializing":
		default:
			return blocked.Reason, fmt.Sprintf("container %s: %s", status.Name, blocked.Message)
		}
	}
	return "", ""
}
