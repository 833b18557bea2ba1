package kube

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"quorate.dev/quorate/regions"
)

// fieldConflicts reads the field managers out of a refused server-side apply,
// sorted. It is empty for a 409 of another kind, such as a changed resourceVersion.
func fieldConflicts(err error) []regions.FieldConflict {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return nil
	}
	var conflicts []regions.FieldConflict
	for _, cause := range status.Status().Details.Causes {
		if cause.Type == metav1.CauseTypeFieldManagerConflict {
			conflicts = append(conflicts, regions.FieldConflict{Manager: conflictManager(cause.Message), Field: cause.Field})
		}
	}
	slices.SortFunc(conflicts, func(a, b regions.FieldConflict) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Field, b.Field))
	})
	return slices.Compact(conflicts)
}

// dated tells of each conflict when its manager wrote the field.
func dated(conflicts []regions.FieldConflict, live *unstructured.Unstructured) []regions.FieldConflict {
	out := slices.Clone(conflicts)
	for i, conflict := range out {
		if live == nil {
			break
		}
		if path, found := ownedPath(live.GetManagedFields(), conflict.Manager, conflict.Field); found {
			out[i].Time = writtenAt(live.GetManagedFields(), path, conflict.Manager)
		}
	}
	return out
}

// conflictManager reads `conflict with "kubectl" using apps/v1 at …`
// (apimachinery, managedfields/internal/conflict.go); text of another form is kept whole.
func conflictManager(message string) string {
	rest, ok := strings.CutPrefix(message, "conflict with ")
	if !ok {
		return message
	}
	quoted, err := strconv.QuotedPrefix(rest)
	if err != nil {
		return message
	}
	manager, err := strconv.Unquote(quoted)
	if err != nil {
		return message
	}
	return manager
}

// sortConflicts tells conflicts over a value from those over ownership alone. The API
// server finds conflicts before it fills in defaults, so an atomic field written without its
// defaults conflicts though it would come out as it is: forced, the
// result of a forced dry run, shows which. A field that cannot be found counts as a real conflict.
func sortConflicts(conflicts []regions.FieldConflict, live, forced *unstructured.Unstructured) (valued []regions.FieldConflict, shared []string) {
	for _, conflict := range conflicts {
		path, found := ownedPath(live.GetManagedFields(), conflict.Manager, conflict.Field)
		if found && sameAt(path, live.Object, forced.Object) {
			shared = append(shared, conflict.Manager)
		} else {
			valued = append(valued, conflict)
		}
	}
	slices.Sort(shared)
	return valued, slices.Compact(shared)
}
