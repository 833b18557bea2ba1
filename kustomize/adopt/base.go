package adopt

import (
	"bytes"
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// base writes the kustomize base: what all clusters have in common in base/, what one has for itself in
// base/clusters/<cluster>, a component of its overlay. Where values differ the base holds the first cluster's and every
// cluster's component says its own, so that none of them is the odd one out.
func base(clusters []found) (map[string][]byte, error) {
	w := writer{files: map[string][]byte{}, components: map[string]*component{}}
	w.add("base", "namespace.yaml", map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": clusters[0].Namespace},
	})
	common := []string{"namespace.yaml"}
	for _, key := range keys(clusters) {
		if name := w.object(clusters, key); name != "" {
			common = append(common, name)
		}
	}
	w.kustomization("base", "Kustomization", common, nil)
	for _, c := range clusters {
		if own := w.components[c.Name]; own != nil {
			w.kustomization(path.Join("base/clusters", c.Name), "Component", own.resources, own.patches)
		}
	}
	return w.files, w.err
}

// writer gathers files; the first error counts.
type writer struct {
	files      map[string][]byte
	components map[string]*component
	err        error
}

// component is what one cluster has for itself.
type component struct {
	resources []string
	patches   []map[string]any
}

func (w *writer) component(cluster string) *component {
	if w.components[cluster] == nil {
		w.components[cluster] = &component{}
	}
	return w.components[cluster]
}

// keys are the objects of all clusters, each once.
func keys(clusters []found) []string {
	all := map[string]bool{}
	for _, c := range clusters {
		for _, o := range c.objects {
			all[keyOf(o)] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// object writes one object, and gives the file in the base, empty where not every cluster has it.
func (w *writer) object(clusters []found, key string) string {
	var versions []any
	var holders []string
	for _, c := range clusters {
		for _, o := range c.objects {
			if keyOf(o) == key {
				versions, holders = append(versions, o), append(holders, c.Name)
			}
		}
	}
	first, _ := versions[0].(map[string]any)
	name := strings.ToLower(text(first, "kind")) + "-" + strings.ReplaceAll(nameOf(first), ":", "-") + ".yaml"
	if len(holders) < len(clusters) {
		for i, cluster := range holders {
			object, _ := versions[i].(map[string]any)
			w.add(path.Join("base/clusters", cluster), name, object)
			w.component(cluster).resources = append(w.component(cluster).resources, name)
		}
		return ""
	}
	shared, operations := common(versions, "")
	object, _ := shared.(map[string]any)
	w.add("base", name, object)
	for i, cluster := range holders {
		if len(operations[i]) > 0 {
			w.patch(cluster, object, operations[i])
		}
	}
	return name
}

// patch notes what makes the common object a cluster's own (RFC 6902).
func (w *writer) patch(cluster string, object map[string]any, operations []operation) {
	target := map[string]any{"version": text(object, "apiVersion"), "kind": text(object, "kind"), "name": "^" + strings.ReplaceAll(nameOf(object), ".", `\.`) + "$"}
	if group, version, found := strings.Cut(text(object, "apiVersion"), "/"); found {
		target["group"], target["version"] = group, version
	}
	file := "patch-" + strings.ToLower(text(object, "kind")) + "-" + nameOf(object) + ".yaml"
	w.yaml(path.Join("base/clusters", cluster, file), "# How this "+text(object, "kind")+" differs in cluster "+cluster+".\n", operations)
	own := w.component(cluster)
	own.patches = append(own.patches, map[string]any{"path": file, "target": target})
}

func (w *writer) add(dir, name string, object map[string]any) {
	w.yaml(path.Join(dir, name), "", object)
}

func (w *writer) kustomization(dir, kind string, resources []string, patches []map[string]any) {
	version := "kustomize.config.k8s.io/v1beta1"
	head := "# The database as it was found running, without what API servers fill in. The overlays of `quorate render` add\n# namespace, replicas and image.\n"
	if kind == "Component" {
		version = "kustomize.config.k8s.io/v1alpha1"
		head = "# What cluster " + path.Base(dir) + " has for itself: its overlay adds this to the base.\n"
	}
	k := map[string]any{"apiVersion": version, "kind": kind}
	if len(resources) > 0 {
		k["resources"] = resources
	}
	if len(patches) > 0 {
		k["patches"] = patches
	}
	w.yaml(path.Join(dir, "kustomization.yaml"), head, k)
}

func (w *writer) yaml(name, head string, value any) {
	var out bytes.Buffer
	out.WriteString(head)
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(value); err != nil && w.err == nil {
		w.err = fmt.Errorf("write %s: %w", name, err)
	}
	w.files[name] = out.Bytes()
}

// operation is one of a JSON patch.
type operation struct {
	Op    string `yaml:"op"`
	Path  string `yaml:"path"`
	Value any    `yaml:"value"`
}

// common is what several values share, and for each the operations that make it out of that. A difference of values
// leaves the first one's; a key that not all have is left out.
func common(versions []any, at string) (any, [][]operation) {
	operations := make([][]operation, len(versions))
	if !slices.ContainsFunc(versions, func(v any) bool { return !reflect.DeepEqual(v, versions[0]) }) {
		return versions[0], operations
	}
	if maps, ok := every[map[string]any](versions); ok {
		return commonMap(maps, at)
	}
	if lists, ok := every[[]any](versions); ok && sameLength(lists) {
		return commonList(lists, at)
	}
	for i, v := range versions {
		operations[i] = []operation{{Op: "replace", Path: at, Value: v}}
	}
	return versions[0], operations
}

func commonMap(versions []map[string]any, at string) (any, [][]operation) {
	out, operations := map[string]any{}, make([][]operation, len(versions))
	all := map[string]bool{}
	for _, v := range versions {
		for key := range v {
			all[key] = true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		path := at + "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(key)
		var values []any
		for _, v := range versions {
			if value, ok := v[key]; ok {
				values = append(values, value)
			}
		}
		if len(values) < len(versions) {
			for i, v := range versions {
				if value, ok := v[key]; ok {
					operations[i] = append(operations[i], operation{Op: "add", Path: path, Value: value})
				}
			}
			continue
		}
		value, more := common(values, path)
		out[key] = value
		for i := range more {
			operations[i] = append(operations[i], more[i]...)
		}
	}
	return out, operations
}

func commonList(versions [][]any, at string) (any, [][]operation) {
	out, operations := make([]any, len(versions[0])), make([][]operation, len(versions))
	for i := range out {
		var values []any
		for _, v := range versions {
			values = append(values, v[i])
		}
		value, more := common(values, fmt.Sprintf("%s/%d", at, i))
		out[i] = value
		for j := range more {
			operations[j] = append(operations[j], more[j]...)
		}
	}
	return out, operations
}

func every[T any](versions []any) ([]T, bool) {
	var out []T
	for _, v := range versions {
		typed, ok := v.(T)
		if !ok {
			return nil, false
		}
		out = append(out, typed)
	}
	return out, true
}

func sameLength(lists [][]any) bool {
	return !slices.ContainsFunc(lists, func(l []any) bool { return len(l) != len(lists[0]) })
}
