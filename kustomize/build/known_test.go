package build_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"

	"quorate.dev/quorate/kustomize/build"
)

// A field that the API server does not know would be dropped without a word.
func TestBuiltObjectsAreKnownToKubernetes(t *testing.T) {
	for _, name := range []string{"one", "three", "streams", "inside"} {
		r := rendered(t, name)
		for _, o := range r.Overlays {
			stream, err := build.Build(r.Files, o.Dir)
			if err != nil {
				t.Fatal(err)
			}
			objects, err := build.Objects(stream)
			if err != nil {
				t.Fatal(err)
			}
			for _, object := range objects {
				known(t, o.Dir, object)
			}
		}
	}
}

func known(t *testing.T, dir string, object map[string]any) {
	t.Helper()
	typed, err := scheme.Scheme.New(schema.FromAPIVersionAndKind(object["apiVersion"].(string), object["kind"].(string)))
	if err != nil {
		t.Errorf("%s: %v", dir, err)
		return
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(object, typed, true); err != nil {
		t.Errorf("%s: %s: %v", dir, object["kind"], err)
	}
}
