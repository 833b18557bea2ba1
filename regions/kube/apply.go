package kube

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"quorate.dev/quorate/regions"
)

// ApplyOptions say as whom to apply, and whether to share fields with their other managers.
type ApplyOptions struct {
	Manager string
	// TakeOver makes Manager an owner of fields that others own at the very value applied. A field that
	// another manager holds at a different value is a Conflict all the same.
	TakeOver bool
	// Force are managers whose fields are taken at whatever value they hold them.
	Force []string
}

// Applied is the outcome of an apply.
type Applied struct {
	ResourceVersion string
	Changed         bool // false: the object was already so, and its fields' managers too
}

// Apply applies one object that is no StatefulSet (server-side apply). Fields that other
// managers own are a Conflict; with TakeOver only those which they own at
// another value, judged by the very state that is written over. Repeating it is harmless.
func (c *Cluster) Apply(ctx context.Context, object map[string]any, opts ApplyOptions) (Applied, error) {
	t, err := c.target(ctx, object, "")
	if err != nil {
		return Applied{}, err
	}
	if isStatefulSet(t.object) {
		return Applied{}, fmt.Errorf("cluster %s: apply %s: a StatefulSet goes through InstallStatefulSet or ApplyStatefulSet", c.name, t.ref)
	}
	var applied Applied
	err = c.onLatest(ctx, t, func(live *unstructured.Unstructured) error {
		if opts.TakeOver || len(opts.Force) > 0 {
			applied, err = c.takeOver(ctx, t, live, opts)
		} else {
			applied, err = c.apply(ctx, t, t.object, live, metav1.ApplyOptions{FieldManager: opts.Manager})
		}
		return err
	})
	return applied, err
}

// takeOver applies over exactly the state given: unforced, and forced where a forced dry run
// shows that nothing is in the way but ownership, where that may be taken, and values of managers
// that may be forced.
func (c *Cluster) takeOver(ctx context.Context, t target, live *unstructured.Unstructured, opts ApplyOptions) (Applied, error) {
	manager := opts.Manager
	unbound := withoutRollout(t.object, live)
	object := unbound.DeepCopy()
	if live != nil {
		object.SetResourceVersion(live.GetResourceVersion())
	}
	applied, err := c.apply(ctx, t, object, live, metav1.ApplyOptions{FieldManager: manager})
	conflict, conflicts := errors.AsType[*Conflict](err)
	switch {
	case !conflicts:
		return applied, err
	case live == nil: // somebody made it meanwhile
		return Applied{}, &Changed{Cluster: c.name, Object: t.ref, Err: err}
	}
	trial, tryErr := c.try(ctx, t, unbound, live, manager)
	left := slices.DeleteFunc(slices.Clone(trial.conflicts), func(f regions.FieldConflict) bool { return slices.Contains(opts.Force, f.Manager) })
	shared := slices.DeleteFunc(slices.Clone(trial.shared), func(m string) bool { return opts.TakeOver || slices.Contains(opts.Force, m) })
	switch {
	case tryErr != nil:
		return Applied{}, errors.Join(err, tryErr)
	case trial.after == nil:
		return Applied{}, fmt.Errorf("%w; forced, it would be refused: %s", err, trial.rejected+trial.clientSide)
	case len(left) > 0:
		conflict.Fields = left
		return Applied{}, err
	case len(shared) > 0:
		return Applied{}, err
	}
	return c.apply(ctx, t, object, live, metav1.ApplyOptions{FieldManager: manager, Force: true})
}

// apply applies an object and compares with what was live before.
func (c *Cluster) apply(ctx context.Context, t target, object, live *unstructured.Unstructured, opts metav1.ApplyOptions) (Applied, error) {
	after, err := c.patch(ctx, t, object, opts)
	if err != nil {
		return Applied{}, c.conflict(t.ref, err)
	}
	return Applied{ResourceVersion: after.GetResourceVersion(), Changed: changed(live, after)}, nil
}

// changed tells whether an apply did anything. A new resourceVersion alone does not mean that: an
// apply that changes nothing may still put managedFields, which are ordered by time, in another order.
func changed(before, after *unstructured.Unstructured) bool {
	if before == nil {
		return true
	}
	return !reflect.DeepEqual(stripped(before).Object, stripped(after).Object) ||
		!reflect.DeepEqual(ownership(before), ownership(after))
}

// conflict gives a 409 its type: fields of other managers, or a state that has moved on.
func (c *Cluster) conflict(ref regions.ObjectRef, err error) error {
	var lost *Unreachable
	switch {
	case err == nil || errors.As(err, &lost) || !apierrors.IsConflict(err):
		return err
	case len(fieldConflicts(err)) > 0:
		return &Conflict{Cluster: c.name, Object: ref, Fields: fieldConflicts(err), Err: err}
	default:
		return &Changed{Cluster: c.name, Object: ref, Err: err}
	}
}

// EnsureNamespace makes the namespace exist with the labels and annotations
// given. One that has them already is left alone, so that no right to write namespaces is
// needed. A namespace that is being deleted is an error.
func (c *Cluster) EnsureNamespace(ctx context.Context, object map[string]any) (Applied, error) {
	t, err := c.target(ctx, object, "")
	if err != nil {
		return Applied{}, err
	}
	if t.ref.Kind != "Namespace" {
		return Applied{}, fmt.Errorf("cluster %s: %s is no Namespace", c.name, t.ref)
	}
	live, err := c.get(ctx, t)
	switch {
	case err != nil:
		return Applied{}, err
	case live == nil:
	case live.GetDeletionTimestamp() != nil:
		return Applied{}, fmt.Errorf("cluster %s: %s is being deleted: wait until it is gone, then run again", c.name, t.ref)
	case within(t.object.GetLabels(), live.GetLabels()) && within(t.object.GetAnnotations(), live.GetAnnotations()):
		return Applied{ResourceVersion: live.GetResourceVersion()}, nil
	}
	return c.apply(ctx, t, t.object, live, metav1.ApplyOptions{FieldManager: ManagerQuorate})
}

// within tells whether every entry of part is in whole.
func within(part, whole map[string]string) bool {
	for key, want := range part {
		if have, ok := whole[key]; !ok || have != want {
			return false
		}
	}
	return true
}
