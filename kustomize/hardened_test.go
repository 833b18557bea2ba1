package kustomize_test

import (
	"testing"

	"quorate.dev/quorate/regions"
)

// TestAuthorityIsHardened asserts of the built objects what docs/guides/names-in-the-clusters.md promises, field by field.
func TestAuthorityIsHardened(t *testing.T) {
	top := topology(t, "inside")
	top.AuthorityInCluster().PriorityClassName = "databases"
	objects := authorityOf(t, top, "osl1")
	deployment := at(objects["Deployment"], "spec")
	pod := at(deployment, "template", "spec")
	selector := at(deployment, "selector", "matchLabels")
	for field, wanted := range map[string]any{
		"priorityClassName": "databases", "automountServiceAccountToken": false, "enableServiceLinks": false,
		"hostNetwork": nil, "hostPID": nil, "hostIPC": nil, "initContainers": nil,
	} {
		want(t, field, at(pod, field), wanted)
	}
	want(t, "non-root", at(pod, "securityContext", "runAsNonRoot"), true)
	want(t, "seccomp", at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault")
	for _, c := range at(pod, "containers").([]any) {
		name, context := at(c, "name").(string), at(c, "securityContext")
		want(t, name+" privileged", at(context, "privileged"), false)
		want(t, name+" escalates", at(context, "allowPrivilegeEscalation"), false)
		want(t, name+" root file system", at(context, "readOnlyRootFilesystem"), true)
		want(t, name+" dropped", at(context, "capabilities", "drop"), []any{"ALL"})
		added := map[string]any{"quorate": nil, "coredns": []any{"NET_BIND_SERVICE"}}[name]
		want(t, name+" added", at(context, "capabilities", "add"), added)
		for _, of := range [][2]string{{"requests", "cpu"}, {"requests", "memory"}, {"limits", "memory"}} {
			if at(c, "resources", of[0], of[1]) == nil {
				t.Errorf("%s: no %s of %s", name, of[0], of[1])
			}
		}
		for _, probe := range []string{"readinessProbe", "livenessProbe"} {
			if at(c, probe, "httpGet", "port") == nil {
				t.Errorf("%s: no %s", name, probe)
			}
		}
	}
	affinity := at(pod, "affinity", "podAntiAffinity", "preferredDuringSchedulingIgnoredDuringExecution").([]any)[0]
	want(t, "apart by node", at(affinity, "podAffinityTerm", "topologyKey"), "kubernetes.io/hostname")
	want(t, "apart by node: whom", at(affinity, "podAffinityTerm", "labelSelector", "matchLabels"), selector)
	spread := at(pod, "topologySpreadConstraints").([]any)[0]
	want(t, "apart by zone", at(spread, "topologyKey"), "topology.kubernetes.io/zone")
	want(t, "apart by zone: whom", at(spread, "labelSelector", "matchLabels"), selector)
	want(t, "budget", at(objects["PodDisruptionBudget"], "spec", "maxUnavailable"), int64(1))
	if pod := at(authorityOf(t, topology(t, "inside"), "osl1")["Deployment"], "spec", "template", "spec"); at(pod, "priorityClassName") != nil {
		t.Error("a PriorityClass that nobody named")
	}
}

// TestAuthorityNetworkPolicy: questions and metrics from the cluster's pods; to DNS and API servers alone.
func TestAuthorityNetworkPolicy(t *testing.T) {
	port := func(protocol string, port int64) any { return map[string]any{"protocol": protocol, "port": port} }
	block := func(cidr string) any { return map[string]any{"ipBlock": map[string]any{"cidr": cidr}} }
	top := topology(t, "inside")
	objects := authorityOf(t, top, "osl1")
	policy := at(objects["NetworkPolicy"], "spec")
	want(t, "whose", at(policy, "podSelector"), at(objects["Deployment"], "spec", "selector"))
	want(t, "types", at(policy, "policyTypes"), []any{"Ingress", "Egress"})
	in := at(policy, "ingress").([]any)
	want(t, "rules in", len(in), 1)
	want(t, "from", at(in[0], "from"), []any{block("10.2.0.0/16"), block("fd00:2::/48")})
	want(t, "ports in", at(in[0], "ports"), []any{port("UDP", 1053), port("TCP", 1053), port("TCP", 1055)})
	out := at(policy, "egress").([]any)
	want(t, "DNS", at(out[0], "ports").([]any)[:2], []any{port("UDP", 53), port("TCP", 53)})
	want(t, "API servers", at(out[1], "ports"), []any{map[string]any{"protocol": "TCP"}})
	for i := range top.Spec.Regions {
		top.Spec.Regions[i].Clusters[0].APIServer = map[int]string{0: "https://10.0.1.10:16443", 1: "https://api.osl1.example.com"}[i]
	}
	out = at(authorityOf(t, top, "osl1")["NetworkPolicy"], "spec", "egress").([]any)
	want(t, "API servers, all known", at(out[1], "ports"), []any{port("TCP", 443), port("TCP", 6443), port("TCP", 16443)})
	for _, c := range []regions.Cluster{top.Spec.Regions[0].Clusters[0]} {
		for _, container := range at(authorityOf(t, top, c.Name)["Deployment"], "spec", "template", "spec", "containers").([]any) {
			for _, p := range at(container, "ports").([]any) {
				if n := at(p, "containerPort"); at(p, "name") == "health" && n != int64(1055) || at(p, "name") == "dns" && n != int64(1053) {
					t.Errorf("port %v is not in the policy", p)
				}
			}
		}
	}
}
