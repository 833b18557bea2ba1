package adopt_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"quorate.dev/quorate/kustomize/adopt"
	"quorate.dev/quorate/regions"
)

var update = flag.Bool("update", false, "write the golden files anew")

// live is a cluster's part of a database as an API server has it: defaults filled in, bookkeeping of tools.
const live = `
- apiVersion: apps/v1
  kind: StatefulSet
  metadata:
    name: db
    namespace: NS
    uid: "1"
    generation: 1
    creationTimestamp: "2026-01-01T00:00:00Z"
    labels: {app.kubernetes.io/managed-by: Helm}
    annotations: {meta.helm.sh/release-name: bank, kubectl.kubernetes.io/last-applied-configuration: "{}"}
  spec:
    replicas: 2
    podManagementPolicy: OrderedReady
    revisionHistoryLimit: 10
    serviceName: db
    updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0, maxUnavailable: 1}}
    persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
    selector: {matchLabels: {app: db}}
    template:
      metadata: {creationTimestamp: null, labels: {app: db}}
      spec:
        restartPolicy: Always
        dnsPolicy: ClusterFirst
        schedulerName: default-scheduler
        securityContext: {}
        terminationGracePeriodSeconds: 30
        containers:
        - name: db
          image: example.com/db:1.0
          imagePullPolicy: IfNotPresent
          terminationMessagePath: /dev/termination-log
          terminationMessagePolicy: File
          resources: {}
          args: [--region=REGION]
          envFrom: [{secretRef: {name: password}}, {configMapRef: {name: settings}}]
          ports: [{containerPort: 1, protocol: TCP}]
  status: {observedGeneration: 1, currentRevision: a, updateRevision: REVISION, readyReplicas: 1}
- apiVersion: v1
  kind: Service
  metadata: {name: db, namespace: NS}
  spec: {clusterIP: None, clusterIPs: [None], ipFamilies: [IPv4], ipFamilyPolicy: SingleStack, type: ClusterIP, sessionAffinity: None, internalTrafficPolicy: Cluster, selector: {app: db}, ports: [{port: 1, targetPort: 1, protocol: TCP}]}
- apiVersion: v1
  kind: Service
  metadata: {name: other, namespace: NS}
  spec: {selector: {app: other}, ports: [{port: 1}]}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {region: REGION, common: "yes"}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: unrelated}, data: {a: b}}
`

func clusters(t *testing.T, change ...string) []adopt.Cluster {
	t.Helper()
	var out []adopt.Cluster
	for _, name := range []string{"use1", "usw1"} {
		text := strings.NewReplacer(append(change, "NS", "bank", "REGION", name, "REVISION", "a")...).Replace(live)
		var objects []map[string]any
		if err := yaml.Unmarshal([]byte(text), &objects); err != nil {
			t.Fatal(err)
		}
		out = append(out, adopt.Cluster{Name: name, Region: "region-" + name, Context: "admin@" + name, Namespace: "bank", Objects: objects})
	}
	return out
}

func TestFiles(t *testing.T) {
	cs := clusters(t)
	cs[1].Objects = append(cs[1].Objects, map[string]any{
		"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": map[string]any{"name": "db"},
		"spec": map[string]any{"maxUnavailable": int64(1), "selector": map[string]any{"matchLabels": map[string]any{"app": "db"}}},
	})
	result, err := adopt.Files(cs, adopt.Options{Zone: "db.example.com", Authorities: []string{"10.0.0.53:53"}, Model: "quorum-group"})
	if err != nil {
		t.Fatal(err)
	}
	if _, problems := regions.Parse(result.Files["topology.yaml"], "topology.yaml"); len(problems.Errors()) > 0 {
		t.Errorf("the topology is invalid: %v", problems.Errors())
	}
	golden := filepath.Join("testdata", "golden")
	for name, data := range result.Files {
		path := filepath.Join(golden, name)
		if *update {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s (%v):\n%s", name, err, data)
		}
	}
	for _, want := range []string{"Secrets (password)", "1 of 2 replicas"} {
		if !strings.Contains(strings.Join(result.Notes, "\n"), want) {
			t.Errorf("the notes lack %q: %q", want, result.Notes)
		}
	}
}

// What would get in quorate's way, or into other hands, is said once, with all clusters that it is about.
func TestNotes(t *testing.T) {
	env := "args: [--region=REGION]\n          env: [{name: DB_PASSWORD, value: x}, {name: TOKEN_FILE, value: y}, {name: KEY_TOKEN, value: /run/token}, {name: API_KEY, valueFrom: {secretKeyRef: {name: password, key: k}}}]"
	cs := clusters(t, "args: [--region=REGION]", env, "labels: {app.kubernetes.io/managed-by: Helm}", `labels: {helm.toolkit.fluxcd.io/name: bank}`)
	result, err := adopt.Files(cs, adopt.Options{Zone: "db.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(result.Notes, "\n") + "\n"
	for _, want := range []string{
		"use1, usw1: StatefulSet db is kept by Flux, which may undo", "use1, usw1: StatefulSet db is of Helm's release bank: do not upgrade",
		"use1, usw1: StatefulSet db has what looks like passwords written in it (DB_PASSWORD), and", "use1, usw1: the pods use Secrets (password)",
	} {
		if strings.Count(notes, want) != 1 {
			t.Errorf("the notes do not say once %q:\n%s", want, notes)
		}
	}
	cs = clusters(t, "meta.helm.sh/release-name: bank", "argocd.argoproj.io/tracking-id: 'bank:apps/StatefulSet:bank/db'")
	if result, err = adopt.Files(cs, adopt.Options{Zone: "db.example.com"}); err != nil || !strings.Contains(strings.Join(result.Notes, "\n"), "is kept by Argo CD") {
		t.Errorf("%v, %q: want Argo CD named", err, result.Notes)
	}
}

func TestUnfit(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"on delete":  {"type: RollingUpdate, rollingUpdate", "type: OnDelete, rollingUpdate", "OnDelete"},
		"updating":   {"REVISION", "b", "in the middle of an update"},
		"owned":      {"uid: \"1\"", "ownerReferences: [{kind: Operator, name: op}]", "belongs to Operator op"},
		"ordinals":   {"replicas: 2", "replicas: 2, ordinals: {start: 3}", ""},
		"ungoverned": {"serviceName: db", "serviceName: ''", "no governing Service"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want == "" {
				c.old, c.new, c.want = "replicas: 2\n", "replicas: 2\n    ordinals: {start: 3}\n", "counts from 0"
			}
			_, err := adopt.Files(clusters(t, c.old, c.new), adopt.Options{Zone: "db.example.com"})
			if err == nil || strings.Count(err.Error(), c.want) != 2 {
				t.Errorf("%v: want %q of each cluster", err, c.want)
			}
		})
	}
}

func TestAmbiguous(t *testing.T) {
	cs := clusters(t)
	cs[0].Objects = append(cs[0].Objects, map[string]any{"kind": "StatefulSet", "metadata": map[string]any{"name": "cache"}})
	if _, err := adopt.Files(cs, adopt.Options{Zone: "db.example.com"}); err == nil || !strings.Contains(err.Error(), "cache, db") {
		t.Errorf("%v: want both named", err)
	}
	if _, err := adopt.Files(cs, adopt.Options{Zone: "db.example.com", Sets: []string{"db"}}); err != nil {
		t.Error(err)
	}
}
