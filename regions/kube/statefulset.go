package kube

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"

	"quorate.dev/quorate/regions"
)

// RolloutFields are the two fields by which a run steps a StatefulSet.
type RolloutFields struct {
	Replicas  int // spec.replicas
	Partition int // spec.updateStrategy.rollingUpdate.partition: ordinals below it keep their revision
}

// InstallStatefulSet brings a StatefulSet into being without a single pod, its
// replicas and partition in the hands of ManagerRollout:
//
//  1. create it with replicas 0 as ManagerQuorate (a set for which nobody names
//     replicas gets one pod at once, and ManagerRollout cannot create one: it applies no template);
//  2. take replicas 0 and the partition over as ManagerRollout;
//  3. apply it again as ManagerQuorate without both.
//
// It may be cut off anywhere and repeated. An existing set keeps its replicas, and a
// partition that holds its pods back.
func (c *Cluster) InstallStatefulSet(ctx context.Context, object map[string]any, partition int) error {
	t, err := c.statefulSet(ctx, object)
	if err != nil {
		return err
	}
	live, err := c.get(ctx, t)
	if err != nil {
		return err
	}
	if live == nil {
		if err := c.createEmpty(ctx, t); err != nil {
			return err
		}
	}
	err = c.onLatest(ctx, t, func(live *unstructured.Unstructured) error {
		return c.splitManagers(ctx, t.ref, live, partition)
	})
	if err != nil {
		return err
	}
	_, err = c.ApplyStatefulSet(ctx, object)
	return err
}

func (c *Cluster) statefulSet(ctx context.Context, object map[string]any) (target, error) {
	t, err := c.target(ctx, object, "")
	if err == nil && !isStatefulSet(t.object) {
		err = fmt.Errorf("cluster %s: %s is no StatefulSet", c.name, t.ref)
	}
	return t, err
}

// createEmpty is step 1 of InstallStatefulSet.
func (c *Cluster) createEmpty(ctx context.Context, t target) error {
	empty := t.object.DeepCopy()
	unstructured.RemoveNestedField(empty.Object, partitionField()...)
	if err := unstructured.SetNestedField(empty.Object, int64(0), replicasField()...); err != nil {
		return fmt.Errorf("cluster %s: %s: %w", c.name, t.ref, err)
	}
	_, err := c.apply(ctx, t, empty, nil, metav1.ApplyOptions{FieldManager: ManagerQuorate})
	return err
}

// splitManagers gives replicas and partition to ManagerRollout where it lacks them, at
// the live replicas and at a partition that holds every pod there is.
func (c *Cluster) splitManagers(ctx context.Context, ref regions.ObjectRef, live *unstructured.Unstructured, partition int) error {
	switch {
	case live == nil:
		return c.absent(ref)
	case rolloutOwned(live):
		return nil
	}
	fields := liveRollout(live)
	fields.Partition = max(fields.Partition, fields.Replicas, partition)
	_, err := c.SetRollout(ctx, ref.Namespace, ref.Name, fields, live.GetResourceVersion())
	return err
}

// ApplyStatefulSet applies an existing StatefulSet as ManagerQuorate without its
// replicas and partition. Conflicts that are about ownership alone are forced; others are a
// Conflict. It refuses to change a set in which ManagerRollout does not own both fields (an
// apply without them would fall back to one pod) or whose partition would let the
// controller replace pods unasked, and checks both against the very state it writes over.
// Values of the managers in force are overwritten.
func (c *Cluster) ApplyStatefulSet(ctx context.Context, object map[string]any, force ...string) (Applied, error) {
	t, err := c.statefulSet(ctx, object)
	if err != nil {
		return Applied{}, err
	}
	var applied Applied
	err = c.onLatest(ctx, t, func(live *unstructured.Unstructured) error {
		switch {
		case live == nil:
			return c.absent(t.ref)
		case !rolloutOwned(live):
			return fmt.Errorf("cluster %s: apply %s: %s does not own its replicas and partition: set them first", c.name, t.ref, ManagerRollout)
		case !heldBack(live):
			return fmt.Errorf("cluster %s: apply %s: its partition is below its replicas, so that pods would be replaced unasked: raise the partition first", c.name, t.ref)
		}
		applied, err = c.takeOver(ctx, t, live, ApplyOptions{Manager: ManagerQuorate, TakeOver: true, Force: force})
		return err
	})
	return applied, err
}

func (c *Cluster) absent(ref regions.ObjectRef) error {
	return fmt.Errorf("cluster %s: %s does not exist", c.name, ref)
}

// onLatest runs a write against the latest state of an object (nil: it does not exist), again
// when that has changed meanwhile: a controller writes status all the time.
func (c *Cluster) onLatest(ctx context.Context, t target, write func(live *unstructured.Unstructured) error) error {
	backoff := wait.Backoff{Duration: 20 * time.Millisecond, Factor: 2, Jitter: 0.2, Steps: 8}
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		live, err := c.get(ctx, t)
		if err == nil {
			err = write(live)
		}
		last = err
		return !errors.Is(err, ErrChanged), nil
	})
	if last == nil && err != nil {
		return c.explain(ctx, "write "+t.ref.String(), err)
	}
	return last
}

// SetRollout applies replicas and partition as ManagerRollout, taking both from
// whoever else holds them, and returns the new resourceVersion. A non-empty
// resourceVersion is a precondition: ErrChanged when the set has moved on. (A repeated request whose
// first answer was lost reports ErrChanged too; observing again shows the write.)
//
// updateStrategy.type is applied along with the partition: an OnDelete set refuses
// rollingUpdate without it. Owning it is harmless to an overlay that says
// RollingUpdate or nothing; one that says OnDelete conflicts, as it should.
func (c *Cluster) SetRollout(ctx context.Context, namespace, name string, want RolloutFields, resourceVersion string) (string, error) {
	if want.Replicas < 0 || want.Partition < 0 {
		return "", fmt.Errorf("cluster %s: StatefulSet/%s/%s: replicas %d and partition %d: neither can be negative",
			c.name, namespace, name, want.Replicas, want.Partition)
	}
	metadata := map[string]any{"name": name, "namespace": namespace}
	if resourceVersion != "" {
		metadata["resourceVersion"] = resourceVersion
	}
	t, err := c.target(ctx, map[string]any{
		"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata,
		"spec": map[string]any{
			"replicas": int64(want.Replicas),
			"updateStrategy": map[string]any{
				"type": "RollingUpdate", "rollingUpdate": map[string]any{"partition": int64(want.Partition)},
			},
		},
	}, "")
	if err != nil {
		return "", err
	}
	after, err := c.patch(ctx, t, t.object, metav1.ApplyOptions{FieldManager: ManagerRollout, Force: true})
	if apierrors.IsInvalid(err) { // two fields make no StatefulSet: an absent one is refused as invalid
		if live, getErr := c.get(ctx, t); getErr == nil && live == nil {
			return "", fmt.Errorf("cluster %s: set replicas and partition: %s does not exist", c.name, t.ref)
		}
	}
	if err != nil {
		return "", c.conflict(t.ref, err)
	}
	return after.GetResourceVersion(), nil
}
