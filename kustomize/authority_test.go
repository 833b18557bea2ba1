package kustomize_test

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/kustomize/build"
	"quorate.dev/quorate/regions"
)

const authorityOfOn = "quorate-dns-on"

// TestOverlayBringsTheAuthority: one kubectl apply -k of an overlay brings it, in the bytes that its own directory gives.
func TestOverlayBringsTheAuthority(t *testing.T) {
	r := render(t, topology(t, "inside"))
	for _, o := range r.Overlays {
		whole, err := build.Build(r.Files, o.Dir)
		if err != nil {
			t.Fatal(err)
		}
		alone, err := build.Build(r.Files, o.AuthorityDir())
		if err != nil {
			t.Fatal(err)
		}
		documents := strings.Split(string(alone), "---\n")
		if len(documents) != 11 {
			t.Errorf("%s: %d objects", o.Cluster, len(documents))
		}
		for _, document := range documents {
			if !slices.Contains(strings.Split(string(whole), "---\n"), document) {
				t.Errorf("%s: the overlay does not hold\n%s", o.Cluster, document)
			}
		}
	}
	for _, name := range []string{"one", "three", "streams"} {
		for file := range render(t, topology(t, name)).Files {
			if strings.Contains(file, "authority") {
				t.Errorf("%s has no authority inside its clusters, and %s", name, file)
			}
		}
	}
}

// authorityOf are the built objects of one cluster's authority, by kind.
func authorityOf(t testing.TB, top *regions.Topology, cluster string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, o := range built(t, top, cluster) {
		if at(o, "metadata", "labels", "app.kubernetes.io/component") == regions.AuthorityComponent {
			key := o["kind"].(string)
			if at(o, "metadata", "name") == regions.AuthorityPodAccount(top.Metadata.Name) {
				key = "the pods' " + key
			}
			out[key] = o
		}
	}
	return out
}

// TestAuthorityObjects: every object is found by name and label, in the deployment's namespace.
func TestAuthorityObjects(t *testing.T) {
	objects := authorityOf(t, topology(t, "inside"), "osl1")
	for _, kind := range []string{"ConfigMap", "Deployment", "NetworkPolicy", "PodDisruptionBudget", "Role", "RoleBinding", "Service", "ServiceAccount"} {
		o := objects[kind]
		want(t, kind+" name", at(o, "metadata", "name"), authorityOfOn)
		want(t, kind+" namespace", at(o, "metadata", "namespace"), "0x10")
		want(t, kind+" labels", at(o, "metadata", "labels"), map[string]any{
			"app.kubernetes.io/name": "quorate-dns", "app.kubernetes.io/instance": "on",
			"app.kubernetes.io/component": "dns-authority", "app.kubernetes.io/managed-by": "quorate",
		})
	}
	service := objects["Service"]
	want(t, "clusterIP", at(service, "spec", "clusterIP"), "10.97.0.53")
	want(t, "clusterIPs", at(service, "spec", "clusterIPs"), []any{"10.97.0.53", "fd00:97::53"})
	want(t, "families", at(service, "spec", "ipFamilies"), []any{"IPv4", "IPv6"})
	want(t, "policy", at(service, "spec", "ipFamilyPolicy"), "RequireDualStack")
	want(t, "whom it selects", at(service, "spec", "selector"), at(objects["Deployment"], "spec", "selector", "matchLabels"))
	want(t, "whom the budget covers", at(objects["PodDisruptionBudget"], "spec", "selector"), at(objects["Deployment"], "spec", "selector"))
	watcher := map[string]any{"kind": "ServiceAccount", "name": authorityOfOn, "namespace": "0x10"}
	pods := map[string]any{"kind": "ServiceAccount", "name": authorityOfOn + "-pod", "namespace": "0x10"}
	want(t, "who watches", at(objects["RoleBinding"], "subjects"), []any{watcher, pods})
	want(t, "who keeps tokens", at(objects["the pods' RoleBinding"], "subjects"), []any{pods})
	want(t, "which role", at(objects["the pods' RoleBinding"], "roleRef", "name"), authorityOfOn+"-pod")
	want(t, "who the pods are", at(objects["Deployment"], "spec", "template", "spec", "serviceAccountName"), authorityOfOn+"-pod")
}

