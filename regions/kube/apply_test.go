package kube

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"quorate.dev/quorate/regions"
)

func TestApplyAndDelete(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	object := configMap(namespace, "cm", map[string]any{"a": "1"})
	ours := ApplyOptions{Manager: ManagerQuorate}
	for _, changed := range []bool{true, false} {
		applied, err := c.Apply(t.Context(), object, ours)
		if err != nil || applied.Changed != changed || applied.ResourceVersion == "" {
			t.Errorf("%+v, %v; want changed %v", applied, err, changed)
		}
	}
	theirs := configMap(namespace, "cm", map[string]any{"a": "2"})
	for _, takeOver := range []bool{false, true} { // the value differs: taking over is no leave to overwrite it
		_, err := c.Apply(t.Context(), theirs, ApplyOptions{Manager: "other", TakeOver: takeOver})
		var conflict *Conflict
		if !errors.As(err, &conflict) || !slices.Equal(conflict.Fields, []regions.FieldConflict{{Manager: ManagerQuorate, Field: ".data.a"}}) {
			t.Errorf("take over %v: %v", takeOver, err)
		}
	}
	ref := regions.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: "cm"}
	for range 2 { // the second time it is gone already
		if err := c.Delete(t.Context(), ref); err != nil {
			t.Error(err)
		}
	}
	ref.Kind = "PersistentVolumeClaim"
	var kept *Kept
	if err := c.Delete(t.Context(), ref); !errors.As(err, &kept) {
		t.Errorf("%v, want Kept", err)
	}
	if _, err := c.Apply(t.Context(), database(namespace, 1), ours); err == nil {
		t.Error("a StatefulSet was applied past the split of its managers")
	}
}

func TestRecordUnderARace(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	if record, err := c.ReadRecord(t.Context(), namespace, "bank"); err != nil || record.Exists {
		t.Fatalf("%+v, %v", record, err)
	}
	var writers sync.WaitGroup
	names := []string{"f", "a", "e", "b", "d", "c"}
	for _, name := range names {
		writers.Go(func() {
			err := c.UpdateRecord(t.Context(), namespace, "bank", func(r *regions.Record) error {
				r.Inventory = append(r.Inventory, regions.ObjectRef{APIVersion: "v1", Kind: "ConfigMap", Namespace: namespace, Name: name})
				r.Clusters[name] = "uid-" + name
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	record, err := c.ReadRecord(t.Context(), namespace, "bank")
	if err != nil || !record.Exists || len(record.Clusters) != len(names) {
		t.Fatalf("%+v, %v", record, err)
	}
	if len(record.Inventory) != len(names) || !slices.IsSortedFunc(record.Inventory, regions.ObjectRef.Compare) {
		t.Errorf("%v", record.Inventory)
	}
	refusal := errors.New("no")
	err = c.UpdateRecord(t.Context(), namespace, "bank", func(r *regions.Record) error {
		r.Database.ClusterID = "x"
		return refusal
	})
	if !errors.Is(err, refusal) {
		t.Error(err)
	}
	if again, err := c.ReadRecord(t.Context(), namespace, "bank"); err != nil || again.Database.ClusterID != "" {
		t.Errorf("a refused edit was written: %+v, %v", again, err)
	}
}

func TestLeaseTakeover(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	clock := time.Now()
	now := func() time.Time { return clock }
	first := LeaseRequest{Holder: "run-1", Info: "host a, quorate apply", Duration: 30 * time.Second}
	second := LeaseRequest{Holder: "run-2", Info: "host b", Duration: 30 * time.Second}
	acquire := func(r LeaseRequest) (regions.LeaseState, error) {
		return c.AcquireLease(t.Context(), namespace, "quorate-bank", r, now)
	}
	if state, err := acquire(first); err != nil || state.Transitions != 1 || state.Holder != "run-1" || state.HolderInfo != first.Info {
		t.Fatalf("%+v, %v", state, err)
	}
	wantHeld := func() {
		t.Helper()
		_, err := acquire(second)
		var held *Held
		if !errors.As(err, &held) || held.Holder != "run-1" || held.Info != first.Info {
			t.Fatalf("%v, want Held", err)
		}
		if left := held.Expires.Sub(clock); left <= 0 || left > 30*time.Second {
			t.Errorf("it runs out in %s", left)
		}
	}
	wantHeld()
	clock = clock.Add(29 * time.Second)
	wantHeld()
	if _, err := c.RenewLease(t.Context(), namespace, "quorate-bank", first, now); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(29 * time.Second) // unchanged for 29 s only
	wantHeld()
	clock = clock.Add(29 * time.Second)
	wantHeld()
	clock = clock.Add(time.Second)
	if state, err := acquire(second); err != nil || state.Transitions != 2 || state.Holder != "run-2" {
		t.Fatalf("%+v, %v", state, err)
	}
}

func TestLeaseIsGivenUp(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	request := LeaseRequest{Holder: "run-2", Info: "host b", Duration: 30 * time.Second}
	acquire := func() (regions.LeaseState, error) {
		return c.AcquireLease(t.Context(), namespace, "quorate-bank", request, time.Now)
	}
	if _, err := acquire(); err != nil {
		t.Fatal(err)
	}
	other := LeaseRequest{Holder: "run-1", Duration: 30 * time.Second}
	var lost *LeaseLost
	if _, err := c.RenewLease(t.Context(), namespace, "quorate-bank", other, time.Now); !errors.As(err, &lost) || lost.Holder != "run-2" {
		t.Errorf("%v, want LeaseLost", err)
	}
	if err := c.ReleaseLease(t.Context(), namespace, "quorate-bank", "run-1", time.Now); !errors.As(err, &lost) {
		t.Errorf("%v, want LeaseLost", err)
	}
	if err := c.ReleaseLease(t.Context(), namespace, "quorate-bank", "run-2", time.Now); err != nil {
		t.Fatal(err)
	}
	if state, err := acquire(); err != nil || state.Transitions != 2 {
		t.Fatalf("a released Lease is free at once: %+v, %v", state, err)
	}
}

func TestLeaseRace(t *testing.T) {
	t.Parallel()
	c, namespace := sandboxCluster(t)
	var racers sync.WaitGroup
	won := make(chan string, 6)
	for _, holder := range []string{"a", "b", "c", "d", "e", "f"} {
		racers.Go(func() {
			_, err := c.AcquireLease(t.Context(), namespace, "l", LeaseRequest{Holder: holder, Duration: time.Minute}, time.Now)
			var held *Held
			switch {
			case err == nil:
				won <- holder
			case !errors.As(err, &held):
				t.Error(err)
			}
		})
	}
	racers.Wait()
	if len(won) != 1 {
		t.Errorf("%d won", len(won))
	}
}
