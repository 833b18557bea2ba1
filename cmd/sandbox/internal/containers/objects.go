//go:build linux

package containers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"quorate.dev/quorate/cmd/sandbox/internal/places"
)

// fieldManager is who the objects of `up` belong to.
const fieldManager = "quorate-sandbox"

// decode reads YAML documents into objects.
func decode(documents []byte) ([]*unstructured.Unstructured, error) {
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(documents), 4096)
	var objects []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the objects of a cluster: %w", err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// create makes an object unless there is one of that name, which is left as it is: it may have been
// changed on purpose. It looks first, because the fixed address of a service that exists is refused before
// its name is.
func create(ctx context.Context, client rest.Interface, object *unstructured.Unstructured) error {
	err := client.Get().AbsPath(collection(object), object.GetName()).Do(ctx).Error()
	if err == nil {
		return nil
	}
	if !apierrors.IsNotFound(err) {
		return fmt.Errorf("look for %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	body, err := object.MarshalJSON()
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	err = client.Post().AbsPath(collection(object)).Param("fieldManager", fieldManager).
		SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("make %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// setPodNetworks writes the pod networks of nodes whose kubelet was quicker to make them.
func setPodNetworks(ctx context.Context, client kubernetes.Interface, nodes []places.Place) error {
	for _, place := range nodes {
		node, err := client.CoreV1().Nodes().Get(ctx, place.Name, metav1.GetOptions{})
		if err == nil && node.Spec.PodCIDR == "" {
			patch := fmt.Appendf(nil, `{"spec":{"podCIDR":%q,"podCIDRs":[%[1]q]}}`, place.Pods)
			_, err = client.CoreV1().Nodes().Patch(ctx, place.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager})
		}
		if err != nil {
			return fmt.Errorf("set the pod network of node %s: %w", place.Name, err)
		}
	}
	return nil
}

// collection is the path of an object's siblings
// (https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris).
func collection(object *unstructured.Unstructured) string {
	plural, _ := meta.UnsafeGuessKindToResource(object.GroupVersionKind())
	base := path.Join("/apis", plural.Group, plural.Version)
	if plural.Group == "" {
		base = path.Join("/api", plural.Version)
	}
	if object.GetNamespace() != "" {
		base = path.Join(base, "namespaces", object.GetNamespace())
	}
	return path.Join(base, plural.Resource)
}
