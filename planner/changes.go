package planner

import (
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// What happens to an object.
const (
	ActionCreate   = "create"
	ActionUpdate   = "update"
	ActionDelete   = "delete"
	ActionTakeOver = "take-over" // the values stay, the field manager changes
)

// compareObjects lists what applying each cluster's overlay changes, and refuses
// what the API server or another field manager would refuse.
func (b *builder) compareObjects() {
	for _, s := range b.sites {
		if b.in.Offline {
			b.createAll(s)
			continue
		}
		b.noteRemoved(s)
		for _, o := range s.obs.Objects {
			b.refuseObject(s, o)
			if change := objectChange(s.cluster.Name, o); change != nil {
				if managers := b.in.forces(o); len(managers) > 0 {
					change.Note = "forced over field manager " + strings.Join(managers, ", ")
				}
				b.plan.Objects = append(b.plan.Objects, *change)
			}
		}
	}
}

// createAll is the offline view: everything is new.
func (b *builder) createAll(s site) {
	for _, object := range s.desired {
		b.plan.Objects = append(b.plan.Objects, ObjectChange{
			Cluster: s.cluster.Name, Object: RefOf(object), Action: ActionCreate,
		})
	}
}

func objectChange(cluster string, o regions.ObjectState) *ObjectChange {
	change := &ObjectChange{Cluster: cluster, Object: o.Ref, Note: o.ClientSide}
	if o.Live == nil {
		change.Action = ActionCreate
		return change
	}
	change.Fields = diffObjects(seen{o}.comparableLive(), o.After)
	attribute(change.Fields, o.Conflicts)
	switch {
	case len(change.Fields) > 0:
		change.Action = ActionUpdate
	case len(o.Shared) > 0:
		change.Action = ActionTakeOver
		change.Note = "fields with equal values are owned by " + strings.Join(o.Shared, ", ")
	default:
		return nil
	}
	return change
}

// ChangesTemplate tells whether applying the object changes its pod template.
func (c ObjectChange) ChangesTemplate() bool {
	return slices.ContainsFunc(c.Fields, func(f FieldChange) bool {
		return strings.HasPrefix(f.Path, "spec.template.") || f.Path == "spec.template"
	})
}

func (b *builder) refuseObject(s site, o regions.ObjectState) {
	b.refuseRejected(s, o)
	b.refuseConflicts(s, o)
}

func rejectedHint(ref regions.ObjectRef) string {
	switch ref.Kind {
	case "Job":
		return "a Job's pod template cannot change; put the old one back, or give the Job another name: it then runs again, and the old one is deleted"
	case "StatefulSet":
		return "a StatefulSet's volumeClaimTemplates, serviceName, selector and podManagementPolicy cannot change; put the old value back"
	}
	return "correct the object; nothing was changed"
}

func conflictManagers(conflicts []regions.FieldConflict) []string {
	var out []string
	for _, c := range conflicts {
		out = append(out, c.Manager)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func conflictFields(conflicts []regions.FieldConflict, manager string) []string {
	var out []string
	for _, c := range conflicts {
		if c.Manager == manager {
			out = append(out, c.Field)
		}
	}
	slices.Sort(out)
	return out
}

// RefOf names an object.
func RefOf(object map[string]any) regions.ObjectRef {
	metadata, _ := object["metadata"].(map[string]any)
	text := func(m map[string]any, key string) string { s, _ := m[key].(string); return s }
	return regions.ObjectRef{
		APIVersion: text(object, "apiVersion"), Kind: text(object, "kind"),
		Namespace: text(metadata, "namespace"), Name: text(metadata, "name"),
	}
}

// refersTo tells whether two references name the same object, though only one of
// them may say in which namespace.
func refersTo(a, b regions.ObjectRef) bool {
	if a.Namespace == "" || b.Namespace == "" {
		a.Namespace, b.Namespace = "", ""
	}
	return sameObject(a, b)
}

// desiredRefs are the site's objects, sorted.
func (s site) desiredRefs() []regions.ObjectRef {
	var out []regions.ObjectRef
	for _, o := range s.desired {
		out = append(out, RefOf(o))
	}
	slices.SortFunc(out, regions.ObjectRef.Compare)
	return out
}

// toApply are the objects that an apply of the site has to write: those that
// change, and those that the record does not know as ours yet.
func (b *builder) toApply(s site) []regions.ObjectRef {
	var out []regions.ObjectRef
	for _, ref := range s.desiredRefs() {
		changed := slices.ContainsFunc(b.plan.Objects, func(c ObjectChange) bool {
			return c.Cluster == s.cluster.Name && refersTo(c.Object, ref)
		})
		if changed || !slices.Contains(s.obs.State.Record.Inventory, ref) {
			out = append(out, ref)
		}
	}
	return out
}
