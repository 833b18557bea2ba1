package build

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kustomize/api/konfig"
)

// form is what a directory is apart from the values in its holes: two directories of one form that have the same
// parent are built alike. An empty key is the form of nothing else.
type form struct {
	key    string
	values []value // in the order of files, and in each of its text
}

// value is what stands in one hole.
type value struct {
	text   string
	number bool // a whole number; else a string
}

// Values that come out of kustomize as they went in, wherever they stand: no blanks at which a line could be
// folded, nothing that needs escaping, no other way to write the number.
var (
	plainText   = regexp.MustCompile(`^[!-~]+$`)
	plainNumber = regexp.MustCompile(`^(0|[1-9][0-9]{0,7})$`)
)

// fieldsUnderstood are the fields of a kustomization whose work does not depend on what is in a hole.
func fieldsUnderstood() []string {
	return []string{"apiVersion", "kind", "namespace", "resources", "patches", "configMapGenerator"}
}

// farReaching are the fields by which a kustomization elsewhere among the files may look into an object of an overlay, or
// change what kustomize knows of kinds. Where one is only mentioned, nothing is shared.
func farReaching() []string {
	return []string{
		"vars", "replacements", "openapi", "configurations", "crds", "transformers", "validators", "generators", "helm", "components",
	}
}

// shareable tells whether the files that are in no given directory leave the holes alone.
func shareable(files map[string][]byte, dirs []string) bool {
	for name, data := range files {
		if !isKustomization(name) || slices.Contains(dirs, path.Dir(name)) {
			continue
		}
		if slices.ContainsFunc(farReaching(), func(field string) bool { return bytes.Contains(data, []byte(field)) }) {
			return false
		}
	}
	return true
}

func isKustomization(name string) bool {
	return slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name))
}

// errNotPlain says that a file has something whose effect is not known here.
var errNotPlain = errors.New("not plain")

// formOf reads the directory dir, whose files are given by name.
func formOf(files map[string][]byte, dir string, names []string) form {
	var f form
	hash := sha256.New()
	fmt.Fprintf(hash, "%q\n", path.Dir(dir))
	manifests, err := manifestsOf(files, names)
	if err != nil {
		return form{}
	}
	for _, name := range names {
		fmt.Fprintf(hash, "%q\n", strings.TrimPrefix(name, dir))
		if !manifests[name] && !isKustomization(name) {
			fmt.Fprintf(hash, "%q\n", files[name])
			continue
		}
		docs, err := documents(files[name])
		if err != nil {
			return form{}
		}
		for _, doc := range docs {
			r := reader{out: hash, holes: manifests[name] && hasPods(doc)}
			r.node(doc, nil)
			if r.strange {
				return form{}
			}
			f.values = append(f.values, r.values...)
		}
	}
	f.key = string(hash.Sum(nil))
	return f
}

// manifestsOf are the files that kustomizations among the names list as resources or patches, and mention nowhere else (a
// generator takes a file as text).
func manifestsOf(files map[string][]byte, names []string) (map[string]bool, error) {
	manifests := map[string]bool{}
	for _, name := range names {
		if !isKustomization(name) {
			continue
		}
		docs, err := documents(files[name])
		if err != nil || len(docs) != 1 || docs[0].Kind != yaml.MappingNode {
			return nil, errNotPlain
		}
		root := docs[0]
		mentioned := map[string]int{}
		mentions(root, mentioned)
		for i := 0; i+1 < len(root.Content); i += 2 {
			field, content := root.Content[i].Value, root.Content[i+1]
			if !slices.Contains(fieldsUnderstood(), field) {
				return nil, errNotPlain
			}
			for _, listed := range listedIn(field, content) {
				file := path.Join(path.Dir(name), listed)
				manifests[file] = files[file] != nil && mentioned[listed] == 1
			}
		}
	}
	return manifests, nil
}

