package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// envIntegration turns on the test that starts real control planes (about two minutes once
// the binaries are built, ten more before).
const envIntegration = "QUORATE_SANDBOX_IT"

// bench is a sandbox in directories of its own, and how to talk to it.
type bench struct {
	t      *testing.T
	binary string // the sandbox, built for the test
	env    []string
	root   string
	tools  string // directory of the built binaries
}

// newBench builds the sandbox; env is the variable that turns the test on, and build what else its tools
// are asked for with.
func newBench(t *testing.T, env string, build ...string) *bench {
	t.Helper()
	if os.Getenv(env) == "" {
		t.Skipf("starts real control planes: set %s=1", env)
	}
	b := &bench{t: t, root: t.TempDir()}
	b.binary = filepath.Join(b.root, "sandbox")
	if out, err := exec.Command("go", "build", "-o", b.binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("build the sandbox: %v\n%s", err, out)
	}
	b.env = append(os.Environ(), "QUORATE_SANDBOX_DIR="+filepath.Join(b.root, "sandboxes"), "KUBECACHEDIR="+filepath.Join(b.root, "kubectl"))
	b.tools = strings.TrimSpace(b.ok(b.binary, append([]string{"build", "--print-path"}, build...)...))
	t.Cleanup(func() {
		for _, name := range []string{"it", "other"} {
			b.ok(b.binary, "down", "--name", name)
		}
	})
	return b
}

