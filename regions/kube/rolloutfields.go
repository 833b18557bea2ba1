package kube

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func isStatefulSet(object *unstructured.Unstructured) bool {
	return object.GetKind() == "StatefulSet" && object.GroupVersionKind().Group == appsv1.GroupName
}

func replicasField() []string { return []string{"spec", "replicas"} }

func partitionField() []string {
	return []string{"spec", "updateStrategy", "rollingUpdate", "partition"}
}

// withoutRollout is what ManagerQuorate applies: of a StatefulSet that exists, neither
// replicas nor partition.
func withoutRollout(object, live *unstructured.Unstructured) *unstructured.Unstructured {
	if live == nil || !isStatefulSet(object) {
		return object
	}
	out := object.DeepCopy()
	unstructured.RemoveNestedField(out.Object, replicasField()...)
	unstructured.RemoveNestedField(out.Object, partitionField()...)
	rolling, found, err := unstructured.NestedMap(out.Object, "spec", "updateStrategy", "rollingUpdate")
	if err == nil && found && len(rolling) == 0 {
		unstructured.RemoveNestedField(out.Object, "spec", "updateStrategy", "rollingUpdate")
	}
	return out
}

// withRolloutOf gives a dry run's result the replicas and partition of the live set: where
// ManagerQuorate alone still owns them, the dry run dropped them, which a real
// apply takes care not to do.
func withRolloutOf(after, live *unstructured.Unstructured) *unstructured.Unstructured {
	if live == nil || !isStatefulSet(after) {
		return after
	}
	out := after.DeepCopy()
	if replicas, found, err := unstructured.NestedFieldCopy(live.Object, replicasField()...); err == nil && found {
		_ = unstructured.SetNestedField(out.Object, replicas, replicasField()...) // spec is an object: the server returned it
	}
	strategy, _, _ := unstructured.NestedString(out.Object, "spec", "updateStrategy", "type")
	if strategy == string(appsv1.OnDeleteStatefulSetStrategyType) {
		return out
	}
	if partition, found, err := unstructured.NestedFieldCopy(live.Object, partitionField()...); err == nil && found {
		_ = unstructured.SetNestedField(out.Object, partition, partitionField()...) // as above
	}
	return out
}

// liveRollout are the fields' values in a live StatefulSet; a partition that is not there is 0
// (apps/v1 RollingUpdateStatefulSetStrategy).
func liveRollout(live *unstructured.Unstructured) RolloutFields {
	replicas, found, err := unstructured.NestedInt64(live.Object, replicasField()...)
	if err != nil || !found {
		replicas = 1
	}
	partition, _, _ := unstructured.NestedInt64(live.Object, partitionField()...)
	return RolloutFields{Replicas: int(replicas), Partition: int(partition)}
}

// rolloutOwned tells whether ManagerRollout owns both fields.
func rolloutOwned(live *unstructured.Unstructured) bool {
	managed := live.GetManagedFields()
	return slices.Contains(owners(managed, replicasPath()), ManagerRollout) &&
		slices.Contains(owners(managed, partitionPath()), ManagerRollout)
}

// heldBack tells whether no template change could replace a pod by itself.
func heldBack(live *unstructured.Unstructured) bool {
	strategy, _, _ := unstructured.NestedString(live.Object, "spec", "updateStrategy", "type")
	rollout := liveRollout(live)
	return strategy == string(appsv1.OnDeleteStatefulSetStrategyType) || rollout.Partition >= rollout.Replicas
}
