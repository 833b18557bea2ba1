package kustomize

import (
	"testing"
	"testing/fstest"
)

func FuzzReadUserBase(f *testing.F) {
	f.Add([]byte("resources: [a.yaml]"), []byte("kind: StatefulSet\nmetadata: {name: a}\n---\nkind: List\nitems: [{kind: Namespace}]"))
	f.Add([]byte("resources: [&a a.yaml, *a, ., sub]\nnamePrefix: x"), []byte("a: &a [*a]"))
	f.Add([]byte("resources: {a: b}\nbases: 3"), []byte("- 1"))
	f.Add([]byte("&r\nresources: *r"), []byte("kind: [x]"))
	f.Fuzz(func(t *testing.T, kustomization, manifest []byte) {
		base := fstest.MapFS{
			"kustomization.yaml": {Data: kustomization}, "a.yaml": {Data: manifest}, "sub/kustomization.yaml": {Data: kustomization},
		}
		b, err := readUserBase(base)
		if err == nil && len(b.files) != len(base) {
			t.Errorf("read %d files of %d", len(b.files), len(base))
		}
	})
}