// try runs a command and gives its standard output, its errors and its exit code.
func (b *bench) try(name string, args ...string) (stdout, stderr string, code int) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	var out, errOut strings.Builder
	cmd.Env, cmd.Stdout, cmd.Stderr = b.env, &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("%s %v: %v", name, args, err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// ok runs a command that must succeed.
func (b *bench) ok(name string, args ...string) string {
	b.t.Helper()
	out, stderr, code := b.try(name, args...)
	if code != 0 {
		b.t.Fatalf("%s %v: exit %d\n%s%s", name, args, code, out, stderr)
	}
	return out
}

// sandbox runs a command of the sandbox "it".
func (b *bench) sandbox(args ...string) string {
	b.t.Helper()
	return b.ok(b.binary, append(args, "--name", "it")...)
}

// kubectl talks to one of its clusters.
func (b *bench) kubectl(cluster string, args ...string) string {
	b.t.Helper()
	return b.ok(filepath.Join(b.tools, "kubectl"), b.kubectlArgs(cluster, args)...)
}

func (b *bench) kubectlArgs(cluster string, args []string) []string {
	config := filepath.Join(b.root, "sandboxes", "it", "kubeconfig")
	return append([]string{"--kubeconfig", config, "--context", cluster, "--request-timeout=20s"}, args...)
}

// waitFor asks again until what is asked for is there.
func (b *bench) waitFor(what string, there func() bool) {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !there() {
		if time.Now().After(deadline) {
			b.t.Fatalf("waited a minute for %s", what)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// databaseManifest is a StatefulSet that starts CockroachDB, with a claim of the default class.
const databaseManifest = `
apiVersion: v1
kind: Service
metadata: {name: bank}
spec: {clusterIP: None, publishNotReadyAddresses: true, selector: {app: bank}, ports: [{port: 26257}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: bank}
spec:
  replicas: 2
  serviceName: bank
  podManagementPolicy: Parallel
  selector: {matchLabels: {app: bank}}
  template:
    metadata: {labels: {app: bank}}
    spec:
      containers:
      - name: db
        image: cockroachdb/cockroach:v25.4.1
        env:
        - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: ZONE, valueFrom: {fieldRef: {fieldPath: "metadata.labels['topology.kubernetes.io/zone']"}}}
        command: [/cockroach/cockroach, start, --insecure, --advertise-host=$(POD).%[1]s.bank, --join=bank-0.use1.bank, "--locality=zone=$(ZONE)"]
        volumeMounts: [{name: data, mountPath: /cockroach/cockroach-data}]
  volumeClaimTemplates:
  - metadata: {name: data}
    spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`

// deploy applies the database to a cluster.
func (b *bench) deploy(cluster string) {
	b.t.Helper()
	file := filepath.Join(b.root, cluster+".yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, databaseManifest, cluster), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.kubectl(cluster, "apply", "-f", file)
}

// pod reads one field of a pod.
func (b *bench) pod(cluster, name, path string) string {
	b.t.Helper()
	out, _, _ := b.try(filepath.Join(b.tools, "kubectl"), b.kubectlArgs(cluster, []string{"get", "pod", name, "-o", "jsonpath=" + path})...)
	return out
}

const readyPath = `{.status.conditions[?(@.type=="Ready")].status}`

func (b *bench) waitReady(cluster string, pods ...string) {
	b.t.Helper()
	for _, pod := range pods {
		b.waitFor(cluster+"/"+pod+" to be Ready", func() bool { return b.pod(cluster, pod, readyPath) == "True" })
	}
}

// TestSandbox plays one life of a sandbox against real control planes.
func TestSandbox(t *testing.T) {
	b := newBench(t, envIntegration)
	b.sandbox("up", "--cluster", "use1=us-east1:us-east1-b,us-east1-c", "--cluster", "euw1=europe-west1", "--nodes-per-zone", "1", "--feature-gates", "MaxUnavailableStatefulSet=false")
	for _, step := range []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"the database starts and waits for its init", databaseStarts},
		{"exec carries output and exit codes", execAnswers},
		{"a restarted pod keeps its node and gets a fresh address", podRestarts},
		{"a broken image never pulls", imageBreaks},
		{"a stopped cluster is missed by nobody but its API", clusterStops},
		{"the player and a control plane heal", everythingHeals},
		{"another sandbox runs beside it", anotherRuns},
	} {
		if !t.Run(step.name, func(t *testing.T) { b.t = t; step.run(t, b) }) {
			t.Fatal("the rest would be misleading")
		}
	}
	b.t = t
	b.sandbox("down")
	b.sandbox("down")
	nothingIsLeft(t, b)
}

func databaseStarts(t *testing.T, b *bench) {
	for _, cluster := range []string{"use1", "euw1"} {
		b.deploy(cluster)
		b.waitFor("pods of "+cluster+" to run", func() bool {
			return b.pod(cluster, "bank-1", "{.status.phase}") == "Running" && b.pod(cluster, "bank-0", "{.status.phase}") == "Running"
		})
		if zone := b.pod(cluster, "bank-0", `{.metadata.labels.topology\.kubernetes\.io/zone}`); !strings.HasPrefix(zone, "us-east1-") && !strings.HasPrefix(zone, "europe-west1-") {
			t.Errorf("the pod in %s carries the zone %q", cluster, zone)
		}
		if b.pod(cluster, "bank-0", readyPath) == "True" {
			t.Errorf("bank-0 in %s is Ready before init", cluster)
		}
	}
	if mark := b.kubectl("use1", "-n", "kube-system", "get", "configmap", "quorate-sandbox", "-o", "jsonpath={.data.sandbox}/{.data.cluster}"); mark != "it/use1" {
		t.Errorf("the mark says %q", mark)
	}
	b.waitFor("endpoints with host names", func() bool {
		slices := b.kubectl("use1", "get", "endpointslices", "-l", "kubernetes.io/service-name=bank", "-o", "jsonpath={.items[*].endpoints[*].hostname} {.items[*].endpoints[*].addresses[0]}")
		return strings.Contains(slices, "bank-0") && strings.Contains(slices, "bank-1") && strings.Contains(slices, "10.64.0.")
	})
}

func execAnswers(t *testing.T, b *bench) {
	run := func(args ...string) (string, string, int) {
		return b.try(filepath.Join(b.tools, "kubectl"), b.kubectlArgs("use1", append([]string{"exec", "bank-0", "--", "cockroach"}, args...))...)
	}
	id := []string{"sql", "--insecure", "--host=bank-0.use1.bank", "--format=csv", "--execute=SELECT crdb_internal.cluster_id()"}
	if _, stderr, code := run(id...); code != 1 || !strings.Contains(stderr, "cannot dial server") {
		t.Errorf("sql before init: %d, %q", code, stderr)
	}
	if out, stderr, code := run("init", "--insecure", "--host=bank-0.use1.bank:26257"); code != 0 || out != "Cluster successfully initialized\n" {
		t.Errorf("init: %d, %q, %q", code, out, stderr)
	}
	if _, stderr, code := run("init", "--insecure", "--host=bank-0.use1.bank"); code != 1 || !strings.Contains(stderr, "already been initialized") {
		t.Errorf("a second init: %d, %q", code, stderr)
	}
	b.waitReady("use1", "bank-0", "bank-1")
	b.waitReady("euw1", "bank-0", "bank-1")
	if out, _, code := run(id...); code != 0 || len(strings.Fields(out)) != 2 {
		t.Errorf("the cluster's id: %d, %q", code, out)
	}
	if out, _, code := run("node", "status", "--ranges", "--format=csv", "--insecure"); code != 0 || strings.Count(out, ",true,true,") != 4 {
		t.Errorf("node status of both clusters: %d, %q", code, out)
	}
}

// databases is what `db state` says, as far as the test reads it.
type databases struct {
	Databases []struct {
		InitsAccepted int `json:"inits_accepted"`
		Nodes         []struct {
			NodeID  int    `json:"node_id"`
			Cluster string `json:"cluster"`
			Pod     string `json:"pod"`
			Live    bool   `json:"live"`
		} `json:"nodes"`
	} `json:"databases"`
}

// liveNodes gives cluster/pod → node id of what lives, and checks that there was one init.
func (b *bench) liveNodes() map[string]int {
	b.t.Helper()
	var state databases
	if err := json.Unmarshal([]byte(b.sandbox("db", "state", "--output", "json")), &state); err != nil {
		b.t.Fatal(err)
	}
	if len(state.Databases) != 1 || state.Databases[0].InitsAccepted != 1 {
		b.t.Fatalf("want one database with one init: %+v", state)
	}
	live := map[string]int{}
	for _, node := range state.Databases[0].Nodes {
		if node.Live {
			live[node.Cluster+"/"+node.Pod] = node.NodeID
		}
	}
	return live
}

func podRestarts(t *testing.T, b *bench) {
	before, address, uid := b.liveNodes(), b.pod("euw1", "bank-1", "{.status.podIP}"), b.pod("euw1", "bank-1", "{.metadata.uid}")
	b.sandbox("db", "set", "--under-replicated-for", "1h")
	b.kubectl("euw1", "delete", "pod", "bank-1")
	b.waitFor("another pod", func() bool { return b.pod("euw1", "bank-1", "{.metadata.uid}") != uid })
	b.waitReady("euw1", "bank-1")
	if again := b.pod("euw1", "bank-1", "{.status.podIP}"); again == address {
		t.Errorf("the new pod has the old address %s", again)
	}
	if after := b.liveNodes(); after["euw1/bank-1"] != before["euw1/bank-1"] {
		t.Errorf("node %d came back as %d", before["euw1/bank-1"], after["euw1/bank-1"])
	}
	status := func() string {
		return b.kubectl("use1", "exec", "bank-0", "--", "cockroach", "node", "status", "--ranges", "--format=csv", "--insecure")
	}
	if out := status(); strings.Count(out, ",0,3\n") != 4 {
		t.Errorf("nothing is under-replicated after a restart: %s", out)
	}
	b.sandbox("db", "set", "--under-replicated-for", "0s")
	if out := status(); strings.Count(out, ",0,0\n") != 4 {
		t.Errorf("something stays under-replicated: %s", out)
	}
}

func imageBreaks(t *testing.T, b *bench) {
	b.kubectl("use1", "run", "stuck", "--image=cockroachdb/cockroach:broken")
	b.waitFor("ImagePullBackOff", func() bool {
		return b.pod("use1", "stuck", "{.status.containerStatuses[0].state.waiting.reason}") == "ImagePullBackOff"
	})
	if phase := b.pod("use1", "stuck", "{.status.phase}"); phase != "Pending" {
		t.Errorf("its phase is %s", phase)
	}
	b.kubectl("use1", "delete", "pod", "stuck")
}

func clusterStops(t *testing.T, b *bench) {
	b.sandbox("stop", "euw1")
	if _, _, code := b.try(filepath.Join(b.tools, "kubectl"), b.kubectlArgs("euw1", []string{"get", "nodes"})...); code == 0 {
		t.Error("a stopped cluster answers")
	}
	if live := b.liveNodes(); len(live) != 4 {
		t.Errorf("with a control plane stopped, %v live", live)
	}
	b.sandbox("start", "euw1")
	b.kubectl("euw1", "delete", "pod", "bank-0")
	b.waitFor("a new pod to be played", func() bool { return len(b.liveNodes()) == 4 })
	b.waitReady("euw1", "bank-0")
}

func everythingHeals(t *testing.T, b *bench) {
	nodes := b.liveNodes()
	for _, file := range []string{"player/pid", "kwok/clusters/use1/pids/etcd.pid", "kwok/clusters/use1/pids/kube-apiserver.pid"} {
		pid, err := os.ReadFile(filepath.Join(b.root, "sandboxes", "it", file))
		if err != nil {
			t.Fatal(err)
		}
		b.ok("kill", "-9", strings.TrimSpace(string(pid)))
	}
	if _, _, code := b.try(b.binary, "db", "state", "--name", "it"); code == 0 {
		t.Error("a killed player answers")
	}
	b.sandbox("up")
	b.sandbox("up")
	if after := b.liveNodes(); len(after) != 4 || after["use1/bank-0"] != nodes["use1/bank-0"] {
		t.Errorf("nodes %v became %v", nodes, after)
	}
	b.waitReady("use1", "bank-0", "bank-1")
}

func anotherRuns(t *testing.T, b *bench) {
	// Killed half-way, as by a closed terminal; the next `up` and `down` must cope.
	cmd := exec.Command(b.binary, "up", "--name", "other", "--regions", "us-east1", "--zones-per-region", "1", "--nodes-per-zone", "1")
	cmd.Env = b.env
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b.waitFor("the other sandbox to begin", func() bool {
		_, err := os.Stat(filepath.Join(b.root, "sandboxes", "other", "kwok", "clusters", "us-east1", "kwok.yaml"))
		return err == nil
	})
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	b.ok(b.binary, "up", "--name", "other")
	if out := b.ok(b.binary, "status", "--name", "other"); !strings.Contains(out, "running") {
		t.Errorf("the other sandbox: %s", out)
	}
	if live := b.liveNodes(); len(live) != 4 {
		t.Errorf("the first sandbox was disturbed: %v", live)
	}
	b.ok(b.binary, "down", "--name", "other")
}

// nothingIsLeft looks for processes and files of the sandboxes.
func nothingIsLeft(t *testing.T, b *bench) {
	if entries, err := os.ReadDir(filepath.Join(b.root, "sandboxes")); err != nil || len(entries) != 0 {
		t.Errorf("directories are left: %v, %v", entries, err)
	}
	commands, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range commands {
		data, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(data), filepath.Join(b.root, "sandboxes")) {
			t.Errorf("a process is left: %s", strings.ReplaceAll(string(data), "\x00", " "))
		}
		if err == nil && strings.HasPrefix(string(data), b.binary+"\x00play") {
			t.Errorf("a player is left: %s", strings.ReplaceAll(string(data), "\x00", " "))
		}
	}
}