// listedIn are the file names in a field of a kustomization that are read as objects.
func listedIn(field string, content *yaml.Node) []string {
	var out []string
	for _, item := range content.Content {
		switch {
		case field == "resources" && item.Kind == yaml.ScalarNode:
			out = append(out, item.Value)
		case field == "patches" && item.Kind == yaml.MappingNode:
			if at := child(item, "path"); at != nil {
				out = append(out, at.Value)
			}
		}
	}
	return out
}

// mentions counts every scalar; a name within a longer one (key=file, ./file) counts too.
func mentions(node *yaml.Node, count map[string]int) {
	if node.Kind == yaml.ScalarNode {
		count[node.Value]++
		if _, file, found := strings.Cut(node.Value, "="); found {
			count[file]++
		}
		if clean := path.Clean(node.Value); clean != node.Value {
			count[clean]++
		}
	}
	for _, c := range node.Content {
		mentions(c, count)
	}
}

// documents are the documents of a file, empty ones left out.
func documents(data []byte) ([]*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*yaml.Node
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return nil, err
		}
		if len(doc.Content) == 1 {
			docs = append(docs, doc.Content[0])
		}
	}
}

func child(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

// hasPods tells whether an object is of a kind whose fields holeAt knows.
func hasPods(doc *yaml.Node) bool {
	if doc.Kind != yaml.MappingNode {
		return false
	}
	kind, version := child(doc, "kind"), child(doc, "apiVersion")
	return kind != nil && version != nil && version.Value == "apps/v1" && (kind.Value == "StatefulSet" || kind.Value == "Deployment")
}

// A path is the keys on the way to a value; "[]" stands for any item of a list.
const item = "[]"

// holeAt tells whether a value at this path of a StatefulSet or Deployment is taken as it is: it is no key by which lists are
// merged, and the lists it is in are replaced as a whole (Kubernetes API, x-kubernetes-list-type and
// x-kubernetes-patch-strategy of PodSpec) or merged by another field (containers and env by name).
func holeAt(at []string) (number, hole bool) {
	switch strings.Join(at, ".") {
	case "spec.replicas":
		return true, true
	case "spec.template.spec.containers.[].args.[]", "spec.template.spec.containers.[].command.[]",
		"spec.template.spec.containers.[].env.[].value",
		"spec.template.spec.dnsConfig.nameservers.[]", "spec.template.spec.dnsConfig.searches.[]":
		return false, true
	}
	return false, false
}

// reader writes down what a document is apart from its holes.
type reader struct {
	out     io.Writer
	holes   bool // the document may have holes
	values  []value
	nodes   []*yaml.Node // of the holes
	strange bool         // something whose effect is not known here
}

func (r *reader) node(n *yaml.Node, at []string) {
	// A comment may carry a schema (kyaml, fieldmeta); others say what they like.
	if comments := n.HeadComment + n.LineComment + n.FootComment; strings.Contains(comments, "{") {
		fmt.Fprintf(r.out, "%q", comments)
	}
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.strange = true
	case n.Kind == yaml.ScalarNode:
		r.scalar(n, at)
	case n.Kind == yaml.MappingNode:
		fmt.Fprintf(r.out, "{%q", n.Tag)
		for i := 0; i+1 < len(n.Content); i += 2 {
			r.node(n.Content[i], nil)
			r.node(n.Content[i+1], append(slices.Clone(at), n.Content[i].Value))
		}
		fmt.Fprint(r.out, "}")
	default:
		fmt.Fprintf(r.out, "[%q", n.Tag)
		for _, c := range n.Content {
			r.node(c, append(slices.Clone(at), item))
		}
		fmt.Fprint(r.out, "]")
	}
}

func (r *reader) scalar(n *yaml.Node, at []string) {
	number, hole := holeAt(at)
	switch {
	case r.holes && hole && number && n.Tag == "!!int" && plainNumber.MatchString(n.Value),
		r.holes && hole && !number && n.Tag == "!!str" && plainText.MatchString(n.Value):
		r.values = append(r.values, value{text: n.Value, number: number})
		r.nodes = append(r.nodes, n)
		fmt.Fprint(r.out, "<hole>")
	default:
		fmt.Fprintf(r.out, "%q%q ", n.Tag, n.Value)
	}
}
