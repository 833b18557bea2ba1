package kube

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"quorate.dev/quorate/regions"
)

// compareConcurrency bounds the objects compared at once in one cluster. Round trips are what takes the
// time, so that it is above what an overlay holds; it is a bound all the same, since what an API server cannot
// serve at once it queues, and beyond its queues refuses (priority and fairness: 429).
const compareConcurrency = 128

// Compare asks the cluster what each object is now and what applying it as
// ManagerQuorate would make of it, by a server-side dry run, in the order given. Nothing
// is changed. Objects that name no namespace are looked for in the scope's. Of a
// StatefulSet that exists, replicas and partition stay as they are (ManagerRollout steps
// them). A refusal is part of the answer; an error means that there is no
// answer: Unreachable, Forbidden to read, or several of them.
func (c *Cluster) Compare(ctx context.Context, scope Scope, objects []map[string]any) ([]regions.ObjectState, error) {
	return c.compareAll(ctx, scope, objects, func(ctx context.Context, t target) (regions.ObjectState, error) {
		return c.compare(ctx, t, scope.TakeFrom)
	})
}

func (c *Cluster) compareAll(ctx context.Context, scope Scope, objects []map[string]any, compare func(context.Context, target) (regions.ObjectState, error)) ([]regions.ObjectState, error) {
	states := make([]regions.ObjectState, len(objects))
	errs := make([]error, len(objects))
	var group errgroup.Group
	group.SetLimit(compareConcurrency)
	for i, object := range objects {
		// One after the other: the first discovery serves all, and a dead cluster is asked once.
		t, err := c.target(ctx, object, scope.Namespace)
		if meta.IsNoMatchError(err) {
			states[i] = c.unknownKind(t)
			continue
		}
		if err != nil {
			errs[i] = err
			break
		}
		group.Go(func() error {
			states[i], errs[i] = compare(ctx, t)
			return nil
		})
	}
	_ = group.Wait() // the tasks report through errs
	if err := gather(errs); err != nil {
		return nil, err
	}
	return states, nil
}

func (c *Cluster) unknownKind(t target) regions.ObjectState {
	return regions.ObjectState{
		Ref: t.ref, After: c.presentable(t.object),
		Rejected: "the cluster has no kind " + t.ref.Kind + " in " + t.ref.APIVersion +
			"; install its CustomResourceDefinition or a version of Kubernetes that has it",
	}
}

func (c *Cluster) compare(ctx context.Context, t target, takeFrom []string) (regions.ObjectState, error) {
	live, err := c.get(ctx, t)
	if err != nil {
		return regions.ObjectState{}, err
	}
	state := regions.ObjectState{Ref: t.ref}
	if live != nil {
		state.Live = c.presentable(live)
	}
	trial, err := c.try(ctx, t, withoutRollout(t.object, live), live, ManagerQuorate)
	if err != nil {
		return regions.ObjectState{}, err
	}
	state.Conflicts, state.Shared = dated(trial.conflicts, live), trial.shared
	state.ClientSide, state.Rejected = trial.clientSide, trial.rejected
	if t.ref.Kind != "Namespace" { // nothing of one is taken, see EnsureNamespace
		state.Shared = withFormer(state.Shared, live, takeFrom)
	}
	after := t.object
	if trial.after != nil {
		after = withRolloutOf(trial.after, live)
	}
	state.After = c.presentable(after)
	return state, nil
}

// trial is how a dry run ended; after is nil where there was none.
type trial struct {
	after      *unstructured.Unstructured
	conflicts  []regions.FieldConflict
	shared     []string
	clientSide string
	rejected   string
}

// try dry-runs an object as a manager: unforced, and, should managers conflict,
// forced as well, to tell real conflicts from those of ownership.
func (c *Cluster) try(ctx context.Context, t target, object, live *unstructured.Unstructured, manager string) (trial, error) {
	opts := metav1.ApplyOptions{FieldManager: manager, DryRun: []string{metav1.DryRunAll}}
	after, err := c.patch(ctx, t, object, opts)
	conflicts := fieldConflicts(err)
	if len(conflicts) == 0 || live == nil {
		return judge(t.ref, after, err)
	}
	opts.Force = true
	forced, err := c.patch(ctx, t, object, opts)
	result, err := judge(t.ref, forced, err)
	if result.after == nil {
		result.conflicts = conflicts
		return result, err
	}
	result.conflicts, result.shared = sortConflicts(conflicts, live, forced)
	return result, err
}

// judge makes an answer of a dry run's refusal; err is what is no answer.
func judge(ref regions.ObjectRef, after *unstructured.Unstructured, err error) (trial, error) {
	switch {
	case err == nil:
		return trial{after: after}, nil
	case missingNamespace(err):
		return trial{clientSide: "namespace " + ref.Namespace + " does not exist yet"}, nil
	case lacksRight(err):
		return trial{clientSide: "no permission for a dry run: " + answer(err)}, nil
	case strings.Contains(err.Error(), "does not support dry run"):
		return trial{clientSide: "a webhook has side effects: " + answer(err)}, nil
	case refused(err):
		return trial{rejected: answer(err)}, nil
	}
	return trial{}, err
}

// missingNamespace knows the 404 that an object gets whose namespace does not exist.
func missingNamespace(err error) bool {
	var status apierrors.APIStatus
	return apierrors.IsNotFound(err) && errors.As(err, &status) &&
		status.Status().Details != nil && status.Status().Details.Kind == "namespaces"
}

// refused knows the answers by which the API server, or an admission webhook, says
// that the object cannot be so: 422 invalid or immutable, 400 malformed or denied, 403 denied,
// 409 and 404 for what is in the way or missing, 500 for a field no schema declares.
func refused(err error) bool {
	switch statusCode(err) {
	case http.StatusUnprocessableEntity, http.StatusBadRequest, http.StatusForbidden,
		http.StatusConflict, http.StatusNotFound:
		return true
	case http.StatusInternalServerError:
		return strings.Contains(err.Error(), "failed to create typed patch object")
	}
	return false
}

// answer is the API server's own sentence, without the long values in it.
func answer(err error) string {
	if hidden, ok := errors.AsType[*redacted](err); ok {
		return withoutValues(hidden.text)
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		return withoutValues(status.Status().Message)
	}
	return err.Error()
}

// presentable is an object as it may be shown and compared.
func (c *Cluster) presentable(object *unstructured.Unstructured) map[string]any {
	return c.masker.masked(stripped(object))
}
