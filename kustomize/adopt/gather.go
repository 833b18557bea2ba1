package adopt

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// found is what belongs to the database in one cluster.
type found struct {
	Cluster
	sets    []map[string]any // live
	objects []map[string]any // plain: what has to be written, the sets among it
	notes   []string
}

// gather finds the sets and what they need or what is about their pods: Services and budgets that select them,
// ConfigMaps and ServiceAccounts that they name, the Roles of those.
func gather(c Cluster, names []string) found {
	f := found{Cluster: c}
	for _, set := range ofKind(c.Objects, "StatefulSet") {
		if slices.Contains(names, nameOf(set)) {
			f.sets = append(f.sets, set)
		}
	}
	slices.SortFunc(f.sets, func(a, b map[string]any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	needed := needs(f.sets)
	roles := f.roles(needed.accounts)
	for _, o := range c.Objects {
		if f.belongs(o, needed, roles) {
			f.objects = append(f.objects, plain(o))
		}
	}
	slices.SortFunc(f.objects, func(a, b map[string]any) int { return strings.Compare(keyOf(a), keyOf(b)) })
	f.note(needed)
	return f
}

func (f *found) belongs(o map[string]any, needed references, roles []string) bool {
	name := nameOf(o)
	if text(o, "kind") != "StatefulSet" && len(owners(o)) > 0 {
		return false // made by a controller, and made again by it
	}
	switch text(o, "kind") {
	case "StatefulSet":
		return slices.ContainsFunc(f.sets, func(s map[string]any) bool { return nameOf(s) == name })
	case "Service":
		return slices.Contains(needed.services, name) || f.selects(fields(o, "spec", "selector"))
	case "PodDisruptionBudget":
		return f.selectedBy(fields(o, "spec", "selector"))
	case "ConfigMap":
		return slices.Contains(needed.configMaps, name)
	case "ServiceAccount":
		return slices.Contains(needed.accounts, name)
	case "Role":
		return slices.Contains(roles, name)
	case "RoleBinding":
		return f.binds(o, needed.accounts)
	}
	return false
}

// selects: a plain selector finds the pods of one of the sets.
func (f *found) selects(selector map[string]any) bool {
	return len(selector) > 0 && f.anyTemplate(func(have map[string]any) bool {
		for key, want := range selector {
			if have[key] != want {
				return false
			}
		}
		return true
	})
}

// selectedBy is selects for a selector with expressions. An empty one selects every pod of the namespace, and is
// nobody's in particular.
func (f *found) selectedBy(selector map[string]any) bool {
	var parsed metav1.LabelSelector
	if len(selector) == 0 || runtime.DefaultUnstructuredConverter.FromUnstructured(selector, &parsed) != nil {
		return false
	}
	matches, err := metav1.LabelSelectorAsSelector(&parsed)
	return err == nil && !matches.Empty() && f.anyTemplate(func(have map[string]any) bool {
		set := labels.Set{}
		for key, value := range have {
			set[key], _ = value.(string)
		}
		return matches.Matches(set)
	})
}

func (f *found) anyTemplate(fits func(labels map[string]any) bool) bool {
	return slices.ContainsFunc(f.sets, func(s map[string]any) bool { return fits(fields(s, "spec", "template", "metadata", "labels")) })
}

// binds: the binding gives a Role to one of the accounts.
func (f *found) binds(binding map[string]any, accounts []string) bool {
	return slices.ContainsFunc(items(binding, "subjects"), func(s map[string]any) bool {
		namespace := text(s, "namespace")
		return text(s, "kind") == "ServiceAccount" && slices.Contains(accounts, text(s, "name")) && (namespace == "" || namespace == f.Namespace)
	})
}

// roles are the Roles that are bound to the accounts.
func (f *found) roles(accounts []string) []string {
	var out []string
	for _, b := range ofKind(f.Objects, "RoleBinding") {
		if f.binds(b, accounts) && text(b, "roleRef", "kind") == "Role" {
			out = append(out, text(b, "roleRef", "name"))
		}
	}
	return out
}

// note tells what was left alone and what is amiss.
func (f *found) note(needed references) {
	add := func(format string, args ...any) {
		f.notes = append(f.notes, fmt.Sprintf(format, args...))
	}
	if len(needed.secrets) > 0 {
		add("the pods use Secrets (%s): they are named in the base and neither read nor copied; quorate leaves them to whoever made them", strings.Join(needed.secrets, ", "))
	}
	for _, set := range f.sets {
		if by := minder(set); by != "" {
			add("StatefulSet %s is kept by %s, which may undo what quorate does, in the middle of an update too: take it out of there before the first change, without deleting it", nameOf(set), by)
		}
		if release := text(set, "metadata", "annotations", "meta.helm.sh/release-name"); release != "" {
			add("StatefulSet %s is of Helm's release %s: do not upgrade or uninstall that any more", nameOf(set), release)
		}
		if names := passwords(set); len(names) > 0 {
			add("StatefulSet %s has what looks like passwords written in it (%s), and the base repeats them: keep it from other eyes, or move them into a Secret first", nameOf(set), strings.Join(names, ", "))
		}
		want, ready := number(set, 1, "spec", "replicas"), number(set, 0, "status", "readyReplicas")
		if ready < want {
			add("%d of %d replicas of StatefulSet %s are ready: what is down counts as down, and is mended before anything is updated", ready, want, nameOf(set))
		}
		for _, h := range ofKind(f.Objects, "HorizontalPodAutoscaler") {
			if text(h, "spec", "scaleTargetRef", "kind") == "StatefulSet" && text(h, "spec", "scaleTargetRef", "name") == nameOf(set) {
				add("HorizontalPodAutoscaler %s scales StatefulSet %s and would take replicas away without asking anybody: delete it before the first change", nameOf(h), nameOf(set))
			}
		}
	}
}

func keyOf(object map[string]any) string { return text(object, "kind") + "/" + nameOf(object) }
