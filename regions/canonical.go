package regions

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// Canonical writes a topology that Parse found valid as YAML, with every default in it, so that Parse
// reads the same topology again. The same topology gives the same bytes; comments and the
// layout of the file it came from are lost. A topology holds no secrets, and so does the result.
func Canonical(t *Topology) ([]byte, error) {
	var doc yaml.Node
	if err := doc.Encode(t); err != nil {
		return nil, fmt.Errorf("encode topology %s: %w", t.Metadata.Name, err)
	}
	list := valueOf(valueOf(&doc, "spec"), "regions")
	for i, region := range t.Spec.Regions {
		clusters := valueOf(list.Content[i], "clusters")
		for j, c := range region.Clusters {
			if c.Replicas == 0 && len(c.Pools) == 0 {
				// omitempty left it out, and a cluster without a number is refused.
				n := clusters.Content[j]
				n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: "replicas"}, &yaml.Node{Kind: yaml.ScalarNode, Value: "0"})
			}
		}
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(&doc), encoder.Close()); err != nil {
		return nil, fmt.Errorf("encode topology %s: %w", t.Metadata.Name, err)
	}
	return out.Bytes(), nil
}

// valueOf is the value of a mapping's key, an empty node where there is none.
func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return &yaml.Node{}
}
