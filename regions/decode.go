package regions

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the nodes that are reached through aliases. An alias saves
// writing a block out for each cluster; one that expands to more is a mistake
// or an attack ("billion laughs").
const maxAliased = 10_000

// decoder fills Go values from YAML nodes as strictly as can be: an unknown
// field, a second key, a value of another type is a problem with its path and
// line, and decoding goes on behind it, so that all problems come at once.
type decoder struct {
	*findings
	aliases int  // aliases around the present node
	aliased int  // nodes seen so far through aliases
	refused bool // more than maxAliased: nothing more is read
}

// decode reads the node into the value. A null leaves it as it is, as if the
// key had not been written.
func (d *decoder) decode(n *yaml.Node, into reflect.Value, path string) {
	if n.Kind == yaml.AliasNode {
		d.aliases++
		defer func() { d.aliases-- }()
		n = n.Alias
	}
	if d.overBudget(n) {
		return
	}
	d.note(n, path)
	if isNull(n) {
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.decode(n, into.Elem(), path)
	case reflect.Struct:
		d.structure(n, into, path)
	case reflect.Slice:
		d.list(n, into, path)
	case reflect.Map:
		d.mapping(n, into, path)
	default:
		d.scalar(n, into, path)
	}
}

// overBudget counts the nodes behind aliases and refuses the file past the bound.
func (d *decoder) overBudget(n *yaml.Node) bool {
	if d.refused || d.aliases == 0 {
		return d.refused
	}
	d.aliased++
	if d.aliased > maxAliased {
		d.refused = true
		d.errorAt(place{line: n.Line, column: n.Column}, "", codeTooManyAliases, "write the values out",
			"the aliases of this file expand to more than %d values", maxAliased)
	}
	return d.refused
}

// note remembers where the path was written: at its key where it has one.
func (d *decoder) note(n *yaml.Node, path string) {
	p, ok := d.places[path]
	if !ok || n.Kind == yaml.ScalarNode && d.aliases == 0 {
		p = place{line: n.Line, column: n.Column}
	}
	p.written = !isNull(n)
	d.places[path] = p
}

func (d *decoder) structure(n *yaml.Node, into reflect.Value, path string) {
	fields := fieldsOf(into.Type())
	d.pairs(n, path, "a mapping of fields", func(key string, value *yaml.Node, at string, where place) {
		i := slices.Index(fields, key)
		if i < 0 {
			d.errorAt(where, at, codeUnknownField, suggest(key, fields), "%s has no field %q", thing(path), shorten(key))
			return
		}
		d.decode(value, into.Field(i), at)
	})
}

func (d *decoder) mapping(n *yaml.Node, into reflect.Value, path string) {
	into.Set(reflect.MakeMap(into.Type()))
	d.pairs(n, path, "a mapping of names to values", func(key string, value *yaml.Node, at string, _ place) {
		v := reflect.New(into.Type().Elem()).Elem()
		d.decode(value, v, at)
		into.SetMapIndex(reflect.ValueOf(key), v)
	})
}

// pairs visits the keys of a mapping in the order of the file, each once.
func (d *decoder) pairs(n *yaml.Node, path, want string, visit func(key string, value *yaml.Node, at string, where place)) {
	if n.Kind != yaml.MappingNode {
		d.wrongType(n, path, want)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content) && !d.refused; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		where := place{line: key.Line, column: key.Column, written: true}
		at := field(path, key.Value)
		switch first, twice := seen[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			d.errorAt(where, path, codeWrongType, "write keys as plain words", "%s has a key that is no plain word", thing(path))
		case key.ShortTag() == "!!merge":
			d.errorAt(where, path, codeMergeKey, "write the fields out, or use an alias for the whole value", "merge keys (<<) are not read")
		case twice:
			d.errorAt(where, at, codeDuplicateKey, "keep one of the two", "%q is written before, on line %d", shorten(key.Value), first)
		default:
			seen[key.Value] = key.Line
			d.places[at] = where
			visit(key.Value, value, at, where)
		}
	}
}

func (d *decoder) list(n *yaml.Node, into reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		d.wrongType(n, path, "a list")
		return
	}
	into.Set(reflect.MakeSlice(into.Type(), len(n.Content), len(n.Content)))
	for i, child := range n.Content {
		if d.refused {
			return
		}
		at := item(path, i)
		d.places[at] = place{line: child.Line, column: child.Column}
		d.decode(child, into.Index(i), at)
	}
}

func (d *decoder) scalar(n *yaml.Node, into reflect.Value, path string) {
	switch into.Kind() {
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			d.wrongType(n, path, "text")
			return
		}
		into.SetString(n.Value)
	case reflect.Int:
		var number int64
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!int" || n.Decode(&number) != nil || into.OverflowInt(number) {
			d.wrongType(n, path, "a whole number")
			return
		}
		into.SetInt(number)
	default:
		panic(fmt.Sprintf("topology field %s has kind %s, which is not decoded", path, into.Kind()))
	}
}

// wrongType records that the node is not what the path wants.
func (d *decoder) wrongType(n *yaml.Node, path, want string) {
	hint := "write " + want
	switch {
	case n.Kind == yaml.ScalarNode && isDuration(path):
		hint = "write it with a unit, such as 10s"
	case n.Kind == yaml.ScalarNode && want == "text":
		hint = "quote it: " + strconv.Quote(n.Value)
	}
	where := place{line: n.Line, column: n.Column}
	d.errorAt(where, path, codeWrongType, hint, "%s must be %s, not %s", thing(path), want, describe(n))
	d.broken[path] = true
}

// isDuration tells whether the path is a duration's: a bare number there lacks a
// unit, and quotes would not mend it.
func isDuration(path string) bool {
	name := path[strings.LastIndex(path, ".")+1:]
	return slices.Contains([]string{"ttl", "soak", "timeout", "gateInterval"}, name)
}

// thing is how a message calls a path.
func thing(path string) string {
	if path == "" {
		return "the topology"
	}
	return path
}

// describe says what a node is, in words.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.ShortTag() == "!!int", n.ShortTag() == "!!float":
		return "the number " + shorten(n.Value)
	case n.ShortTag() == "!!bool":
		return "the truth value " + shorten(n.Value)
	case n.ShortTag() == "!!timestamp":
		return "the date " + shorten(n.Value)
	case n.ShortTag() == "!!str":
		return "the text " + strconv.Quote(shorten(n.Value))
	}
	return "a value of type " + n.ShortTag()
}

// shorten keeps a value that is quoted in a message to one short line.
func shorten(s string) string {
	s, _, cut := strings.Cut(s, "\n")
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	if cut {
		return s + "…"
	}
	return s
}

// fieldsOf are the YAML names of a struct's fields, in the order of declaration.
func fieldsOf(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
	}
	return names
}
