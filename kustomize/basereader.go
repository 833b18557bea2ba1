package kustomize

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v3"
)

// baseReader follows the kustomizations of a user's base to its manifests.
type baseReader struct {
	files        map[string][]byte
	visited      map[visit]bool
	entered      map[string]bool // directories being read, against cycles
	sets         []foundSet
	hasNamespace bool
	problems     *multierror.Error
}

// foundSet is one StatefulSet with its containers.
type foundSet struct {
	name       string
	service    string // the governing Service
	containers []string
}

// rename is what the kustomizations around a manifest do to its name.
type rename struct{ prefix, suffix string }

// visit is one reading of a directory: several kustomizations may name it, each with names of its own.
type visit struct {
	dir   string
	names rename
}

// report notes a problem once, however often its file is read.
func (r *baseReader) report(file string, line int, format string, args ...any) {
	err := fmt.Errorf("spec.base: %s:%d: %w", file, line, fmt.Errorf(format, args...))
	if r.problems == nil || !slices.ContainsFunc(r.problems.Errors, func(e error) bool { return e.Error() == err.Error() }) {
		r.problems = multierror.Append(r.problems, err)
	}
}

// kustomizationIn is the kustomization file of a directory, empty where there is none.
func kustomizationIn(files map[string][]byte, dir string) string {
	for _, name := range []string{"kustomization.yaml", "kustomization.yml", "Kustomization"} {
		file := path.Join(dir, name)
		if _, ok := files[file]; ok {
			return file
		}
	}
	return ""
}

// readDir reads the kustomization of a directory and all that it names.
func (r *baseReader) readDir(dir string, outer rename) {
	this := visit{dir, outer}
	if r.visited[this] || r.entered[dir] {
		return
	}
	r.visited[this], r.entered[dir] = true, true
	defer delete(r.entered, dir)
	file := kustomizationIn(r.files, dir)
	var doc yaml.Node
	if err := yaml.Unmarshal(r.files[file], &doc); err != nil {
		r.report(file, 1, "read the kustomization: %w", err)
		return
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		r.report(file, 1, "the kustomization is not a mapping")
		return
	}
	root := doc.Content[0]
	names := rename{prefix: outer.prefix + text(root, "namePrefix"), suffix: text(root, "nameSuffix") + outer.suffix}
	for _, field := range []string{"resources", "bases", "components"} {
		if list := child(root, field); list != nil {
			for _, entry := range list.Content {
				r.readEntry(file, field, resolved(entry), names)
			}
		}
	}
	r.checkPaths(file, root)
}

// readEntry reads one resource: a manifest or a directory within the base.
func (r *baseReader) readEntry(file, field string, entry *yaml.Node, names rename) {
	target, inside := within(path.Dir(file), entry.Value)
	switch {
	case !inside:
		return // checkPaths reports it
	case kustomizationIn(r.files, target) != "":
		r.readDir(target, names)
	case r.files[target] != nil:
		r.readManifest(target, names)
	default:
		r.report(file, entry.Line, "%s: %q is neither a file nor a kustomize directory in spec.base; what is remote must be copied into it", field, entry.Value)
	}
}

// readManifest notes the StatefulSets and Namespaces of a file.
func (r *baseReader) readManifest(file string, names rename) {
	dec := yaml.NewDecoder(bytes.NewReader(r.files[file]))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			r.report(file, 1, "read the manifest: %w", err)
			return
		}
		r.readObject(file, &doc, names)
	}
}

