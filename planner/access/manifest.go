package access

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Subject is who gets the rights.
type Subject struct {
	Kind string // User, Group or ServiceAccount
	Name string
	// Namespace is that of a ServiceAccount.
	Namespace string
}

// Manifest prints the needs of one cluster as YAML: a Role and a RoleBinding for each namespace, a ClusterRole
// and a ClusterRoleBinding for what lies in none. Every rule says what it is for. The same needs
// give the same bytes.
func Manifest(mode Mode, s Site, needs []Need, subject Subject) string {
	byNamespace := map[string][]Need{}
	for _, n := range needs {
		byNamespace[n.Namespace] = append(byNamespace[n.Namespace], n)
	}
	name := fmt.Sprintf("quorate-%s-%s", s.Deployment, mode)
	var documents []string
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		w := writer{mode: mode, name: name, namespace: namespace, deployment: s.Deployment}
		if namespace == "" {
			w.name = fmt.Sprintf("quorate-%s-%s-%s", s.Namespace, s.Deployment, mode) // unique in the cluster
		}
		documents = append(documents, w.role(byNamespace[namespace]), w.binding(subject))
	}
	return strings.Join(documents, "---\n")
}

// writer writes the objects of one namespace; "" is the cluster's scope.
type writer struct {
	mode                        Mode
	name, namespace, deployment string
	text                        strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// kind is a kind's name, with Cluster before it where the object has no namespace.
func (w *writer) kind(of string) string {
	if w.namespace == "" {
		return "Cluster" + of
	}
	return of
}

func (w *writer) head(kind string) {
	w.text.Reset()
	w.line("apiVersion: %s/v1\nkind: %s\nmetadata:\n  name: %q", rbac, kind, w.name)
	if w.namespace != "" {
		w.line("  namespace: %q", w.namespace)
	}
	w.line("  labels: {app.kubernetes.io/name: quorate, app.kubernetes.io/instance: %q}", w.deployment)
}

func (w *writer) role(needs []Need) string {
	w.head(w.kind("Role"))
	w.line("rules:")
	for _, r := range rulesOf(needs) {
		w.line("  # %s", r.why)
		w.line("  - apiGroups: [%q]\n    resources: [%s]", r.group, r.resource)
		if len(r.names) > 0 {
			w.line("    resourceNames: [%s]", quoted(r.names))
		}
		w.line("    verbs: [%s]", r.verbs)
	}
	return w.text.String()
}

func (w *writer) binding(s Subject) string {
	w.head(w.kind("RoleBinding"))
	w.line("roleRef: {apiGroup: %s, kind: %s, name: %q}", rbac, w.kind("Role"), w.name)
	w.line("subjects:")
	if s.Kind == "ServiceAccount" {
		w.line("  - {kind: ServiceAccount, name: %q, namespace: %q}", s.Name, s.Namespace)
	} else {
		w.line("  - {apiGroup: %s, kind: %s, name: %q}", rbac, s.Kind, s.Name)
	}
	return w.text.String()
}

// rule is one PolicyRule.
type rule struct {
	group, resource, verbs, why string
	names                       []string // sorted; empty: any
}

// rulesOf puts together the verbs of an object, and then the objects of the same verbs. needs
// are sorted.
func rulesOf(needs []Need) []rule {
	type object struct{ group, resource, name string }
	verbs, whys := map[object][]string{}, map[object][]string{}
	var order []object
	for _, n := range needs {
		o := object{n.Group, n.Resource, n.Name}
		if verbs[o] == nil {
			order = append(order, o)
		}
		verbs[o] = append(verbs[o], n.Verb)
		if !slices.Contains(whys[o], reason(n)) {
			whys[o] = append(whys[o], reason(n))
		}
	}
	var out []rule
	for _, o := range order {
		r := rule{group: o.group, resource: o.resource, verbs: strings.Join(verbs[o], ", "), why: strings.Join(whys[o], "; ")}
		last := len(out) - 1
		same := last >= 0 && o.name != "" && len(out[last].names) > 0 &&
			out[last].group == r.group && out[last].resource == r.resource && out[last].verbs == r.verbs && out[last].why == r.why
		switch {
		case same:
			out[last].names = append(out[last].names, o.name)
			continue
		case o.name != "":
			r.names = []string{o.name}
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b rule) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.resource, b.resource))
	})
	return out
}

func reason(n Need) string {
	if n.Optional {
		return n.Why + " (may be left out)"
	}
	return n.Why
}

func quoted(names []string) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, fmt.Sprintf("%q", n))
	}
	return strings.Join(out, ", ")
}
