package regions

import "reflect"

// Parse reads a topology: it decodes strictly, fills in defaults and validates,
// and returns every problem at once in the order of the file. The topology is
// nil where there was nothing to decode (no YAML, an empty file, several
// documents); else it is returned even if invalid, and must not be acted on
// while Problems.Errors is not empty. The file's name appears in messages only.
//
// The same bytes always give the same result.
func Parse(data []byte, file string) (*Topology, Problems) {
	f := newFindings()
	node := document(data, file, f)
	if node == nil {
		return nil, f.sorted()
	}
	t := &Topology{}
	d := &decoder{findings: f}
	d.decode(node, reflect.ValueOf(t).Elem(), "")
	if d.refused || f.broken[""] {
		return nil, f.sorted()
	}
	applyDefaults(t, f.written)
	c := &checker{findings: f, t: t}
	c.validate()
	return t, f.sorted()
}
