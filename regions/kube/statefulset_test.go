package kube

import (
	"errors"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"quorate.dev/quorate/regions"
)

func observeSet(t *testing.T, c *Cluster, namespace string) regions.StatefulSetState {
	t.Helper()
	state, err := c.Observe(t.Context(), dbScope(namespace))
	if err != nil {
		t.Fatal(err)
	}
	if len(state.StatefulSets) != 1 {
		t.Fatalf("%d StatefulSets, want 1", len(state.StatefulSets))
	}
	return state.StatefulSets[0]
}

func wantSplit(t *testing.T, set regions.StatefulSetState, replicas, partition int) {
	t.Helper()
	if set.Replicas != replicas || set.Partition != partition {
		t.Errorf("replicas %d, partition %d; want %d, %d", set.Replicas, set.Partition, replicas, partition)
	}
	rollout := []string{ManagerRollout}
	if !slices.Equal(set.ReplicasManagers, rollout) || !slices.Equal(set.PartitionManagers, rollout) {
		t.Errorf("managers of replicas %v, of the partition %v; want %v alone", set.ReplicasManagers, set.PartitionManagers, rollout)
	}
}

func TestInstallSplitsTheManagers(t *testing.T) {
	t.Parallel()
	// Each case is an installation that was cut off at another point.
	cases := map[string]func(*testing.T, *Cluster, target){
		"from nothing": func(*testing.T, *Cluster, target) {},
		"cut off after the creation": func(t *testing.T, c *Cluster, at target) {
			if err := c.createEmpty(t.Context(), at); err != nil {
				t.Fatal(err)
			}
		},
		"cut off after the take-over": func(t *testing.T, c *Cluster, at target) {
			if err := c.createEmpty(t.Context(), at); err != nil {
				t.Fatal(err)
			}
			if _, err := c.SetRollout(t.Context(), at.ref.Namespace, "db", RolloutFields{Partition: 3}, ""); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, before := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, namespace := sandboxCluster(t)
			object := database(namespace, 3)
			at, err := c.statefulSet(t.Context(), object)
			if err != nil {
				t.Fatal(err)
			}
			before(t, c, at)
			for range 2 { // repeating changes nothing
				if err := c.InstallStatefulSet(t.Context(), object, 3); err != nil {
					t.Fatal(err)
				}
				wantSplit(t, observeSet(t, c, namespace), 0, 3)
			}
			wantNoPodEver(t, c, namespace)
			wantUnchanged(t, c, namespace, object)
		})
	}
}

// wantNoPodEver looks for claims too: they outlive a pod that was there for a moment.
func wantNoPodEver(t *testing.T, c *Cluster, namespace string) {
	t.Helper()
	eventually(t, "the controller has seen the set", func() bool {
		set := observeSet(t, c, namespace)
		return set.ObservedGeneration == set.Generation
	})
	state, err := c.Observe(t.Context(), dbScope(namespace))
	if err != nil {
		t.Fatal(err)
	}
	if len(state.Pods)+len(state.Claims) != 0 {
		t.Errorf("pods %v, claims %v; an installation starts with none", state.Pods, state.Claims)
	}
}

func wantUnchanged(t *testing.T, c *Cluster, namespace string, object map[string]any) {
	t.Helper()
	applied, err := c.ApplyStatefulSet(t.Context(), object)
	if err != nil || applied.Changed {
		t.Errorf("applying it again: changed %v, %v", applied.Changed, err)
	}
	states, err := c.Compare(t.Context(), dbScope(namespace), []map[string]any{object})
	if err != nil {
		t.Fatal(err)
	}
	s := states[0]
	if len(s.Conflicts)+len(s.Shared) != 0 || s.Rejected != "" || s.ClientSide != "" {
		t.Errorf("compare: %+v", s)
	}
	if !equalObjects(s.Live, s.After) {
		t.Errorf("live and after differ:\n%v\n%v", s.Live, s.After)
	}
}

func TestInstallKeepsAnExistingSet(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	applyAs(t, c, database(namespace, 2), "kubectl", false)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 0); err != nil {
		t.Fatal(err)
	}
	set := observeSet(t, c, namespace)
	if set.Replicas != 2 || set.Partition != 2 {
		t.Errorf("replicas %d, partition %d; want both at the 2 pods there are", set.Replicas, set.Partition)
	}
	if want := []string{"kubectl", ManagerRollout}; !slices.Equal(set.ReplicasManagers, want) {
		t.Errorf("replicas are owned by %v, want %v", set.ReplicasManagers, want)
	}
	// Stepping takes the field from the other.
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: 3, Partition: 3}, ""); err != nil {
		t.Fatal(err)
	}
	wantSplit(t, observeSet(t, c, namespace), 3, 3)
}

func TestApplyStatefulSetRefuses(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if _, err := c.ApplyStatefulSet(t.Context(), database(namespace, 3)); err == nil {
		t.Error("a set that does not exist was applied")
	}
	applyAs(t, c, database(namespace, 1), ManagerQuorate, false)
	if _, err := c.ApplyStatefulSet(t.Context(), database(namespace, 1)); err == nil {
		t.Error("replicas would have been dropped by their only owner")
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: 1, Partition: 0}, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ApplyStatefulSet(t.Context(), setImage(database(namespace, 1), "example.com/db:v2")); err == nil {
		t.Error("a template was changed under a partition that lets pods be replaced")
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: 1, Partition: 1}, ""); err != nil {
		t.Fatal(err)
	}
	applied, err := c.ApplyStatefulSet(t.Context(), setImage(database(namespace, 1), "example.com/db:v2"))
	if err != nil || !applied.Changed {
		t.Errorf("changed %v, %v", applied.Changed, err)
	}
	wantSplit(t, observeSet(t, c, namespace), 1, 1)
}

