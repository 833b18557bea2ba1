package kustomize_test

import (
	"reflect"
	"regexp"
	"slices"
	"testing"
)

// at is the value at a path of nested objects, nil where there is none.
func at(v any, keys ...string) any {
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}

// first is the value at a path within the first element of a list.
func first(v any, keys ...string) any {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	return at(list[0], keys...)
}

func object(t testing.TB, objects []map[string]any, kind, name string) map[string]any {
	t.Helper()
	for _, o := range objects {
		if o["kind"] == kind && at(o, "metadata", "name") == name {
			return o
		}
	}
	t.Fatalf("no %s %s among the built objects", kind, name)
	return nil
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, e := range list {
		s, _ := e.(string)
		out = append(out, s)
	}
	return out
}

func want(t *testing.T, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// installed is what is built for one cluster, with the parts that rules look at.
type installed struct {
	objects                    []map[string]any
	set, pod, container, claim any
}

// The pitfalls of "The Highs and Lows of Stateful Containers" (Alex Robinson,
// QCon 2018) by their number there, as far as manifests answer them, and our own.
func TestPitfalls(t *testing.T) {
	pitfalls := []struct {
		name  string
		check func(*testing.T, installed)
	}{
		{"1 data in the container's file system", dataOutlivesThePod},
		{"2 the default StorageClass", classIsNamed},
		{"3 two replicas on one node", replicasAreApart},
		{"3 two replicas in one zone", replicasAreSpread},
		{"4 only the first pod comes back", startCannotDeadlock},
		{"5 no requests and limits", resourcesAreReserved},
		{"6 no PodDisruptionBudget", evictionsAreBudgeted},
		{"7 addresses instead of names", namesNotAddresses},
		{"12 a rolling upgrade of one cluster by itself", noPartition},
		{"13 replicas are final", finalReplicas},
		{"a drain cut short", graceOutlastsTheDrain},
		{"labels on an immutable field", claimHasNoLabels},
		{"settings from Services", noServiceLinks},
		{"a shell that swallows signals", noShell},
	}
	for _, name := range []string{"use1", "usw1", "euw1"} {
		objects := built(t, topology(t, "three"), name)
		set := object(t, objects, "StatefulSet", "bank")
		pod := at(set, "spec", "template", "spec")
		in := installed{
			objects: objects, set: set, pod: pod,
			container: at(pod, "containers").([]any)[0], claim: at(set, "spec", "volumeClaimTemplates").([]any)[0],
		}
		for _, p := range pitfalls {
			t.Run(name+"/"+p.name, func(t *testing.T) { p.check(t, in) })
		}
	}
}

func dataOutlivesThePod(t *testing.T, in installed) {
	want(t, "mounted volume", first(at(in.container, "volumeMounts"), "name"), at(in.claim, "metadata", "name"))
	store := "--store=path=" + first(at(in.container, "volumeMounts"), "mountPath").(string)
	if !slices.Contains(texts(at(in.container, "command")), store) {
		t.Errorf("the database is not told %s", store)
	}
	want(t, "retention", at(in.set, "spec", "persistentVolumeClaimRetentionPolicy"), map[string]any{"whenDeleted": "Retain", "whenScaled": "Retain"})
}

func classIsNamed(t *testing.T, in installed) {
	want(t, "class", at(in.claim, "spec", "storageClassName"), "fast-ssd")
	want(t, "size", at(in.claim, "spec", "resources", "requests", "storage"), "100Gi")
}

func replicasAreApart(t *testing.T, in installed) {
	labels := at(in.set, "spec", "selector", "matchLabels")
	term := at(in.pod, "affinity", "podAntiAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
	want(t, "anti-affinity", first(term, "topologyKey"), "kubernetes.io/hostname")
	want(t, "whom it avoids", first(term, "labelSelector", "matchLabels"), labels)
	for k, v := range labels.(map[string]any) {
		want(t, "pod label "+k, at(in.set, "spec", "template", "metadata", "labels", k), v)
	}
}

func replicasAreSpread(t *testing.T, in installed) {
	spread := at(in.pod, "topologySpreadConstraints")
	want(t, "spread", first(spread, "topologyKey"), "topology.kubernetes.io/zone")
	want(t, "skew", first(spread, "maxSkew"), int64(1))
	want(t, "when it cannot be", first(spread, "whenUnsatisfiable"), "DoNotSchedule")
	want(t, "spread pods", first(spread, "labelSelector", "matchLabels"), at(in.set, "spec", "selector", "matchLabels"))
}

func startCannotDeadlock(t *testing.T, in installed) {
	want(t, "pod management", at(in.set, "spec", "podManagementPolicy"), "Parallel")
	want(t, "readiness", at(in.container, "readinessProbe", "httpGet", "path"), "/health?ready=1")
	want(t, "liveness", at(in.container, "livenessProbe"), nil)
	want(t, "startup", at(in.container, "startupProbe"), nil)
	service := object(t, in.objects, "Service", at(in.set, "spec", "serviceName").(string))
	want(t, "publishNotReadyAddresses", at(service, "spec", "publishNotReadyAddresses"), true)
	want(t, "clusterIP", at(service, "spec", "clusterIP"), "None")
	want(t, "selector", at(service, "spec", "selector"), at(in.set, "spec", "selector", "matchLabels"))
}

func resourcesAreReserved(t *testing.T, in installed) {
	granted := map[string]any{"cpu": "4", "memory": "16Gi"}
	want(t, "resources", at(in.container, "resources"), map[string]any{"requests": granted, "limits": granted})
}

func evictionsAreBudgeted(t *testing.T, in installed) {
	budget := object(t, in.objects, "PodDisruptionBudget", "bank")
	want(t, "maxUnavailable", at(budget, "spec", "maxUnavailable"), int64(1))
	want(t, "whom it covers", at(budget, "spec", "selector"), at(in.set, "spec", "selector"))
}

func namesNotAddresses(t *testing.T, in installed) {
	address := regexp.MustCompile(`\d+\.\d+\.\d+\.\d+`)
	args := texts(at(in.container, "args"))
	for _, arg := range slices.Concat(texts(at(in.container, "command")), args) {
		if address.MatchString(arg) {
			t.Errorf("%s holds an address", arg)
		}
	}
	advertised := regexp.MustCompile(`^--advertise-host=\$\(POD_NAME\)\.(use1|usw1|euw1)\.bank\.db\.example\.com$`)
	locality := regexp.MustCompile(`^--locality=region=(us-east1|us-west1|europe-west1),zone=\$\(ZONE\)$`)
	if len(args) != 2 || !advertised.MatchString(args[0]) || !locality.MatchString(args[1]) {
		t.Errorf("args are %q", args)
	}
}

func noPartition(t *testing.T, in installed) {
	want(t, "updateStrategy", at(in.set, "spec", "updateStrategy"), map[string]any{"type": "RollingUpdate"})
}

func finalReplicas(t *testing.T, in installed) {
	want(t, "replicas", at(in.set, "spec", "replicas"), int64(3))
}

func graceOutlastsTheDrain(t *testing.T, in installed) {
	want(t, "grace period", at(in.pod, "terminationGracePeriodSeconds"), int64(300))
}

func claimHasNoLabels(t *testing.T, in installed) {
	want(t, "claim's metadata", at(in.claim, "metadata"), map[string]any{"name": "datadir"})
}

func noServiceLinks(t *testing.T, in installed) {
	want(t, "enableServiceLinks", at(in.pod, "enableServiceLinks"), false)
}

func noShell(t *testing.T, in installed) {
	want(t, "first of the command", at(in.container, "command").([]any)[0], "/cockroach/cockroach")
}