// TestAuthorityMayDoNoMore than read the EndpointSlices and the one record, and renew its own tokens. What leaves
// the cluster as a token may not touch a Secret.
func TestAuthorityMayDoNoMore(t *testing.T) {
	reading := []any{"get", "list", "watch"}
	want(t, "rules", at(authorityOf(t, topology(t, "inside"), "par1")["Role"], "rules"), []any{
		map[string]any{"apiGroups": []any{"discovery.k8s.io"}, "resources": []any{"endpointslices"}, "verbs": reading},
		map[string]any{"apiGroups": []any{""}, "resources": []any{"configmaps"}, "resourceNames": []any{regions.RecordName("on")}, "verbs": reading},
		map[string]any{"apiGroups": []any{""}, "resources": []any{"serviceaccounts/token"}, "resourceNames": []any{authorityOfOn}, "verbs": []any{"create"}},
	})
	want(t, "the pods' rules", at(authorityOf(t, topology(t, "inside"), "par1")["the pods' Role"], "rules"), []any{
		map[string]any{"apiGroups": []any{""}, "resources": []any{"secrets"}, "resourceNames": []any{regions.CredentialsName("on")}, "verbs": []any{"get", "patch"}},
	})
}

// TestAuthorityPodsAreClosed: no privileges, no writable root, no token where none is needed.
func TestAuthorityPodsAreClosed(t *testing.T) {
	pod := at(authorityOf(t, topology(t, "inside"), "par1")["Deployment"], "spec", "template", "spec")
	want(t, "token", at(pod, "automountServiceAccountToken"), false)
	want(t, "DNS", at(pod, "dnsPolicy"), "ClusterFirst")
	want(t, "user", at(pod, "securityContext", "runAsUser"), int64(65532))
	want(t, "not root", at(pod, "securityContext", "runAsNonRoot"), true)
	want(t, "seccomp", at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault")
	mounts := map[string][]string{}
	for _, c := range at(pod, "containers").([]any) {
		name := at(c, "name").(string)
		want(t, name+" root", at(c, "securityContext", "readOnlyRootFilesystem"), true)
		want(t, name+" escalation", at(c, "securityContext", "allowPrivilegeEscalation"), false)
		want(t, name+" capabilities", at(c, "securityContext", "capabilities", "drop"), []any{"ALL"})
		for _, m := range at(c, "volumeMounts").([]any) {
			mounts[name] = append(mounts[name], at(m, "name").(string))
			if at(m, "name") == "state" {
				want(t, "where the state is kept", at(m, "mountPath"), "/var/lib/quorate")
				continue
			}
			want(t, name+" mount", at(m, "readOnly"), true)
		}
	}
	want(t, "mounts", mounts, map[string][]string{"quorate": {"topology", "credentials", "account", "state"}, "coredns": {"corefile"}})
	for _, v := range at(pod, "volumes").([]any) {
		if at(v, "name") == "credentials" {
			want(t, "credentials", at(v, "secret", "secretName"), regions.CredentialsName("on"))
			want(t, "optional", at(v, "secret", "optional"), true)
		}
		if at(v, "name") == "state" {
			want(t, "the state's volume", at(v, "emptyDir"), map[string]any{"sizeLimit": "64Mi"})
		}
	}
	arguments := at(at(pod, "containers").([]any)[0], "args").([]any)
	if !slices.Contains(arguments, any("--state=/var/lib/quorate/state.json")) {
		t.Errorf("the state is kept nowhere: %v", arguments)
	}
}

// TestTopologyInTheConfigMap is read again as the one that was rendered.
func TestTopologyInTheConfigMap(t *testing.T) {
	top := topology(t, "inside")
	for _, cluster := range []string{"par1", "osl1"} {
		text, _ := at(authorityOf(t, top, cluster)["ConfigMap"], "data", "topology.yaml").(string)
		again, problems := regions.Parse([]byte(text), "topology.yaml")
		if len(problems.Errors()) > 0 || !reflect.DeepEqual(again, top) {
			t.Errorf("%s: %v\n%s", cluster, problems, text)
		}
	}
}

// TestWhatRestartsTheAuthority: what it answers and for whom, and nothing else.
func TestWhatRestartsTheAuthority(t *testing.T) {
	template := func(change func(*regions.Topology)) any {
		top := topology(t, "inside")
		change(top)
		return at(authorityOf(t, top, "par1")["Deployment"], "spec", "template")
	}
	before := template(func(*regions.Topology) {})
	for name, change := range map[string]func(*regions.Topology){
		"another image":   func(top *regions.Topology) { top.Spec.Image = "cockroachdb/cockroach:v25.4.2" },
		"another pace":    func(top *regions.Topology) { top.Spec.Rollout.Soak = "1m" },
		"another context": func(top *regions.Topology) { top.Spec.Regions[1].Clusters[0].Context = "elsewhere" },
	} {
		if !reflect.DeepEqual(template(change), before) {
			t.Errorf("%s restarts it", name)
		}
	}
	for name, change := range map[string]func(*regions.Topology){
		"a replica more":    func(top *regions.Topology) { top.Spec.Regions[1].Clusters[0].Replicas++ },
		"another range":     func(top *regions.Topology) { top.Spec.Regions[0].Clusters[0].PodCIDRs = []string{"10.9.0.0/16"} },
		"another TTL":       func(top *regions.Topology) { top.Spec.DNS.TTL = "11s" },
		"another namespace": func(top *regions.Topology) { top.Spec.Regions[1].Clusters[0].Namespace = "other" },
		"another forwarder": func(top *regions.Topology) { top.AuthorityInCluster().Forwarder = "coredns:v1.16.0" },
	} {
		if reflect.DeepEqual(template(change), before) {
			t.Errorf("%s does not restart it", name)
		}
	}
}

// TestPodsOfEveryProfileAskTheAuthority, unless a stub-domain leads there.
func TestPodsOfEveryProfileAskTheAuthority(t *testing.T) {
	for _, name := range []string{"inside", "streams"} {
		top := topology(t, name)
		top.Spec.DNS.Publish = topology(t, "inside").Spec.DNS.Publish
		for i := range top.Spec.Regions {
			c := &top.Spec.Regions[i].Clusters[0]
			c.DNSServers, c.PodCIDRs = []string{"10.96.0.53"}, []string{"10.1.0.0/16"}
		}
		c := top.Spec.Regions[0].Clusters[0]
		for _, way := range []string{"dnsConfig", "stubDomain"} {
			top.AuthorityInCluster().PodDNS = way
			objects := built(t, top, c.Name)
			for _, pool := range top.Pools(c) {
				pod := at(object(t, objects, "StatefulSet", pool.Name), "spec", "template", "spec")
				policy, servers := any("None"), any([]any{"10.96.0.53"})
				if way == "stubDomain" {
					policy, servers = nil, nil
				}
				want(t, pool.Name+" policy", at(pod, "dnsPolicy"), policy)
				want(t, pool.Name+" servers", at(pod, "dnsConfig", "nameservers"), servers)
			}
			want(t, "address", at(object(t, objects, "Service", "quorate-dns-"+top.Metadata.Name), "spec", "clusterIP"), "10.96.0.53")
		}
	}
}

// TestAuthorityWatchesTheGoverningServices of every pool of every cluster.
func TestAuthorityWatchesTheGoverningServices(t *testing.T) {
	base := func(manifests string, extra string) fstest.MapFS {
		return fstest.MapFS{"kustomization.yaml": plain("resources: [db.yaml]\n" + extra), "db.yaml": plain(manifests)}
	}
	service := "---\napiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {clusterIP: None, selector: {app: db}}\n"
	own := strings.ReplaceAll(set, "NAME", "db") + service
	tests := map[string]struct {
		base fstest.MapFS
		pool string
		want string // the argument, or the error
	}{
		"plain":       {base(own, ""), "db", "--service=db=db"},
		"renamed":     {base(own, "namePrefix: my-\nnameSuffix: -x\n"), "my-db-x", "--service=my-db-x=my-db-x"},
		"none":        {base(strings.Replace(own, "  serviceName: db\n", "", 1), ""), "db", "StatefulSet db names no governing Service"},
		"by a patch":  {base(own+strings.ReplaceAll(service, "name: db", "name: other"), "patches: [{target: {kind: StatefulSet}, patch: '[{\"op\": \"replace\", \"path\": \"/spec/serviceName\", \"value\": \"other\"}]'}]"), "db", `is built with serviceName "other"`},
		"no settings": {base(own, ""), "", "dnsServers and podCIDRs are needed"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			top := generic()
			top.Spec.DNS.Publish = topology(t, "inside").Spec.DNS.Publish
			c := &top.Spec.Regions[0].Clusters[0]
			c.Pools = map[string]int{"db": 2}
			if test.pool != "" {
				c.Pools = map[string]int{test.pool: 2}
				c.DNSServers, c.PodCIDRs = []string{"10.96.0.53"}, []string{"10.1.0.0/16"}
			}
			r, err := kustomize.Render(top, profile(t, top), test.base)
			if err == nil {
				err = kustomize.CheckPools(top, profile(t, top), *c, mustBuild(t, r, "overlays/c"))
			}
			if arg, found := strings.CutPrefix(test.want, "--service="); found {
				if err != nil || !bytes.Contains(r.Files["overlays/c/authority/deployment.yaml"], []byte("- --service="+arg+"\n")) {
					t.Errorf("%v, no %s in\n%s", err, test.want, r.Files["overlays/c/authority/deployment.yaml"])
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
