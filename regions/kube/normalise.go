package kube

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
)

// normalised writes the values of a built-in kind as an API server does: quantities and
// the like have many spellings. No field is added or taken away. Other kinds are left as they are.
func normalised(object *unstructured.Unstructured) *unstructured.Unstructured {
	typed, err := scheme.Scheme.New(object.GroupVersionKind())
	if err != nil {
		return object
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, typed); err != nil {
		return object
	}
	spelt, err := runtime.DefaultUnstructuredConverter.ToUnstructured(typed)
	if err != nil {
		return object
	}
	out := object.DeepCopy()
	respell(out.Object, spelt)
	return out
}

// respell takes over the spelling of the values that both have.
func respell(into, from map[string]any) {
	for key, value := range into {
		if other, ok := from[key]; ok {
			into[key] = respelt(value, other)
		}
	}
}

func respelt(value, other any) any {
	switch v := value.(type) {
	case map[string]any:
		if o, ok := other.(map[string]any); ok {
			respell(v, o)
		}
		return v
	case []any:
		o, ok := other.([]any)
		for i := range v {
			if ok && len(o) == len(v) {
				v[i] = respelt(v[i], o[i])
			}
		}
		return v
	}
	return other
}
