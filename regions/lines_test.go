package regions

import (
	"maps"
	"testing"
)

func TestReplicaLines(t *testing.T) {
	t.Parallel()
	text := `apiVersion: quorate.dev/v1alpha1
kind: Topology
spec:
  regions:
    - name: us
      clusters:
        - name: use1
          zones: [a]
          replicas: 3
        - {name: use2, replicas: 2}
    - name: eu
      clusters:
        - name: euw1
          zones: [b]
        - name: euw2
          pools:
            broker: 3
`
	want := map[string]int{"use1": 9, "use2": 10, "euw1": 13, "euw2": 16}
	if got := ReplicaLines([]byte(text), "t.yaml"); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := ReplicaLines([]byte("a: [b"), "t.yaml"); len(got) > 0 {
		t.Errorf("got %v of what is no YAML", got)
	}
}
