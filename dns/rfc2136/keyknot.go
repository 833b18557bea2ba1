package rfc2136

import (
	"fmt"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// parseKnot takes the key and include sections of a file in the syntax of knot.conf (Knot DNS
// documentation, "Configuration Reference"), and passes over all others.
func (r *keyReader) parseKnot(file, text string) error {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		// The error's own text may hold a piece of the file, and thus of a secret.
		line := "1"
		if m := regexp.MustCompile(`line (\d+)`).FindStringSubmatch(err.Error()); m != nil {
			line = m[1]
		}
		return fmt.Errorf("%s:%s: this is neither YAML, as Knot DNS has it, nor any other key file", file, line)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return fmt.Errorf("%s:1: want sections, such as key:, as Knot DNS has them", file)
	}
	sections := doc.Content[0].Content
	for i := 0; i+1 < len(sections); i += 2 {
		name, body := sections[i], sections[i+1]
		var err error
		switch name.Value {
		case "key":
			err = r.knotKeys(file, body)
		case "include":
			err = r.include(file, name.Line, body.Value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// knotKeys takes the items of a key section; a lone item may stand without its dash.
func (r *keyReader) knotKeys(file string, body *yaml.Node) error {
	items := []*yaml.Node{body}
	if body.Kind == yaml.SequenceNode {
		items = body.Content
	}
	for _, item := range items {
		if item.Kind != yaml.MappingNode {
			return fmt.Errorf("%s:%d: an item of section key has id, algorithm and secret", file, item.Line)
		}
		values := map[string]string{}
		for i := 0; i+1 < len(item.Content); i += 2 {
			if item.Content[i+1].Kind == yaml.ScalarNode {
				values[item.Content[i].Value] = item.Content[i+1].Value
			}
		}
		if err := r.add(file, item.Line, values["id"], values["algorithm"], values["secret"]); err != nil {
			return err
		}
	}
	return nil
}
