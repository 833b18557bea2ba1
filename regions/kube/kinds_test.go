package kube

import (
	"testing"
)

// What is known without asking must be what discovery says.
func TestWellKnownKindsAreWhereDiscoverySaysTheyAre(t *testing.T) {
	t.Parallel()
	c := newRig(t).open(t, Options{})
	for kind := range wellKnown {
		want, err := c.mapper.RESTMappingWithContext(t.Context(), kind.GroupKind(), kind.Version)
		if err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		got := wellKnownMapping(kind)
		if got.Resource != want.Resource || got.Scope.Name() != want.Scope.Name() || got.GroupVersionKind != want.GroupVersionKind {
			t.Errorf("%s: %+v, discovery says %+v", kind, got, want)
		}
	}
}
