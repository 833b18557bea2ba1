package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"quorate.dev/quorate/regions"
)

// grants are the printed objects of one cluster.
type grants struct {
	roles        []*rbacv1.Role
	clusterRoles []*rbacv1.ClusterRole
}

// grant makes what `quorate rbac` prints for one user, in all clusters.
func (b *bank) grant(mode, user string) map[string]*grants {
	b.t.Helper()
	out := map[string]*grants{}
	for _, cluster := range clusterNames {
		out[cluster] = &grants{}
		printed := b.expect(0, "rbac", "--mode", mode, "--user", user, "--cluster", cluster).stdout
		for document := range strings.SplitSeq(printed, "---\n") {
			b.create(cluster, document, out[cluster])
		}
	}
	return out
}

// makesNamespaces makes the deployment's namespace everywhere, as whoever grants rights in it has to.
func (b *bank) makesNamespaces() {
	b.t.Helper()
	for _, cluster := range clusterNames {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: b.settings.Name}}
		if _, err := b.sandbox.clients[cluster].CoreV1().Namespaces().Create(b.t.Context(), namespace, metav1.CreateOptions{}); err != nil {
			b.t.Fatal(err)
		}
	}
}

// create makes one printed object.
func (b *bank) create(cluster, document string, into *grants) {
	b.t.Helper()
	var head metav1.TypeMeta
	api, ctx := b.sandbox.clients[cluster].RbacV1(), b.t.Context()
	read := func(object any) {
		if err := yaml.UnmarshalStrict([]byte(document), object); err != nil {
			b.t.Fatalf("%v:\n%s", err, document)
		}
	}
	if err := yaml.Unmarshal([]byte(document), &head); err != nil {
		b.t.Fatalf("%v:\n%s", err, document)
	}
	var err error
	switch head.Kind {
	case "Role":
		var object rbacv1.Role
		read(&object)
		into.roles = append(into.roles, &object)
		_, err = api.Roles(object.Namespace).Create(ctx, &object, metav1.CreateOptions{})
	case "ClusterRole":
		var object rbacv1.ClusterRole
		read(&object)
		into.clusterRoles = append(into.clusterRoles, &object)
		_, err = api.ClusterRoles().Create(ctx, &object, metav1.CreateOptions{})
	case "RoleBinding":
		var object rbacv1.RoleBinding
		read(&object)
		_, err = api.RoleBindings(object.Namespace).Create(ctx, &object, metav1.CreateOptions{})
	case "ClusterRoleBinding":
		var object rbacv1.ClusterRoleBinding
		read(&object)
		_, err = api.ClusterRoleBindings().Create(ctx, &object, metav1.CreateOptions{})
	default:
		b.t.Fatalf("what is that:\n%s", document)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// rights are all that the printed objects of a cluster give.
func (g *grants) rights() []regions.Right {
	var out []regions.Right
	add := func(namespace string, rules []rbacv1.PolicyRule) {
		for _, rule := range rules {
			names := rule.ResourceNames
			if len(names) == 0 {
				names = []string{""}
			}
			for _, name := range names {
				for _, verb := range rule.Verbs {
					out = append(out, regions.Right{Verb: verb, Group: rule.APIGroups[0], Resource: rule.Resources[0], Namespace: namespace, Name: name})
				}
			}
		}
	}
	for _, r := range g.roles {
		add(r.Namespace, r.Rules)
	}
	for _, r := range g.clusterRoles {
		add("", r.Rules)
	}
	return out
}

// unused are the printed rights that nothing done made use of, beside those that these runs cannot
// need: for what fell out of the overlay, stuck replicas, and servers of other versions.
func (r *recorder) unused(cluster string, printed []regions.Right) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, p := range printed {
		used := p.Verb == "delete" || // an object that fell out of the overlay; a replica stuck at an old revision
			p.Resource == "pods/exec" && p.Verb == "create" || // asked for by the API server itself, over WebSocket
			p.Resource == "endpointslices" && p.Verb == "list" || // servers that cannot stream lists
			p.Resource == "namespaces" && p.Verb == "patch" // dry runs and labels
		for d := range r.done[cluster] {
			used = used || d.Verb == p.Verb && d.Group == p.Group && d.Resource == p.Resource &&
				(p.Namespace == "" || d.Namespace == p.Namespace) && (p.Name == "" || p.Name == d.Name)
		}
		if !used {
			out = append(out, p.String())
		}
	}
	return out
}

// Every mode runs with exactly the rights that are printed for it, makes use of each, and one that is missing is
// named before anything moves.
func TestExactlyThePrintedRights(t *testing.T) {
	t.Parallel()
	admin := newBank(t, sandbox(t, "gate-on"), "rights")
	admin.write(func(s *settings) {
		s.Soak, s.CanarySoak, s.Replicas = "100ms", "100ms", map[string]int{"usw1": 2, "use1": 2, "euw1": 2}
	})
	admin.makesNamespaces()
	printed := admin.grant("apply", "rights-apply")
	operator := *admin
	var record *recorder
	operator.sandbox, record = admin.sandbox.as(t, "rights-apply")
	operator.refusedWithout(record, printed["use1"].roles[0])
	operator.apply()
	operator.write(func(s *settings) { s.Image = "v25.4.1" })
	operator.apply()
	operator.expectSettled()
	operator.expectEmpty()
	for _, cluster := range clusterNames {
		if left := record.unused(cluster, printed[cluster].rights()); len(left) > 0 {
			t.Errorf("%s: printed, and never used:\n  %s", cluster, strings.Join(left, "\n  "))
		}
	}
	admin.settings = operator.settings
	admin.watchers()
}

// refusedWithout takes one right away, tries, and gives it back.
func (b *bank) refusedWithout(record *recorder, role *rbacv1.Role) {
	b.t.Helper()
	roles := b.sandbox.clients["use1"].RbacV1().Roles(role.Namespace)
	less := role.DeepCopy()
	for i, rule := range less.Rules {
		if rule.Resources[0] == "leases" && len(rule.ResourceNames) > 0 {
			less.Rules[i].Verbs = []string{"get"}
		}
	}
	if _, err := roles.Update(b.t.Context(), less, metav1.UpdateOptions{}); err != nil {
		b.t.Fatal(err)
	}
	r := b.expect(12, "apply", "--auto-approve")
	for _, want := range []string{
		"cluster use1", "update leases.coordination.k8s.io quorate-rights in namespace rights", "quorate rbac --mode apply --cluster use1",
	} {
		if !strings.Contains(r.stderr, want) {
			b.t.Errorf("the refusal does not say %q:\n%s", want, r.stderr)
		}
	}
	if strings.Contains(r.stderr, "cluster usw1") || strings.Count(r.stderr, " in namespace ") != 1 {
		b.t.Errorf("the refusal names more than what is missing:\n%s", r.stderr)
	}
	if len(record.wrote) > 0 {
		b.t.Errorf("something was written before the refusal: %q", record.wrote)
	}
	if _, err := roles.Update(b.t.Context(), role, metav1.UpdateOptions{}); err != nil {
		b.t.Fatal(err)
	}
}

// watchers plan and look with less.
func (b *bank) watchers() {
	b.t.Helper()
	for _, mode := range []string{"read-only", "plan"} {
		printed := b.grant(mode, "rights-"+mode)
		watcher := *b
		var record *recorder
		watcher.sandbox, record = b.sandbox.as(b.t, "rights-"+mode)
		watcher.expect(0, "status")
		watcher.write(func(s *settings) { s.Image = "v25.4.2" })
		r := watcher.expect(2, "plan", "--detailed-exitcode")
		if dry := !strings.Contains(r.stdout, "no permission for a dry run"); dry != (mode == "plan") {
			b.t.Errorf("%s: a dry run was made: %t\n%s", mode, dry, r.stdout)
		}
		if !strings.Contains(r.stderr, "could not apply the plan") || !strings.Contains(r.stderr, "update leases") {
			b.t.Errorf("%s: the rights that apply lacks are not named:\n%s", mode, r.stderr)
		}
		if r := watcher.expect(2, "plan", "--read-only", "--detailed-exitcode"); strings.Contains(r.stderr, "could not apply") {
			b.t.Errorf("%s: plan --read-only reviewed rights, which is no GET:\n%s", mode, r.stderr)
		}
		watcher.expect(12, "apply", "--auto-approve")
		if len(record.wrote) > 0 {
			b.t.Errorf("%s wrote: %q", mode, record.wrote)
		}
		for _, cluster := range clusterNames {
			var left []string
			for _, text := range record.unused(cluster, printed[cluster].rights()) {
				if !strings.HasPrefix(text, "create ") { // there is nothing left to create
					left = append(left, text)
				}
			}
			if len(left) > 0 {
				b.t.Errorf("%s in %s: printed, and never used:\n  %s", mode, cluster, strings.Join(left, "\n  "))
			}
		}
	}
}
