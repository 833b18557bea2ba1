// Package build is the one door to kustomize itself: it builds rendered
// directories in memory, the way kubectl kustomize does.
package build

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/kustomize/api/konfig"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// oneAtATime serialises builds. kustomize keeps its OpenAPI schema in variables
// of the process, which a build writes: concurrent builds race
// (kubernetes-sigs/kustomize#4824, #5805). Whatever state is global needs a lock
// that is global too.
var oneAtATime sync.Mutex //nolint:gochecknoglobals // see above

// Build builds the kustomize directory dir among files, whose paths are
// slash-separated and relative to one root. The result is what kubectl kustomize
// prints for the same directory, byte for byte: its reading order of resources
// (legacy, unless the kustomization has sortOptions), its load restrictions (no
// file outside of a kustomization's own root), no plugins, no Helm. It depends on
// the files alone, whatever was built before.
func Build(files map[string][]byte, dir string) ([]byte, error) {
	memory, err := inMemory(files)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", dir, err)
	}
	w := workshop{memory: memory, ownSchema: bringsSchema(files)}
	return w.krusty(dir)
}

// run calls kustomize. It panics on a schema that it cannot parse
// (kyaml/openapi, initSchema): bad input, and so an error.
func run(memory filesys.FileSystem, dir string) (out []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("kustomize gave up: %v", p)
		}
	}()
	built, err := krusty.MakeKustomizer(options()).Run(memory, dir)
	if err != nil {
		return nil, err
	}
	if out, err = built.AsYaml(); err != nil {
		return nil, fmt.Errorf("write the result as YAML: %w", err)
	}
	return out, nil
}

// bringsSchema tells whether a kustomization among the files may name a schema of
// its own. kustomize would mix it with the one in memory and keep it for every
// later build (fluxcd/pkg#1237). Parsing the built-in schema again takes a while,
// so that other builds share it.
func bringsSchema(files map[string][]byte) bool {
	for name, data := range files {
		if slices.Contains(konfig.RecognizedKustomizationFileNames(), path.Base(name)) && bytes.Contains(data, []byte("openapi")) {
			return true
		}
	}
	return false
}

func options() *krusty.Options {
	o := krusty.MakeDefaultOptions()
	// What kubectl passes without a --reorder flag: legacy order, unless the
	// kustomization orders otherwise. krusty's own default is none.
	o.Reorder = krusty.ReorderOptionUnspecified
	o.LoadRestrictions = types.LoadRestrictionsRootOnly
	o.PluginConfig = types.DisabledPluginConfig()
	return o
}

// Objects decodes a stream of YAML documents into Kubernetes objects as
// client-go holds them: whole numbers are int64. Empty documents are left out;
// one without apiVersion, kind or name is an error that says which.
func Objects(stream []byte) ([]map[string]any, error) {
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(stream)))
	var objects []map[string]any
	for n := 1; ; n++ {
		doc, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read document %d: %w", n, err)
		}
		object, err := decode(doc)
		if err != nil {
			return nil, fmt.Errorf("read document %d: %w", n, err)
		}
		if len(object) > 0 {
			objects = append(objects, object)
		}
	}
}

// decode reads one object; nil where the document is empty.
func decode(doc []byte) (map[string]any, error) {
	data, err := yaml.YAMLToJSONStrict(doc)
	if err != nil {
		return nil, fmt.Errorf("decode YAML: %w", err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("decode an object: %w", err)
	}
	if len(object) == 0 {
		return nil, nil
	}
	metadata, _ := object["metadata"].(map[string]any)
	for field, value := range map[string]any{"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata.name": metadata["name"]} {
		if s, ok := value.(string); !ok || s == "" {
			return nil, fmt.Errorf("%s is missing or no text in %s", field, data)
		}
	}
	return object, nil
}
