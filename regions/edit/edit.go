package edit

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// errUnproven ends an edit of which it could not be shown that it changes the wanted numbers alone.
var errUnproven = errors.New("the file is written in a way that cannot be edited safely: change the number by hand")

// splice replaces the bytes from start up to end by text.
type splice struct {
	start, end int
	text       string
}

// editor holds one document under edit.
type editor struct {
	source
	root    *yaml.Node
	aliased map[*yaml.Node]bool // what aliases elsewhere in the file mean
	splices []splice
	set     map[*yaml.Node]int // values that become these numbers
	added   map[*yaml.Node]int // mappings that get a key replicas
}

// Apply makes the changes in the bytes of a topology file. A number behind an alias becomes
// a number of its own; one inside an anchored block that is used elsewhere too is refused,
// since it would change there as well. A cluster that says nothing of its
// replicas gets the key, after its name. Changes to the same number are left out.
func Apply(data []byte, changes []Change) ([]byte, error) {
	e := &editor{source: newSource(data), aliased: map[*yaml.Node]bool{}, set: map[*yaml.Node]int{}, added: map[*yaml.Node]int{}}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) != 1 {
		return nil, errors.Join(errUnproven, err)
	}
	e.root = doc.Content[0]
	e.findAliased(e.root)
	var problems []error
	for _, c := range changes {
		if err := e.change(c); err != nil {
			problems = append(problems, fmt.Errorf("replicas of %s: %w", c.place(), err))
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	out := e.spliced()
	var after yaml.Node
	if err := yaml.Unmarshal(out, &after); err != nil || len(after.Content) != 1 || !e.same(e.root, after.Content[0]) {
		return nil, errUnproven
	}
	return out, nil
}

// findAliased notes every node that an alias means.
func (e *editor) findAliased(n *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		e.aliased[n.Alias] = true
		return
	}
	for _, child := range n.Content {
		e.findAliased(child)
	}
}

// change finds the number's place and notes the splice.
func (e *editor) change(c Change) error {
	cluster, err := e.cluster(c.Cluster)
	if err != nil {
		return err
	}
	holder, key := cluster, "replicas"
	if c.Pool != "" {
		if _, holder, err = e.field(cluster, "pools"); err != nil {
			return err
		}
		key = c.Pool
	}
	name, value, err := e.pair(holder, key)
	switch {
	case err != nil:
		return err
	case value == nil && c.Pool == "":
		return e.insert(cluster, c.After)
	case value == nil:
		return fmt.Errorf("line %d has no pool of that name", holder.Line)
	case value.Kind == yaml.ScalarNode && value.ShortTag() == "!!int" && decoded(value) == strconv.Itoa(c.After):
		return nil
	}
	return e.replace(name, value, c.After)
}

// decoded is a number of any notation in decimal.
func decoded(n *yaml.Node) string {
	var number int64
	if n.Decode(&number) != nil {
		return ""
	}
	return strconv.FormatInt(number, 10)
}

// replace notes that a value becomes a number.
func (e *editor) replace(key, value *yaml.Node, number int) error {
	e.set[value] = number
	text := strconv.Itoa(number)
	switch {
	case value.Kind == yaml.AliasNode:
		start := e.offset(value)
		return e.splice(start, start+len("*")+len(value.Value), "*"+value.Value, text)
	case value.Anchor != "" && e.aliased[value]:
		return e.shared(value)
	case value.Kind != yaml.ScalarNode || value.Style&^yaml.TaggedStyle != 0:
		return fmt.Errorf("line %d holds no plain number: %w", value.Line, errUnproven)
	case value.Value == "": // a key without a value
		end, ok := e.tokenEnd(key)
		if !ok {
			return errUnproven
		}
		colon := e.skipBlanks(end)
		return e.splice(colon, colon+1, ":", ": "+text)
	}
	start := e.valueStart(value)
	return e.splice(start, start+len(value.Value), value.Value, text)
}

// splice notes a replacement where the bytes are the expected ones.
func (e *editor) splice(start, end int, expected, text string) error {
	if start < 0 || end > len(e.data) || string(e.data[start:end]) != expected {
		return errUnproven
	}
	e.splices = append(e.splices, splice{start, end, text})
	return nil
}

func (e *editor) shared(n *yaml.Node) error {
	return fmt.Errorf("line %d is anchored (&%s) and used elsewhere in the file, where it would change too: write it out in both places first", n.Line, n.Anchor)
}

// spliced are the bytes with every splice made.
func (e *editor) spliced() []byte {
	slices.SortFunc(e.splices, func(a, b splice) int { return cmp.Compare(a.start, b.start) })
	var out []byte
	done := 0
	for _, s := range e.splices {
		out = append(append(out, e.data[done:s.start]...), s.text...)
		done = s.end
	}
	return append(out, e.data[done:]...)
}

// same holds what is read after the edit against what was before: the values that were
// to change are the wanted numbers, and all else is equal, anchors, tags and styles included.
func (e *editor) same(before, after *yaml.Node) bool {
	if number, changed := e.set[before]; changed {
		return after.Kind == yaml.ScalarNode && after.ShortTag() == "!!int" && after.Value == strconv.Itoa(number)
	}
	content := after.Content
	if number, added := e.added[before]; added {
		at := nameAt(before) + 2
		if len(content) < at+2 || content[at].Value != "replicas" || content[at+1].Value != strconv.Itoa(number) {
			return false
		}
		content = slices.Delete(slices.Clone(content), at, at+2)
	}
	if !alike(before, after) || len(before.Content) != len(content) {
		return false
	}
	for i := range before.Content {
		if !e.same(before.Content[i], content[i]) {
			return false
		}
	}
	return true
}

// alike compares two nodes without what they hold.
func alike(a, b *yaml.Node) bool {
	return a.Kind == b.Kind && a.Tag == b.Tag && a.Value == b.Value && a.Anchor == b.Anchor && a.Style == b.Style
}

// nameAt is the index of the key name in a mapping's content.
func nameAt(mapping *yaml.Node) int {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == "name" {
			return i
		}
	}
	return 0
}
