package preflight

import (
	"slices"
	"testing"

	"sigs.k8s.io/yaml"
)

const set = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  template:
    spec:
      affinity:
        nodeAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            nodeSelectorTerms: [{matchExpressions: [{key: topology.kubernetes.io/zone, operator: In, values: [z]}]}]
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: kubernetes.io/hostname}]
      initContainers: [{name: first, resources: {requests: {memory: 3Gi}}}]
      containers:
      - {name: db, resources: {requests: {cpu: "1", memory: 1Gi}, limits: {memory: 2Gi}}}
      - {name: aside, resources: {limits: {cpu: 500m}}}
  volumeClaimTemplates:
  - {metadata: {name: data}, spec: {storageClassName: fast, resources: {requests: {storage: 1Gi}}}}
`

// What replicas ask for is read as the scheduler and the quotas count it.
func TestAsked(t *testing.T) {
	t.Parallel()
	var object map[string]any
	if err := yaml.Unmarshal([]byte(set), &object); err != nil {
		t.Fatal(err)
	}
	got, err := Asked([]map[string]any{object}, "db", 3)
	if err != nil {
		t.Fatal(err)
	}
	if got.CPU != 1500 || got.Memory != 3<<30 || got.Limits != (Sizes{500, 2 << 30}) || got.Replicas != 3 ||
		!got.OnePerNode || !slices.Equal(got.Zones, []string{"z"}) || !slices.Equal(got.Claims, []Claim{{"data", "fast", 1 << 30}}) {
		t.Errorf("asked for %+v", got)
	}
	if nothing, err := Asked([]map[string]any{object}, "other", 3); err != nil || nothing.CPU != 0 {
		t.Errorf("a pool without a StatefulSet asks for %+v, %v", nothing, err)
	}
	object["spec"] = "x"
	if _, err := Asked([]map[string]any{object}, "db", 3); err == nil {
		t.Error("an odd StatefulSet was read")
	}
}
