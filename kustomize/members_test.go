package kustomize_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"quorate.dev/quorate/kustomize"
	"quorate.dev/quorate/regions"
)

func etcd(t testing.TB) kustomize.Profile {
	t.Helper()
	p, err := kustomize.LoadProfile("etcd")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEtcdHooks(t *testing.T) {
	const host = "kv-1.no1.kv.db.example.com."
	p := etcd(t)
	if p.Model != regions.ModelQuorumGroup || p.Hooks.Init != nil || p.Ports["peer"] != 2380 || p.SeedPort != p.Ports["client"] {
		t.Errorf("unexpected profile %+v", p)
	}
	commands := map[string][]string{
		"clusterID": p.Hooks.ClusterID.Command(host, p.SeedPort),
		"ask":       p.Hooks.Handover.Ask.Command(host, p.SeedPort),
		"preAdd":    p.Members.PreAdd.Command(host, p.SeedPort),
	}
	wants := map[string]string{
		"clusterID": "endpoint status --write-out=json",
		"ask":       "endpoint status --write-out=json",
		"preAdd":    "member add kv-1.no1 --learner --peer-urls=http://kv-1.no1.kv.db.example.com:2380",
	}
	for name, argv := range commands {
		if got := strings.Join(argv, " "); got != "/usr/local/bin/etcdctl --endpoints=http://127.0.0.1:2379 "+wants[name] {
			t.Errorf("%s is %s", name, got)
		}
	}
	// A float would round the ID to ...506624.
	move, err := p.Hooks.Handover.Move.CommandFor(host, p.SeedPort, "11539305337000706507")
	if err != nil || move[len(move)-2] != "move-leader" || move[len(move)-1] != "a023d910eeb241cb" {
		t.Errorf("the move is %q, %v", move, err)
	}
	for _, member := range []string{"", "a023d910eeb241cb", "-1", "18446744073709551616"} {
		if argv, err := p.Hooks.Handover.Move.CommandFor(host, p.SeedPort, member); err == nil {
			t.Errorf("member %q gave %q", member, argv)
		}
	}
	id, err := p.Hooks.ClusterID.Extract(`[{"Endpoint":"http://127.0.0.1:2379","Status":{"header":{"cluster_id":8570459336700167655,"member_id":3542974012341521924}}}]`)
	if err != nil || id != "8570459336700167655" {
		t.Errorf("got %q, %v", id, err)
	}
	for _, output := range []string{"", "Error: context deadline exceeded", `[{"Status":{"header":{"cluster_id":0}}}]`} {
		if id, err := p.Hooks.ClusterID.Extract(output); err == nil {
			t.Errorf("%q gave %q", output, id)
		}
	}
}

// What regions knows of a profile by its name is what the profile says.
func TestTopologiesKnowStaticProfiles(t *testing.T) {
	for _, name := range kustomize.ProfileNames() {
		p, err := kustomize.LoadProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		top := &regions.Topology{Spec: regions.Spec{Profile: name}}
		if top.DeclaresMembers() != (p.Members.ListedIn != "") {
			t.Errorf("profile %s lists its members in %q, a topology says %v", name, p.Members.ListedIn, top.DeclaresMembers())
		}
	}
}

// Every pod of every cluster is given the same members, each by the very URL and name
// that the member advertises itself.
func TestMembersAreTheSameEverywhere(t *testing.T) {
	top := topology(t, "members")
	var listed []string
	var advertised []string
	for _, region := range top.Spec.Regions {
		c := region.Clusters[0]
		template := at(object(t, built(t, top, c.Name), "StatefulSet", "kv"), "spec", "template").(map[string]any)
		members, found := etcd(t).Members.Listed(template)
		if !found || listed != nil && !slices.Equal(listed, members) {
			t.Errorf("%s is given %q, %v", c.Name, members, found)
		}
		listed = members
		args := texts(first(at(template, "spec", "containers"), "args"))
		for ordinal := range c.Replicas {
			pod := map[string]string{}
			for _, arg := range args {
				flag, value, _ := strings.Cut(arg, "=")
				pod[flag] = strings.ReplaceAll(value, "$(POD_NAME)", "kv-"+string(rune('0'+ordinal)))
			}
			advertised = append(advertised, pod["--name"]+"="+pod["--initial-advertise-peer-urls"])
		}
	}
	slices.Sort(advertised)
	if len(listed) != 5 || !slices.Equal(listed, advertised) {
		t.Errorf("listed are %q, advertised %q", listed, advertised)
	}
}

// The order of the file is of no matter, and the number of replicas is: the planner
// refuses a topology that changes the list.
func TestMembersFollowTheTopology(t *testing.T) {
	before, moved, grown := topology(t, "members"), topology(t, "members"), topology(t, "members")
	slices.Reverse(moved.Spec.Regions)
	grown.Spec.Regions[2].Clusters[0].Replicas = 2
	template := func(top *regions.Topology) any {
		return at(object(t, built(t, top, "no1"), "StatefulSet", "kv"), "spec", "template")
	}
	if !reflect.DeepEqual(template(before), template(moved)) {
		t.Error("another order of the regions changes the pods")
	}
	if reflect.DeepEqual(template(before), template(grown)) {
		t.Error("another member does not change the pods")
	}
}

// Nothing that the kubelet asks of a member depends on the others, and nothing in the
// image is a shell.
func TestEtcdPods(t *testing.T) {
	set := object(t, built(t, topology(t, "members"), "ea1"), "StatefulSet", "kv")
	pod := at(set, "spec", "template", "spec")
	container := first(at(pod, "containers"))
	want(t, "readiness", at(container, "readinessProbe", "httpGet", "path"), "/readyz?exclude=linearizable_read")
	want(t, "liveness", at(container, "livenessProbe", "httpGet", "path"), "/livez")
	want(t, "startup", at(container, "startupProbe", "httpGet", "path"), "/livez")
	for _, probe := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
		want(t, probe+" asks port", at(container, probe, "httpGet", "port"), "metrics")
	}
	want(t, "preStop", at(container, "lifecycle", "preStop"), map[string]any{"sleep": map[string]any{"seconds": int64(5)}})
	want(t, "program", texts(at(container, "command"))[0], "/usr/local/bin/etcd")
	want(t, "root", at(container, "securityContext", "readOnlyRootFilesystem"), true)
	want(t, "pod management", at(set, "spec", "podManagementPolicy"), "Parallel")
	want(t, "name servers", at(pod, "dnsConfig", "nameservers"), []any{"10.96.0.53"})
	mount, _ := first(at(container, "volumeMounts"), "mountPath").(string)
	if !slices.Contains(texts(at(container, "command")), "--data-dir="+mount+"/data") {
		t.Errorf("the data is not in a directory of its own below %s", mount)
	}
}
