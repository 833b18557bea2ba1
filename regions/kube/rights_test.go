package kube

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"

	"quorate.dev/quorate/regions"
)

func TestRulesGiveRights(t *testing.T) {
	t.Parallel()
	rule := func(groups, resources, verbs []string, names ...string) authorizationv1.ResourceRule {
		return authorizationv1.ResourceRule{APIGroups: groups, Resources: resources, Verbs: verbs, ResourceNames: names}
	}
	list := func(s ...string) []string { return s }
	exec := regions.Right{Verb: "create", Resource: "pods/exec", Namespace: "n"}
	get := regions.Right{Verb: "get", Group: "apps", Resource: "statefulsets", Namespace: "n", Name: "db"}
	for name, test := range map[string]struct {
		rule  authorizationv1.ResourceRule
		right regions.Right
		want  bool
	}{
		"all":                   {rule(list("*"), list("*"), list("*")), exec, true},
		"exactly":               {rule(list("apps"), list("statefulsets"), list("list", "get"), "other", "db"), get, true},
		"another name":          {rule(list("apps"), list("statefulsets"), list("get"), "other"), get, false},
		"a name where any is":   {rule(list(""), list("pods/exec"), list("create"), "db-0"), exec, false},
		"another verb":          {rule(list("apps"), list("statefulsets"), list("list")), get, false},
		"another group":         {rule(list(""), list("statefulsets"), list("get")), get, false},
		"the resource alone":    {rule(list(""), list("pods"), list("create")), exec, false},
		"any one's subresource": {rule(list(""), list("*/exec"), list("create")), exec, true},
		"another subresource":   {rule(list(""), list("*/log"), list("create")), exec, false},
	} {
		if got := gives(test.rule, test.right); got != test.want {
			t.Errorf("%s: %t, want %t", name, got, test.want)
		}
	}
}

// What a context may do is told by the API server itself: the administrator lacks nothing, and a user without any
// role lacks all.
func TestLacking(t *testing.T) {
	t.Parallel()
	admin, namespace := sandboxCluster(t)
	rights := []regions.Right{
		{Verb: "list", Resource: "nodes"},
		{Verb: "create", Resource: "pods/exec", Namespace: namespace},
		{Verb: "patch", Group: "apps", Resource: "statefulsets", Namespace: namespace, Name: "db"},
	}
	if lacking, err := admin.Lacking(t.Context(), rights); err != nil || len(lacking) > 0 {
		t.Errorf("the administrator lacks %v, %v", lacking, err)
	}
	r := newRig(t)
	r.user().Impersonate = namespace
	lacking, err := r.open(t, Options{}).Lacking(t.Context(), rights)
	if err != nil || len(lacking) != len(rights) {
		t.Errorf("a user without any role lacks %v, %v; want all", lacking, err)
	}
}
