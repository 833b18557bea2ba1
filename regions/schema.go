package regions

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// schemaID is the schema's name; nothing is fetched from there.
const schemaID = "https://quorate.dev/schema/v1alpha1/topology.schema.json"

// schema is the part of JSON Schema 2020-12 that a topology needs.
type schema struct {
	Schema          string             `json:"$schema,omitempty"`
	ID              string             `json:"$id,omitempty"`
	Title           string             `json:"title,omitempty"`
	Description     string             `json:"description,omitempty"`
	Type            string             `json:"type,omitempty"`
	Const           string             `json:"const,omitempty"`
	Enum            []string           `json:"enum,omitempty"`
	Default         any                `json:"default,omitempty"`
	Examples        []string           `json:"examples,omitempty"`
	Pattern         string             `json:"pattern,omitempty"`
	MinLength       int                `json:"minLength,omitempty"`
	MaxLength       int                `json:"maxLength,omitempty"`
	Minimum         *int               `json:"minimum,omitempty"`
	Maximum         *int               `json:"maximum,omitempty"`
	MinItems        int                `json:"minItems,omitempty"`
	UniqueItems     bool               `json:"uniqueItems,omitempty"`
	MinProperties   int                `json:"minProperties,omitempty"`
	MaxProperties   int                `json:"maxProperties,omitempty"`
	Properties      map[string]*schema `json:"properties,omitempty"`
	Required        []string           `json:"required,omitempty"`
	Items           *schema            `json:"items,omitempty"`
	PropertyNames   *schema            `json:"propertyNames,omitempty"`
	AdditionalProps any                `json:"additionalProperties,omitempty"`
	OneOf           []*schema          `json:"oneOf,omitempty"`
	AllOf           []*schema          `json:"allOf,omitempty"`
	If              *schema            `json:"if,omitempty"`
	Then            *schema            `json:"then,omitempty"`
}

// Schema is the JSON Schema (draft 2020-12) of a topology, made of the types of this package, for editors
// and other tools. describe gives the documentation of a type's field, or with an empty field of the
// type itself. A file that Parse accepts is valid by it, unless it writes null for a value. It is the lesser check: what needs
// more than one value to be judged, Parse alone judges.
func Schema(describe func(typeName, fieldName string) string) ([]byte, error) {
	b := schemaBuilder{describe: describe, rules: schemaRules()}
	root := b.of(reflect.TypeFor[Topology](), "")
	if len(b.rules) > 0 {
		return nil, fmt.Errorf("no field of a topology has the paths %v, for which the schema has rules", slices.Sorted(maps.Keys(b.rules)))
	}
	root.Schema, root.ID, root.Title = "https://json-schema.org/draft/2020-12/schema", schemaID, "quorate topology"
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		return nil, fmt.Errorf("encode the schema: %w", err)
	}
	return out.Bytes(), nil
}

type schemaBuilder struct {
	describe func(typeName, fieldName string) string
	rules    map[string]func(*schema) // by path; each is taken out when it is used
}

// of is the schema of a type at a path, in which [] stands for every item and * for every key.
func (b *schemaBuilder) of(t reflect.Type, path string) *schema {
	s := &schema{}
	switch t.Kind() {
	case reflect.Pointer:
		return b.of(t.Elem(), path)
	case reflect.Struct:
		s = b.structure(t, path)
	case reflect.Slice:
		s.Type, s.Items = "array", b.of(t.Elem(), path+"[]")
	case reflect.Map:
		s.Type, s.AdditionalProps = "object", b.of(t.Elem(), path+".*")
	case reflect.Int:
		s.Type = "integer"
	case reflect.String:
		s.Type = "string"
	default:
		panic(fmt.Sprintf("topology field %s has kind %s, which has no schema", path, t.Kind()))
	}
	if rule, ok := b.rules[path]; ok {
		rule(s)
		delete(b.rules, path)
	}
	return s
}

func (b *schemaBuilder) structure(t reflect.Type, path string) *schema {
	s := &schema{Type: "object", Description: b.describe(t.Name(), ""), Properties: map[string]*schema{}, AdditionalProps: false}
	for i, name := range fieldsOf(t) {
		at := strings.TrimPrefix(path+"."+name, ".")
		property := b.of(t.Field(i).Type, at)
		if text := b.describe(t.Name(), t.Field(i).Name); text != "" {
			property.Description = text
		}
		s.Properties[name] = property
	}
	return s
}
