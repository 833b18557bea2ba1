//go:build linux

package containers

import (
	"testing"

	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

func TestObjectsHaveTheirPaths(t *testing.T) {
	objects, err := decode([]byte(`
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: kube-system}
---
# nothing
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: b}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: c, namespace: kube-system}
`))
	if err != nil || len(objects) != 3 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	for i, want := range []string{"/api/v1/namespaces/kube-system/configmaps", "/apis/storage.k8s.io/v1/storageclasses", "/apis/apps/v1/namespaces/kube-system/deployments"} {
		if got := collection(objects[i]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if _, err := decode([]byte("a: [")); err == nil {
		t.Error("broken YAML is no error")
	}
}

func TestDownOfWhatIsNotThere(t *testing.T) {
	root := t.TempDir()
	dir, err := state.Paths{Cache: root, Sandboxes: root}.Sandbox("s")
	if err != nil {
		t.Fatal(err)
	}
	if err := (Manager{Dir: dir}).Down(t.Context()); err != nil {
		t.Error(err)
	}
}
