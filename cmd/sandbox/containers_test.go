//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// envContainers turns on the test that starts real nodes (about two minutes once everything is built).
const envContainers = "QUORATE_CONTAINERS"

// realManifest is an etcd with a claim of the default class; it needs no quorum to be ready.
const realManifest = `
apiVersion: v1
kind: Service
metadata: {name: store}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: store}, ports: [{port: 2379}]}
---
apiVersion: v1
kind: Service
metadata: {name: front}
spec: {selector: {app: store}, ports: [{port: 2379}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: store}
spec:
  serviceName: store
  selector: {matchLabels: {app: store}}
  template:
    metadata: {labels: {app: store}}
    spec:
      terminationGracePeriodSeconds: 2
      containers:
      - name: etcd
        image: %s
        imagePullPolicy: Never
        command: [etcd, --data-dir=/data/etcd, "--listen-client-urls=http://0.0.0.0:2379", "--advertise-client-urls=http://store-0.store:2379"]
        readinessProbe: {tcpSocket: {port: 2379}, periodSeconds: 1}
        volumeMounts: [{name: data, mountPath: /data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// TestContainers plays one life of a sandbox with real nodes, and holds the machine against what it was before.
func TestContainers(t *testing.T) {
	b := newBench(t, envContainers, "--containers")
	tags := []string{b.tag("it"), b.tag("other")}
	before := lookAt(t, tags...)
	b.sandbox("up", "--runtime", "containers", "--nodes", "2", "--cluster", "use1=us-east1:us-east1-b,us-east1-c", "--cluster", "euw1=europe-west1:europe-west1-b")
	for _, step := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"real pods run, keep data and find each other", podsRun},
		{"a partition is silence, and ends", partitions},
		{"one way only", oneWay},
		{"a client lives in a place of its own", clientLives},
		{"an image of one binary is on every node", imageLoads},
		{"a network that was torn is mended", networkMends},
		{"a killed node comes back with its pods", nodeReturns},
		{"a stopped region is dark and comes back with its data", regionReturns},
		{"nothing of the machine changes while it runs", func(t *testing.T, _ *bench) {
			compare(t, before, lookAt(t), "/proc/sys")
			compare(t, before, lookAt(t), "mounts")
			compare(t, before, lookAt(t), "nft")
			compare(t, before, lookAt(t), "file")
		}},
		{"after kill -9 of everything, up heals it", everythingIsKilled},
		{"an up that is killed midway leaves nothing after down", upIsKilled},
	} {
		if !t.Run(step.name, func(t *testing.T) { b.t = t; step.run(t, b) }) {
			t.Fatal("the rest would be misleading")
		}
	}
	b.t = t
	b.sandbox("down")
	b.sandbox("down")
	nothingIsLeft(t, b)
	compare(t, before, lookAt(t, tags...), "")
	noCgroupIsLeft(t, tags)
}

// tag is how a sandbox's links are told apart.
func (b *bench) tag(name string) string {
	b.t.Helper()
	dir, err := state.Paths{Cache: b.root, Sandboxes: filepath.Join(b.root, "sandboxes")}.Sandbox(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return dir.Tag()
}

// etcdImage is one that every node has.
func (b *bench) etcdImage() string {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.tools, "images", "etcd-*.tar"))
	if err != nil || len(files) == 0 {
		b.t.Fatalf("no etcd image in %s: %v", b.tools, err)
	}
	return "quorate.test/etcd:" + strings.TrimSuffix(strings.TrimPrefix(filepath.Base(files[0]), "etcd-"), ".tar")
}

func (b *bench) address(cluster string) string {
	b.t.Helper()
	return b.pod(cluster, "store-0", "{.status.podIP}")
}

// etcdctl asks the member at address from the pod of a cluster; ok tells whether it answered.
func (b *bench) etcdctl(cluster, address string, args ...string) (out string, ok bool) {
	b.t.Helper()
	command := []string{"exec", "store-0", "--", "etcdctl", "--dial-timeout=2s", "--command-timeout=2s", "--endpoints=http://" + address + ":2379"}
	out, _, code := b.try(filepath.Join(b.tools, "kubectl"), b.kubectlArgs(cluster, append(command, args...))...)
	return out, code == 0
}

// reaches checks who gets an answer from whom.
func (b *bench) reaches(from, to string, want bool) {
	b.t.Helper()
	if _, ok := b.etcdctl(from, b.address(to), "get", "key"); ok != want {
		b.t.Errorf("%s reaches %s: %t, want %t", from, to, ok, want)
	}
}

func podsRun(t *testing.T, b *bench) {
	manifest := filepath.Join(b.root, "store.yaml")
	if err := os.WriteFile(manifest, fmt.Appendf(nil, realManifest, b.etcdImage()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, cluster := range []string{"use1", "euw1"} {
		b.kubectl(cluster, "apply", "-f", manifest)
	}
	for _, cluster := range []string{"use1", "euw1"} {
		b.waitReady(cluster, "store-0")
		if _, ok := b.etcdctl(cluster, "127.0.0.1", "put", "key", cluster); !ok {
			t.Errorf("%s takes no write", cluster)
		}
	}
	if zone := b.pod("use1", "store-0", `{.metadata.labels.topology\.kubernetes\.io/zone}`); !strings.HasPrefix(zone, "us-east1-") {
		t.Errorf("the pod carries the zone %q", zone)
	}
	if zones := b.kubectl("use1", "get", "nodes", "-o", `jsonpath={.items[*].metadata.labels.topology\.kubernetes\.io/zone} {.items[*].spec.podCIDR}`); zones != "us-east1-b us-east1-c 198.18.8.0/24 198.18.9.0/24" &&
		!strings.HasPrefix(zones, "us-east1-b us-east1-c 198.1") {
		t.Errorf("the zones were dealt as %q", zones)
	}
	if out, ok := b.etcdctl("use1", "front.default.svc.cluster.local", "get", "key"); !ok || !strings.Contains(out, "use1") {
		t.Errorf("by the name of a service: %q", out)
	}
	b.reaches("use1", "euw1", true)
	b.reaches("euw1", "use1", true)
	if logs := b.kubectl("use1", "logs", "store-0"); !strings.Contains(logs, "etcd") {
		t.Errorf("logs: %q", logs)
	}
	if token := b.kubectl("use1", "create", "token", "default"); strings.Count(token, ".") != 2 {
		t.Error("no token of a service account is issued")
	}
}

func partitions(t *testing.T, b *bench) {
	b.sandbox("partition", "use1", "euw1")
	b.reaches("use1", "euw1", false)
	b.reaches("euw1", "use1", false)
	if _, ok := b.etcdctl("euw1", "127.0.0.1", "get", "key"); !ok {
		t.Error("the API server of a side that is cut off does not answer the machine")
	}
	if out := b.sandbox("status"); !strings.Contains(out, "partition: use1 and euw1") {
		t.Errorf("status says nothing of the partition:\n%s", out)
	}
	b.sandbox("heal", "euw1", "use1")
	b.reaches("use1", "euw1", true)
	b.reaches("euw1", "use1", true)
	if _, stderr, code := b.try(b.binary, "partition", "use1", "nowhere", "--name", "it"); code == 0 || !strings.Contains(stderr, "nowhere") {
		t.Errorf("a partition from nowhere: %d, %q", code, stderr)
	}
}

func oneWay(t *testing.T, b *bench) {
	b.sandbox("partition", "use1", "euw1", "--one-way")
	b.reaches("use1", "euw1", false)
	b.reaches("euw1", "use1", true)
	b.sandbox("heal")
	b.reaches("use1", "euw1", true)
}

func clientLives(t *testing.T, b *bench) {
	run := func(args ...string) (string, string, int) {
		return b.try(b.binary, append([]string{"run", "--name", "it", "--at", "client", "--"}, args...)...)
	}
	version := func(cluster string) (string, string, int) {
		return run(filepath.Join(b.tools, "etcd-"+strings.TrimPrefix(b.etcdImage(), "quorate.test/etcd:"), "etcdctl"),
			"--dial-timeout=2s", "--command-timeout=2s", "--endpoints=http://"+b.address(cluster)+":2379", "get", "key", "--print-value-only")
	}
	if out, stderr, code := version("use1"); code != 0 || strings.TrimSpace(out) != "use1" {
		t.Errorf("a client reads: %d, %q, %q", code, out, stderr)
	}
	if _, _, code := run("sh", "-c", "exit 7"); code != 7 {
		t.Errorf("the exit code is %d, want 7", code)
	}
	if out, _, code := run(filepath.Join(b.tools, "kubectl"), "--kubeconfig", filepath.Join(b.root, "sandboxes", "it", "kubeconfig"), "--context", "euw1", "get", "--raw", "/readyz"); code != 0 || out != "ok" {
		t.Errorf("a client at the API server: %d, %q", code, out)
	}
	b.sandbox("partition", "client", "use1")
	if _, _, code := version("use1"); code == 0 {
		t.Error("a client that is cut off reads")
	}
	if _, _, code := version("euw1"); code != 0 {
		t.Error("a client that is cut off from one cluster does not read from the other")
	}
	b.sandbox("heal")
	if _, _, code := version("use1"); code != 0 {
		t.Error("a healed client does not read")
	}
}

func imageLoads(t *testing.T, b *bench) {
	b.sandbox("load-image", "quorate.test/mine:v1", filepath.Join(b.tools, "pause"))
	for _, node := range []string{"euw1-n0", "euw1-n1"} {
		b.kubectl("euw1", "run", "mine-"+node, "--image=quorate.test/mine:v1", "--image-pull-policy=Never", "--overrides",
			`{"spec":{"nodeName":"`+node+`","terminationGracePeriodSeconds":1}}`)
		b.waitReady("euw1", "mine-"+node)
		b.kubectl("euw1", "delete", "pod", "mine-"+node)
	}
	if _, stderr, code := b.try(b.binary, "load-image", "quorate.test/dynamic:v1", "/bin/sh", "--name", "it"); code == 0 || !strings.Contains(stderr, "CGO_ENABLED=0") {
		t.Errorf("a dynamic binary: %d, %q", code, stderr)
	}
}

// keeps checks that the store of a cluster has its data, at another address than before.
func (b *bench) keeps(cluster, before string) {
	b.t.Helper()
	b.waitFor(cluster+"/store-0 at another address than "+before, func() bool { address := b.address(cluster); return address != "" && address != before })
	b.waitReady(cluster, "store-0")
	b.waitFor("the data of "+cluster, func() bool {
		out, ok := b.etcdctl(cluster, "127.0.0.1", "get", "key", "--print-value-only")
		return ok && strings.TrimSpace(out) == cluster
	})
}

func networkMends(t *testing.T, b *bench) {
	bridge, err := netlink.LinkByName("qb" + b.tag("it"))
	if err != nil {
		t.Fatal(err)
	}
	if err := netlink.LinkDel(bridge); err != nil {
		t.Fatal(err)
	}
	b.sandbox("up")
	b.reaches("use1", "euw1", true)
	b.reaches("euw1", "use1", true)
}

func nodeReturns(t *testing.T, b *bench) {
	before, node := b.address("use1"), b.pod("use1", "store-0", "{.spec.nodeName}")
	b.sandbox("kill", node)
	if out := b.sandbox("status", "--output", "json"); !slices.Contains(stopped(t, out), node) {
		t.Errorf("status does not miss node %s:\n%s", node, out)
	}
	b.sandbox("start", "use1")
	b.keeps("use1", before)
}

func regionReturns(t *testing.T, b *bench) {
	before := b.address("euw1")
	b.sandbox("partition", "use1", "euw1")
	b.sandbox("stop", "euw1")
	if out := b.sandbox("status", "--output", "json"); !slices.Equal(stopped(t, out), []string{"euw1", "euw1-n0", "euw1-n1"}) {
		t.Errorf("after stop:\n%s", out)
	}
	b.sandbox("start", "euw1")
	b.keeps("euw1", before)
	b.reaches("euw1", "use1", false) // it began with the partition that lasts
	b.sandbox("heal")
	b.reaches("euw1", "use1", true)
}
