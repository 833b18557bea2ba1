package access

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"

	"quorate.dev/quorate/regions"
)

func object(apiVersion, kind, namespace, name string) map[string]any {
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	return map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": metadata}
}

func site() Site {
	role := object("rbac.authorization.k8s.io/v1", "Role", "bank", "reader")
	role["rules"] = []any{map[string]any{
		"apiGroups": []any{"example.com"}, "resources": []any{"things"}, "resourceNames": []any{"one"}, "verbs": []any{"watch"},
	}}
	return Site{Deployment: "bank", Namespace: "bank", Execs: true, Serves: true, Objects: []map[string]any{
		object("v1", "Namespace", "", "bank"), object("apps/v1", "StatefulSet", "bank", "bank"),
		object("policy/v1", "PodDisruptionBudget", "bank", "bank"), object("networking.k8s.io/v1", "NetworkPolicy", "bank", "bank"), role,
	}}
}

// phrases are the needs in words.
func phrases(needs []Need) []string {
	var out []string
	for _, n := range needs {
		out = append(out, n.String())
	}
	return out
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	created, owned, inside := site(), site(), site()
	created.CreatesNamespace = true
	owned.Owned = []regions.ObjectRef{
		{APIVersion: "v1", Kind: "Service", Namespace: "bank", Name: "old"}, {APIVersion: "apps/v1", Kind: "StatefulSet", Namespace: "bank", Name: "old"},
	}
	inside.Inside, inside.Serves, inside.Execs = true, false, false
	keeping := site()
	keeper := object("rbac.authorization.k8s.io/v1", "Role", "bank", "keeper")
	keeper["rules"] = []any{
		map[string]any{"apiGroups": []any{""}, "resources": []any{"secrets"}, "resourceNames": []any{"quorate-dns-bank-credentials"}, "verbs": []any{"get", "patch"}},
		map[string]any{"apiGroups": []any{""}, "resources": []any{"serviceaccounts/token"}, "resourceNames": []any{"quorate-dns-bank"}, "verbs": []any{"create"}},
	}
	keeping.Objects = append(keeping.Objects, keeper)
	for name, test := range map[string]struct {
		mode       Mode
		site       Site
		with, less []string
	}{
		"apply": {Apply, site(), []string{
			"get namespaces kube-system in the whole cluster", "list configmaps in the whole cluster", "patch statefulsets.apps bank in namespace bank",
			"create networkpolicies.networking.k8s.io bank in namespace bank", "delete poddisruptionbudgets.policy bank in namespace bank",
			"patch namespaces bank in namespace bank", "update leases.coordination.k8s.io quorate-bank in namespace bank", "create pods/exec in namespace bank",
			"watch things.example.com one in namespace bank", "delete pods in namespace bank", "watch endpointslices.discovery.k8s.io in namespace bank",
		}, []string{
			"delete statefulsets.apps bank in namespace bank", "create namespaces bank in namespace bank", "delete namespaces bank in namespace bank",
			"list storageclasses.storage.k8s.io in the whole cluster", "get pods/portforward in namespace bank",
		}},
		"a namespace to be made": {Apply, created, []string{"create namespaces bank in namespace bank"}, nil},
		"objects to be removed":  {Apply, owned, []string{"delete services old in namespace bank"}, []string{"delete statefulsets.apps old in namespace bank"}},
		"an authority inside": {Apply, inside, []string{
			"create serviceaccounts/token quorate-dns-bank in namespace bank", "patch secrets quorate-dns-bank-credentials in namespace bank", "get pods/portforward in namespace bank",
		}, []string{"create pods/exec in namespace bank", "watch endpointslices.discovery.k8s.io in namespace bank"}},
		"plan":      {Plan, site(), []string{"patch statefulsets.apps bank in namespace bank"}, []string{"delete pods in namespace bank", "create leases.coordination.k8s.io in namespace bank", "delete poddisruptionbudgets.policy bank in namespace bank"}},
		"preflight": {Preflight, site(), []string{"list storageclasses.storage.k8s.io in the whole cluster", "list resourcequotas in namespace bank"}, []string{"get statefulsets.apps bank in namespace bank"}},
		"a plan of an authority inside": {Plan, keeping, []string{"patch roles.rbac.authorization.k8s.io keeper in namespace bank"}, []string{
			"create serviceaccounts/token quorate-dns-bank in namespace bank", "patch secrets quorate-dns-bank-credentials in namespace bank",
		}},
		"its apply": {Apply, keeping, []string{"patch secrets quorate-dns-bank-credentials in namespace bank"}, nil},
		"dns stub": {DNSStub, site(), []string{
			"update configmaps coredns in namespace kube-system", "update configmaps coredns-custom in namespace kube-system",
			"update configmaps kube-dns in namespace kube-system", "get services kube-dns in namespace kube-system",
		}, []string{"update configmaps in namespace kube-system", "patch statefulsets.apps bank in namespace bank"}},
		"dns serve": {DNSServe, site(), []string{"watch endpointslices.discovery.k8s.io in namespace bank"}, []string{"get statefulsets.apps bank in namespace bank"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := phrases(Needs(test.mode, test.site))
			for _, want := range test.with {
				if !slices.Contains(got, want) {
					t.Errorf("%q is not needed; needed: %q", want, got)
				}
			}
			for _, never := range test.less {
				if slices.Contains(got, never) {
					t.Errorf("%q is needed, and should not be", never)
				}
			}
		})
	}
}

