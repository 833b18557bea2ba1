package kube

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/client-go/dynamic"

	"quorate.dev/quorate/regions"
)

// ManagerQuorate owns everything of an overlay except what ManagerRollout owns.
const ManagerQuorate = "quorate"

// ManagerRollout owns spec.replicas and
// spec.updateStrategy.rollingUpdate.partition of every StatefulSet.
const ManagerRollout = "quorate-rollout"

// target is one object and the place in the API where it lives.
type target struct {
	ref    regions.ObjectRef
	object *unstructured.Unstructured
	client dynamic.ResourceInterface
}

// target finds where an object lives. namespace is used where the object
// names none; objects of the cluster's scope have none.
func (c *Cluster) target(ctx context.Context, object map[string]any, namespace string) (target, error) {
	copied, err := canonical(object)
	if err != nil {
		return target{}, fmt.Errorf("cluster %s: %w", c.name, err)
	}
	if copied.GetNamespace() != "" {
		namespace = copied.GetNamespace()
	}
	t, err := c.locate(ctx, regions.ObjectRef{
		APIVersion: copied.GetAPIVersion(), Kind: copied.GetKind(), Namespace: namespace, Name: copied.GetName(),
	})
	copied.SetNamespace(t.ref.Namespace)
	t.object = copied
	return t, err
}

// locate finds the resource of a kind by discovery.
func (c *Cluster) locate(ctx context.Context, ref regions.ObjectRef) (target, error) {
	version, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return target{ref: ref}, fmt.Errorf("cluster %s: %s: apiVersion: %w", c.name, ref, err)
	}
	mapping, err := c.mapping(ctx, version.WithKind(ref.Kind))
	if err != nil {
		return target{ref: ref}, err
	}
	resource := c.dynamic.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		ref.Namespace = ""
		return target{ref: ref, client: resource}, nil
	}
	if ref.Namespace == "" {
		return target{ref: ref}, fmt.Errorf("cluster %s: %s names no namespace", c.name, ref)
	}
	return target{ref: ref, client: resource.Namespace(ref.Namespace)}, nil
}

// mapping discovers a kind's resource. What discovery said before is asked anew
// where it lacks the kind: a CustomResourceDefinition may have been applied since.
func (c *Cluster) mapping(ctx context.Context, kind schema.GroupVersionKind) (*meta.RESTMapping, error) {
	mapping := wellKnownMapping(kind)
	if mapping != nil {
		return mapping, nil
	}
	err := c.read(ctx, "discover "+kind.GroupVersion().String()+" "+kind.Kind, func(ctx context.Context) (err error) {
		mapping, err = c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
		if meta.IsNoMatchError(err) {
			c.mapper.ResetWithContext(ctx)
			mapping, err = c.mapper.RESTMappingWithContext(ctx, kind.GroupKind(), kind.Version)
		}
		return err
	})
	return mapping, err
}

// canonical copies an object into the value types that the API machinery
// knows (int64 and float64 as numbers): objects read from YAML hold plain ints.
func canonical(object map[string]any) (*unstructured.Unstructured, error) {
	encoded, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode an object: %w", err)
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal(encoded, &out.Object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	if out.GetKind() == "" || out.GetName() == "" {
		return nil, fmt.Errorf("an object lacks its kind or its name (kind %q, name %q)", out.GetKind(), out.GetName())
	}
	unstructured.RemoveNestedField(out.Object, "metadata", "managedFields")
	return out, nil
}

// get reads an object; nil where it does not exist.
func (c *Cluster) get(ctx context.Context, t target) (*unstructured.Unstructured, error) {
	var live *unstructured.Unstructured
	err := c.read(ctx, "get "+t.ref.String(), func(ctx context.Context) error {
		var err error
		live, err = t.client.Get(ctx, t.ref.Name, metav1.GetOptions{})
		return err
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return live, nil
}

// patch applies an object at its place (server-side apply).
func (c *Cluster) patch(ctx context.Context, t target, object *unstructured.Unstructured, opts metav1.ApplyOptions) (*unstructured.Unstructured, error) {
	attempt := "apply " + t.ref.String()
	if len(opts.DryRun) > 0 {
		attempt = "dry-run " + attempt
	}
	var after *unstructured.Unstructured
	err := c.repeated(ctx, attempt, func(ctx context.Context) error {
		var err error
		after, err = t.client.Apply(ctx, t.ref.Name, object, opts)
		return redact(object, err)
	})
	if err != nil {
		return nil, err
	}
	return after, nil
}

// stripped is a copy without what the API server keeps for itself: what is left is what
// somebody asked for.
func stripped(object *unstructured.Unstructured) *unstructured.Unstructured {
	out := object.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "selfLink"} {
		unstructured.RemoveNestedField(out.Object, "metadata", field)
	}
	delete(out.Object, "status")
	return out
}
