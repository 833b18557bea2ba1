package kube

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

func replicasPath() fieldpath.Path { return fieldpath.MakePathOrDie("spec", "replicas") }

func partitionPath() fieldpath.Path {
	return fieldpath.MakePathOrDie("spec", "updateStrategy", "rollingUpdate", "partition")
}

// owners are the managers of one field, sorted; those that wrote it through a
// subresource (such as scale) included. An entry that cannot be read owns nothing.
func owners(managed []metav1.ManagedFieldsEntry, path fieldpath.Path) []string {
	var names []string
	for _, entry := range managed {
		if set, ok := fieldSet(entry); ok && set.Has(path) {
			names = append(names, entry.Manager)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// writtenAt is when a field's managers, or the one named, wrote last; zero where nothing tells.
func writtenAt(managed []metav1.ManagedFieldsEntry, path fieldpath.Path, manager string) time.Time {
	var last time.Time
	for _, entry := range managed {
		set, ok := fieldSet(entry)
		if ok && entry.Time != nil && (manager == "" || entry.Manager == manager) && set.Has(path) && entry.Time.After(last) {
			last = entry.Time.Time
		}
	}
	return last
}

// managersOf are all managers of an object, sorted.
func managersOf(object metav1.Object) []string {
	var names []string
	for _, entry := range object.GetManagedFields() {
		names = append(names, entry.Manager)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func fieldSet(entry metav1.ManagedFieldsEntry) (*fieldpath.Set, bool) {
	if entry.FieldsV1 == nil {
		return nil, false
	}
	set := &fieldpath.Set{}
	err := set.FromJSON(bytes.NewReader(entry.FieldsV1.GetRawBytes()))
	return set, err == nil
}

// ownedPath finds the path that a conflict named by its text among the fields of its manager.
func ownedPath(managed []metav1.ManagedFieldsEntry, manager, field string) (fieldpath.Path, bool) {
	var found fieldpath.Path
	for _, entry := range managed {
		set, ok := fieldSet(entry)
		if !ok || entry.Manager != manager {
			continue
		}
		set.Iterate(func(path fieldpath.Path) {
			if found == nil && path.String() == field {
				found = path.Copy()
			}
		})
	}
	return found, found != nil
}

// ownership is who owns which fields, without the times.
func ownership(object metav1.Object) map[string]string {
	owned := map[string]string{}
	for _, entry := range object.GetManagedFields() {
		fields := ""
		if entry.FieldsV1 != nil {
			fields = string(entry.FieldsV1.GetRawBytes())
		}
		owned[strings.Join([]string{entry.Manager, string(entry.Operation), entry.Subresource, entry.APIVersion}, "/")] = fields
	}
	return owned
}

// sameAt tells whether two objects hold the same value at a path.
func sameAt(path fieldpath.Path, a, b map[string]any) bool {
	valueA, okA := valueAt(path, a)
	valueB, okB := valueAt(path, b)
	return okA && okB && reflect.DeepEqual(valueA, valueB)
}

// valueAt walks a path through fields, keyed list items, set items and indexes.
func valueAt(path fieldpath.Path, in any) (any, bool) {
	for _, element := range path {
		if element.FieldName != nil {
			object, ok := in.(map[string]any)
			if !ok {
				return nil, false
			}
			if in, ok = object[*element.FieldName]; !ok {
				return nil, false
			}
			continue
		}
		items, _ := in.([]any)
		index := slices.IndexFunc(items, func(item any) bool { return isElement(element, item) })
		if element.Index != nil {
			index = *element.Index
		}
		if index < 0 || index >= len(items) {
			return nil, false
		}
		in = items[index]
	}
	return in, true
}

// isElement tells whether a list item is the one which a path element names by key or by value.
func isElement(element fieldpath.PathElement, item any) bool {
	if element.Value != nil {
		return value.Equals(*element.Value, value.NewValueInterface(item))
	}
	object, ok := item.(map[string]any)
	if !ok || element.Key == nil {
		return false
	}
	for _, field := range *element.Key {
		if !value.Equals(field.Value, value.NewValueInterface(object[field.Name])) {
			return false
		}
	}
	return true
}
