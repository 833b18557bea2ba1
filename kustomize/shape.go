package kustomize

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"quorate.dev/quorate/regions"
)

// checkNamed reports what would keep the replicas of a pool's StatefulSet from being
// named: their ordinals count from 0, and their addresses are read from the EndpointSlices
// of the Service that governs the set.
func checkNamed(set map[string]any, objects []map[string]any) []error {
	name := nameOf(set)
	var errs []error
	if start, _ := field(set, "spec", "ordinals", "start").(int64); start != 0 {
		errs = append(errs, fmt.Errorf("StatefulSet %s numbers its replicas from %d (spec.ordinals.start), and quorate counts from 0: remove it from spec.base", name, start))
	}
	if err := checkGoverned(set, objects); err != nil {
		errs = append(errs, err)
	}
	return errs
}

func checkGoverned(set map[string]any, objects []map[string]any) error {
	name := nameOf(set)
	service, _ := field(set, "spec", "serviceName").(string)
	if service == "" {
		return fmt.Errorf("StatefulSet %s names no governing Service (spec.serviceName), from which the addresses of its replicas are read: put a headless Service into spec.base and name it there", name)
	}
	i := slices.IndexFunc(objects, func(o map[string]any) bool { return o["kind"] == "Service" && nameOf(o) == service })
	if i < 0 {
		return fmt.Errorf("StatefulSet %s is governed by Service %s (spec.serviceName), which is not in spec.base: add it, since the addresses of the replicas are read from it", name, service)
	}
	selector, _ := field(objects[i], "spec", "selector").(map[string]any)
	if len(selector) == 0 {
		return fmt.Errorf("governing Service %s has no selector and finds no pod of StatefulSet %s: give it labels of the pods", service, name)
	}
	labels, _ := field(set, "spec", "template", "metadata", "labels").(map[string]any)
	for _, key := range slices.Sorted(maps.Keys(selector)) {
		if have, ok := labels[key]; !ok || !reflect.DeepEqual(have, selector[key]) {
			return fmt.Errorf("governing Service %s selects pods with %s=%v, and the pods of StatefulSet %s have %s: their addresses could not be read; correct one of the two",
				service, key, selector[key], name, labelText(key, have, ok))
		}
	}
	return nil
}

func labelText(key string, value any, has bool) string {
	if !has {
		return "no label " + key
	}
	return fmt.Sprintf("%s=%v", key, value)
}

// checkFleeting reports what would be made again by every run: a plan right after one must be empty.
func checkFleeting(objects []map[string]any) []error {
	var errs []error
	for _, o := range objects {
		if o["kind"] == "Job" && field(o, "spec", "ttlSecondsAfterFinished") != nil {
			errs = append(errs, fmt.Errorf("one-time Job %s is deleted when it has finished (spec.ttlSecondsAfterFinished), so that every apply would run it again: remove the field, or take the Job out of spec.base", nameOf(o)))
		}
	}
	return errs
}

// checkAutoscaled reports autoscalers of pools: they would take replicas away without asking the ledger.
func checkAutoscaled(pools []regions.PoolSize, objects []map[string]any) []error {
	var errs []error
	for _, o := range objects {
		target, _ := field(o, "spec", "scaleTargetRef", "name").(string)
		if o["kind"] != "HorizontalPodAutoscaler" || field(o, "spec", "scaleTargetRef", "kind") != "StatefulSet" ||
			!slices.ContainsFunc(pools, func(p regions.PoolSize) bool { return p.Name == target }) {
			continue
		}
		errs = append(errs, fmt.Errorf("HorizontalPodAutoscaler %s scales StatefulSet %s, and would take replicas away whatever the quorum: the topology says how many there are; take it out of spec.base", nameOf(o), target))
	}
	return errs
}

func nameOf(object map[string]any) string {
	name, _ := field(object, "metadata", "name").(string)
	return name
}