func (r *baseReader) readObject(file string, doc *yaml.Node, names rename) {
	var object struct {
		Kind     string
		Metadata struct{ Name string }
	}
	if err := doc.Decode(&object); err != nil {
		r.report(file, doc.Line, "read the manifest: %w", err)
		return
	}
	if object.Metadata.Name == "" && object.Kind != "" && !strings.HasSuffix(object.Kind, "List") {
		r.report(file, firstLine(doc), "%s has no metadata.name, by which an apply finds it again (generateName makes another one each time): name it", object.Kind)
		return
	}
	switch object.Kind {
	case "Namespace":
		r.hasNamespace = true
	case "StatefulSet":
		r.readSet(file, doc, names.prefix+object.Metadata.Name+names.suffix, names)
	case "List", "StatefulSetList", "NamespaceList":
		var list struct{ Items []yaml.Node }
		if err := doc.Decode(&list); err != nil {
			r.report(file, doc.Line, "read the list: %w", err)
		}
		for i := range list.Items {
			r.readObject(file, &list.Items[i], names)
		}
	}
}

// firstLine is where a document's content begins, below its comments.
func firstLine(doc *yaml.Node) int {
	if doc.Kind == yaml.DocumentNode && len(doc.Content) > 0 {
		return doc.Content[0].Line
	}
	return doc.Line
}

// readSet notes a StatefulSet, by the name that it is built with.
func (r *baseReader) readSet(file string, doc *yaml.Node, name string, names rename) {
	var set struct {
		Spec struct {
			ServiceName string `yaml:"serviceName"`
			Template    struct {
				Spec struct{ Containers []struct{ Name string } }
			}
		}
	}
	if err := doc.Decode(&set); err != nil {
		r.report(file, doc.Line, "read StatefulSet %s: %w", name, err)
		return
	}
	found := foundSet{name: name}
	if set.Spec.ServiceName != "" {
		found.service = names.prefix + set.Spec.ServiceName + names.suffix
	}
	for _, c := range set.Spec.Template.Spec.Containers {
		found.containers = append(found.containers, c.Name)
	}
	r.sets = append(r.sets, found)
}

func (r *baseReader) statefulSets() map[string][]string {
	out := map[string][]string{}
	for _, s := range r.sets {
		out[s.name] = s.containers
	}
	return out
}

// services are the governing Services by the name of their StatefulSet.
func (r *baseReader) services() map[string]string {
	out := map[string]string{}
	for _, s := range r.sets {
		out[s.name] = s.service
	}
	return out
}

// notPaths are the fields of a kustomization that hold text which may look like a path.
var notPaths = []string{ //nolint:gochecknoglobals // constant
	"literals", "labels", "commonLabels", "commonAnnotations", "images", "patch", "options", "namePrefix", "nameSuffix",
	"generatorOptions", "fieldPaths", "fieldPath",
}

// checkPaths reports every path of a kustomization that leaves the base.
func (r *baseReader) checkPaths(file string, node *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if !slices.Contains(notPaths, node.Content[i].Value) {
				r.checkPaths(file, node.Content[i+1])
			}
		}
	case yaml.SequenceNode:
		for _, n := range node.Content {
			r.checkPaths(file, n)
		}
	case yaml.ScalarNode:
		_, value, found := strings.Cut(node.Value, "=") // key=path in generators
		if !found {
			value = node.Value
		}
		if _, inside := within(path.Dir(file), value); !inside {
			r.report(file, node.Line, "%q lies outside of spec.base: copy it in", node.Value)
		}
	case yaml.AliasNode:
		r.report(file, node.Line, "alias *%s: write the value out, so that every path of the base is seen", node.Value)
	default: // documents are opened by the caller
	}
}

// within resolves a path named in a kustomization of dir; false where it leaves the base.
func within(dir, name string) (string, bool) {
	if strings.Contains(name, "\n") { // an inline patch
		return name, true
	}
	target := path.Join(dir, name)
	return target, !path.IsAbs(name) && target != ".." && !strings.HasPrefix(target, "../")
}

// child is the value of a key of a mapping, nil where there is none.
func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return resolved(mapping.Content[i+1])
		}
	}
	return nil
}

// resolved is what an alias stands for.
func resolved(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func text(mapping *yaml.Node, key string) string {
	if n := child(mapping, key); n != nil {
		return n.Value
	}
	return ""
}
