package planner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// changeableSetFields are the fields of a StatefulSet's spec that may change once it exists
// (kubernetes, pkg/apis/apps/validation ValidateStatefulSetUpdate).
func changeableSetFields() []string {
	return []string{"replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit", "persistentVolumeClaimRetentionPolicy", "minReadySeconds"}
}

// refuseRejected says what the API server refuses: for fields that can never change, which,
// from what to what, and what to do instead of its sentence.
func (b *builder) refuseRejected(s site, o regions.ObjectState) {
	if o.Rejected == "" {
		return
	}
	refusal := Refusal{
		Code: "rejected", Cluster: s.cluster.Name,
		Message: fmt.Sprintf("%s: the API server refuses %s: %s", s.cluster.Name, o.Ref, o.Rejected),
		Hint:    rejectedHint(o.Ref),
	}
	if fields := immutableFields(o); len(fields) > 0 {
		var texts []string
		for _, f := range fields {
			texts = append(texts, f.String())
		}
		refusal.Message = fmt.Sprintf("%s: %s: Kubernetes lets %s never change once the object exists: %s",
			s.cluster.Name, o.Ref, fieldsText(fields), strings.Join(texts, "; "))
		refusal.Hint = immutableHint(s.cluster, o.Ref, fields)
	}
	b.refuse(refusal)
}

func fieldsText(fields []FieldChange) string {
	if len(fields) == 1 {
		return "this field"
	}
	return "these fields"
}

// immutableFields are the changes that the API server refuses for good; none where it refuses
// something else, or does not say what.
func immutableFields(o regions.ObjectState) []FieldChange {
	if o.Live == nil {
		return nil
	}
	changes := diffObjects(seen{o}.comparableLive(), o.After)
	if strings.Contains(o.Rejected, "updates to statefulset spec for fields other than") {
		return slices.DeleteFunc(changes, func(f FieldChange) bool {
			top, _, _ := strings.Cut(strings.TrimPrefix(f.Path, "spec."), ".")
			top, _, _ = strings.Cut(top, "[")
			return !strings.HasPrefix(f.Path, "spec.") || slices.Contains(changeableSetFields(), top)
		})
	}
	refused := regexp.MustCompile(`(?:^|[ [])([a-zA-Z][\w.[\]]*): Invalid value: .*(?:field is immutable|may not change once set)`).FindStringSubmatch(o.Rejected)
	if refused == nil {
		return nil
	}
	path := strings.TrimSuffix(refused[1], "[0]")
	return slices.DeleteFunc(changes, func(f FieldChange) bool { return !sameOutline(path, f.Path) && !sameOutline(f.Path, path) })
}

// immutableHint is what to do about a field that cannot change.
func immutableHint(c regions.Cluster, ref regions.ObjectRef, fields []FieldChange) string {
	volumes := slices.ContainsFunc(fields, func(f FieldChange) bool { return strings.HasPrefix(f.Path, "spec.volumeClaimTemplates") })
	switch {
	case ref.Kind == "StatefulSet" && volumes:
		return fmt.Sprintf("put the old value back; to give the existing replicas larger volumes, where their StorageClass allows it: kubectl --context %s -n %s edit pvc, each in turn", shellWord(c.Context), c.Namespace)
	case ref.Kind == "StatefulSet":
		return "put the old value back; a StatefulSet is never deleted and made anew for it"
	case ref.Kind == "Job":
		return rejectedHint(ref)
	}
	return fmt.Sprintf("put the old value back; or, where nobody needs %s for a moment, delete it, and apply makes it anew: kubectl --context %s -n %s delete %s %s",
		ref, shellWord(c.Context), ref.Namespace, strings.ToLower(ref.Kind), ref.Name)
}