func TestApplyStatefulSetConflicts(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	applyAs(t, c, setImage(database(namespace, 0), "example.com/db:theirs"), "somebody", false)
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{}, ""); err != nil {
		t.Fatal(err)
	}
	_, err := c.ApplyStatefulSet(t.Context(), database(namespace, 0))
	var conflict *Conflict
	if !errors.As(err, &conflict) {
		t.Fatalf("%v is no Conflict", err)
	}
	want := []regions.FieldConflict{{Manager: "somebody", Field: `.spec.template.spec.containers[name="db"].image`}}
	if !slices.Equal(conflict.Fields, want) {
		t.Errorf("conflicts %v, want %v", conflict.Fields, want)
	}
	// What is left is a matter of ownership, and is taken.
	if _, err := c.ApplyStatefulSet(t.Context(), setImage(database(namespace, 0), "example.com/db:theirs")); err != nil {
		t.Error(err)
	}
}

func TestSetRolloutPrecondition(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 3); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the controller is done writing status", func() bool {
		set := observeSet(t, c, namespace)
		return set.ObservedGeneration == set.Generation && set.UpdateRevision != ""
	})
	seen := observeSet(t, c, namespace).ResourceVersion
	next, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Partition: 4}, seen)
	if err != nil || next == seen {
		t.Fatalf("resourceVersion %q after %q, %v", next, seen, err)
	}
	_, err = c.SetRollout(t.Context(), namespace, "db", RolloutFields{Partition: 5}, seen)
	if !errors.Is(err, ErrChanged) {
		t.Errorf("%v, want ErrChanged", err)
	}
	if _, conflicts := errors.AsType[*Conflict](err); conflicts {
		t.Error("a changed resourceVersion was taken for a conflict over fields")
	}
	if set := observeSet(t, c, namespace); set.Partition != 4 {
		t.Errorf("partition %d, want 4", set.Partition)
	}
	for _, version := range []string{"", seen} {
		_, err := c.SetRollout(t.Context(), namespace, "absent", RolloutFields{}, version)
		if err == nil || !strings.Contains(err.Error(), "absent") {
			t.Errorf("a set that does not exist was stepped: %v", err)
		}
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Replicas: -1}, ""); err == nil {
		t.Error("negative replicas were taken")
	}
}

// What SetRollout's comment says about owning updateStrategy.type.
func TestOwningTheStrategyType(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if err := c.InstallStatefulSet(t.Context(), database(namespace, 3), 3); err != nil {
		t.Fatal(err)
	}
	withType := func(strategy string) map[string]any {
		object := database(namespace, 3)
		object["spec"].(map[string]any)["updateStrategy"] = map[string]any{"type": strategy}
		return object
	}
	if s := compareOne(t, c, namespace, withType("RollingUpdate")); len(s.Conflicts)+len(s.Shared) != 0 || !equalObjects(s.Live, s.After) {
		t.Errorf("an overlay that names the same type: %+v", s)
	}
	s := compareOne(t, c, namespace, withType("OnDelete"))
	want := []regions.FieldConflict{{Manager: ManagerRollout, Field: ".spec.updateStrategy.type"}}
	if !slices.Equal(undated(t, s.Conflicts), want) {
		t.Errorf("an overlay that says OnDelete: conflicts %v, want %v", s.Conflicts, want)
	}
	for _, strategy := range []string{"RollingUpdate", ""} { // naming it and leaving it out again
		object := database(namespace, 3)
		if strategy != "" {
			object = withType(strategy)
		}
		if _, err := c.ApplyStatefulSet(t.Context(), object); err != nil {
			t.Error(err)
		}
		wantSplit(t, observeSet(t, c, namespace), 0, 3)
	}
}

func TestSetRolloutOnOnDelete(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	object := database(namespace, 0)
	if err := unstructured.SetNestedField(object["spec"].(map[string]any), "OnDelete", "updateStrategy", "type"); err != nil {
		t.Fatal(err)
	}
	applyAs(t, c, object, "kubectl", false)
	typeless, err := c.target(t.Context(), map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": map[string]any{"name": "db", "namespace": namespace},
		"spec": map[string]any{"updateStrategy": map[string]any{"rollingUpdate": map[string]any{"partition": 2}}},
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	opts := metav1.ApplyOptions{FieldManager: ManagerRollout, Force: true, DryRun: []string{metav1.DryRunAll}}
	if _, err := c.patch(t.Context(), typeless, typeless.object, opts); err == nil {
		t.Error("an OnDelete set takes a partition without a type: SetRollout need not own the type")
	}
	if _, err := c.SetRollout(t.Context(), namespace, "db", RolloutFields{Partition: 2}, ""); err != nil {
		t.Fatal(err)
	}
	if set := observeSet(t, c, namespace); set.OnDelete || set.Partition != 2 {
		t.Errorf("OnDelete %v, partition %d", set.OnDelete, set.Partition)
	}
}