// Looking needs no right to write anything, whatever the overlay holds; and no need is there twice.
func TestReadOnlyOnlyReads(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{ReadOnly, Preflight, DNSServe} {
		for _, n := range Needs(mode, site()) {
			if !slices.Contains([]string{"get", "list", "watch"}, n.Verb) || strings.Contains(n.Resource, "/") {
				t.Errorf("%s needs to %s", mode, n)
			}
		}
	}
	for _, mode := range Modes() {
		needs := phrases(Needs(mode, site()))
		if len(slices.Compact(slices.Clone(needs))) != len(needs) {
			t.Errorf("%s: a need is there twice: %q", mode, needs)
		}
	}
}

// What is printed gives exactly what is needed.
func TestManifestGivesWhatIsNeeded(t *testing.T) {
	t.Parallel()
	for _, subject := range []Subject{{Kind: "User", Name: "it's: jane"}, {Kind: "ServiceAccount", Name: "deployer", Namespace: "ci"}} {
		needs := Needs(Apply, site())
		var got []regions.Right
		for document := range strings.SplitSeq(Manifest(Apply, site(), needs, subject), "---\n") {
			var role rbacv1.ClusterRole // of the same shape as a Role
			var binding rbacv1.ClusterRoleBinding
			if strings.Contains(document, "RoleBinding\n") {
				if err := yaml.UnmarshalStrict([]byte(document), &binding); err != nil {
					t.Fatal(err)
				}
				if s := binding.Subjects[0]; s.Name != subject.Name || s.Kind != subject.Kind || s.Namespace != subject.Namespace {
					t.Errorf("bound to %v, want %v", s, subject)
				}
				continue
			}
			if err := yaml.UnmarshalStrict([]byte(document), &role); err != nil {
				t.Fatal(err)
			}
			got = append(got, given(role.Namespace, role.Rules)...)
		}
		slices.SortFunc(got, regions.Right.Compare)
		if want := Rights(needs); !slices.Equal(got, want) {
			t.Errorf("printed %v\nneeded %v", got, want)
		}
	}
}

func given(namespace string, rules []rbacv1.PolicyRule) []regions.Right {
	var out []regions.Right
	for _, r := range rules {
		for _, name := range namesOrAny(r.ResourceNames) {
			for _, verb := range r.Verbs {
				out = append(out, regions.Right{Verb: verb, Group: r.APIGroups[0], Resource: r.Resources[0], Namespace: namespace, Name: name})
			}
		}
	}
	return out
}

func TestMissingLeavesOptionalOut(t *testing.T) {
	t.Parallel()
	needs := Needs(Apply, site())
	missing := Missing(needs, Rights(needs))
	if len(missing) == 0 || len(missing) >= len(needs) {
		t.Fatalf("%d of %d are missing", len(missing), len(needs))
	}
	for _, n := range missing {
		if n.Resource == "nodes" || n.Optional {
			t.Errorf("%s can be done without", n)
		}
	}
}
