package planner_test

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/regions"
)

// deployment makes a valid topology from a short text: regions of clusters, such as
//
//	us: use1*3 use2*3; eu: euw1=broker:3,controller:1
//
// Every cluster has zones a, b and c. extra are further lines of spec.
func deployment(f fataler, profile, text string, extra ...string) *regions.Topology {
	f.Helper()
	var y strings.Builder
	fmt.Fprintf(&y, "apiVersion: quorate.dev/v1alpha1\nkind: Topology\nmetadata: {name: bank}\nspec:\n  profile: %s\n", profile)
	switch profile {
	case "cockroachdb":
		y.WriteString("  image: cockroachdb/cockroach:v25.4.1\n  storage: {size: 1Gi, className: fast}\n" +
			"  resources: {requests: {cpu: \"1\", memory: 1Gi}}\n  tls: {mode: disabled}\n")
	case "etcd":
		y.WriteString("  image: example.com/etcd:v3.6.16\n  storage: {size: 4Gi, className: fast}\n" +
			"  resources: {requests: {cpu: \"1\", memory: 1Gi}}\n  tls: {mode: disabled}\n")
	default:
		y.WriteString("  base: ./base\n")
	}
	y.WriteString("  dns: {zone: bank.example.com}\n")
	if !strings.Contains(strings.Join(extra, "\n"), "rollout:") {
		y.WriteString("  rollout: {canary: {replicas: 1, soak: 5m}, soak: 30s}\n")
	}
	for _, line := range extra {
		y.WriteString("  " + line + "\n")
	}
	y.WriteString("  regions:\n")
	for region := range strings.SplitSeq(text, ";") {
		name, clusters, _ := strings.Cut(region, ":")
		fmt.Fprintf(&y, "    - name: %s\n      clusters:\n", strings.TrimSpace(name))
		for c := range strings.FieldsSeq(clusters) {
			y.WriteString("        - " + clusterLine(c) + "\n")
		}
	}
	t, problems := regions.Parse([]byte(y.String()), "topology.yaml")
	if errs := problems.Errors(); len(errs) > 0 {
		f.Fatalf("topology %q is invalid: %v\n%s", text, errs, y.String())
	}
	return t
}

func clusterLine(text string) string {
	if name, pools, ok := strings.Cut(text, "="); ok {
		return fmt.Sprintf("{name: %s, pools: {%s}, zones: [%s-a, %s-b, %s-c]}", name, strings.NewReplacer(":", ": ", ",", ", ").Replace(pools), name, name, name)
	}
	name, replicas, _ := strings.Cut(text, "*")
	return fmt.Sprintf("{name: %s, replicas: %s, zones: [%s-a, %s-b, %s-c]}", name, replicas, name, name, name)
}

// desired are the objects of every overlay.
func (w *world) desired() map[string][]map[string]any {
	out := map[string][]map[string]any{}
	for _, c := range w.topology.OrderedClusters() {
		out[c.Name] = w.overlay(c)
	}
	return out
}

func (w *world) overlay(c regions.Cluster) []map[string]any {
	objects := []map[string]any{
		object("v1", "Namespace", "", c.Namespace, nil),
		object("v1", "Service", c.Namespace, "bank", map[string]any{"clusterIP": "None"}),
		object("policy/v1", "PodDisruptionBudget", c.Namespace, "bank", map[string]any{"maxUnavailable": int64(1)}),
	}
	objects = append(objects, w.authorityObjects(c)...)
	for _, name := range w.settings {
		objects = append(objects, object("v1", "ConfigMap", c.Namespace, name, nil))
	}
	for _, p := range w.topology.Pools(c) {
		spec := map[string]any{"replicas": int64(p.Replicas), "serviceName": "bank", "template": w.template(w.image)}
		if w.profile.BringsManifests() {
			spec["podManagementPolicy"] = "Parallel"
		}
		objects = append(objects, object("apps/v1", "StatefulSet", c.Namespace, p.Name, spec))
	}
	return objects
}

func object(version, kind, namespace, name string, spec map[string]any) map[string]any {
	metadata := map[string]any{"name": name}
	if namespace != "" {
		metadata["namespace"] = namespace
	}
	out := map[string]any{"apiVersion": version, "kind": kind, "metadata": metadata}
	if spec != nil {
		out["spec"] = spec
	}
	return out
}

// template is the pod template that an image stands for, with the list of members where
// the database is given one.
func (w *world) template(image string) map[string]any { return templateFor(image, w.memberList()) }

func templateFor(image, list string) map[string]any {
	out := template(image)
	if list != "" {
		containers := out["spec"].(map[string]any)["containers"].([]any)
		containers[0].(map[string]any)["command"] = []any{"db", list}
	}
	return out
}

// memberList is the argument that lists all members, empty for a database without one.
func (w *world) memberList() string {
	if w.profile.Members.ListedIn == "" {
		return ""
	}
	var members []string
	for _, r := range w.topology.Replicas() {
		members = append(members, r.ID.String())
	}
	slices.Sort(members)
	return w.profile.Members.ListedIn + strings.Join(members, ",")
}

// template is the pod template that an image alone stands for.
func template(image string) map[string]any {
	return map[string]any{
		"metadata": map[string]any{"labels": map[string]any{"app.kubernetes.io/name": "bank"}},
		"spec":     map[string]any{"containers": []any{map[string]any{"name": "db", "image": "registry.example.com/db:" + image}}},
	}
}
