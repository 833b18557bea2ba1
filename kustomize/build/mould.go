package build

import (
	"bytes"
	"fmt"
	"path"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"
)

// mould is a build with marks in its holes.
type mould struct {
	pieces  [][]byte // the text between marks; one more than there are
	marks   []int    // which hole's value stands between two pieces
	objects []map[string]any
}

// mark stands in a hole while a mould is made. Strings and numbers that nobody would write.
func mark(hole int, number bool) string {
	if number {
		const first = 735_190_000
		return strconv.Itoa(first + hole)
	}
	return fmt.Sprintf("quorate-mark-%05d-in-a-hole", hole)
}

// mouldOf builds a member with marks, beside it in the file system, so that what it names by relative paths is the same.
func (w *workshop) mouldOf(m member) (mould, error) {
	dir := w.out[m.at].Dir
	beside := path.Join(path.Dir(dir), ".mould")
	names := w.filesOf()[dir]
	manifests, err := manifestsOf(w.files, names)
	if err != nil {
		return mould{}, err
	}
	defer func() { _ = w.memory.RemoveAll(path.Join("/", beside)) }() // nothing reads it any more
	holes := 0
	for _, name := range names {
		data := w.files[name]
		if manifests[name] {
			if data, holes, err = marked(data, holes); err != nil {
				return mould{}, err
			}
		}
		if err := w.memory.WriteFile(path.Join("/", beside, strings.TrimPrefix(name, dir)), data); err != nil {
			return mould{}, err
		}
	}
	text, err := w.krusty(beside)
	if err != nil {
		return mould{}, err
	}
	return cast(text, m.form.values)
}

// marked is a manifest with marks in its holes, which are numbered from the one given.
func marked(data []byte, holes int) ([]byte, int, error) {
	docs, err := documents(data)
	if err != nil {
		return nil, 0, err
	}
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	for _, doc := range docs {
		r := reader{out: &bytes.Buffer{}, holes: hasPods(doc)}
		r.node(doc, nil)
		for i, n := range r.nodes {
			n.Value, n.Style = mark(holes+i, r.values[i].number), 0
		}
		holes += len(r.nodes)
		if err := encoder.Encode(doc); err != nil {
			return nil, 0, err
		}
	}
	return out.Bytes(), holes, encoder.Close()
}

// cast finds the marks in what was built. Each must be there, and be all of a value.
func cast(text []byte, values []value) (mould, error) {
	var m mould
	found := map[int]bool{}
	wanted := map[string]int{}
	for hole, v := range values {
		wanted[mark(hole, v.number)] = hole
	}
	from, at := 0, 0
	for line := range bytes.Lines(text) {
		content := strings.TrimSuffix(string(line), "\n")
		last := content[strings.LastIndexByte(content, ' ')+1:]
		if hole, isMark := wanted[last]; isMark {
			m.pieces = append(m.pieces, text[from:at+len(content)-len(last)])
			m.marks = append(m.marks, hole)
			from, found[hole] = at+len(content), true
		}
		at += len(line)
	}
	m.pieces = append(m.pieces, text[from:])
	for sign, hole := range wanted {
		if !found[hole] {
			return mould{}, fmt.Errorf("mark %d did not come out", hole)
		}
		for _, piece := range m.pieces {
			if bytes.Contains(piece, []byte(sign)) {
				return mould{}, fmt.Errorf("mark %d is part of another value", hole)
			}
		}
	}
	var err error
	m.objects, err = Objects(text)
	return m, err
}

// fill puts values in the place of the marks.
func (m mould) fill(values []value) ([]byte, []map[string]any) {
	var out bytes.Buffer
	for i, hole := range m.marks {
		out.Write(m.pieces[i])
		out.WriteString(values[hole].written())
	}
	out.Write(m.pieces[len(m.pieces)-1])
	known := make(map[any]any, len(values))
	for hole, v := range values {
		if v.number {
			known[decoded(mark(hole, true))] = decoded(v.text)
			continue
		}
		known[mark(hole, false)] = v.text
	}
	objects := make([]map[string]any, len(m.objects))
	for i, object := range m.objects {
		objects[i], _ = replaced(runtime.DeepCopyJSON(object), known).(map[string]any)
	}
	return out.Bytes(), objects
}

// decoded is a number of at most nine digits as objects hold it.
func decoded(digits string) int64 {
	n, _ := strconv.ParseInt(digits, 10, 64) // plainNumber
	return n
}

// written is the value as kustomize writes it, which quotes what YAML would read as something other than a string.
func (v value) written() string {
	if v.number {
		return v.text
	}
	text, err := sigsyaml.Marshal([]string{v.text})
	if err != nil {
		return v.text // a string always marshals
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(text), "- "), "\n")
}

// replaced puts the known values in the place of their marks, in place.
func replaced(in any, known map[any]any) any {
	switch v := in.(type) {
	case map[string]any:
		for key, child := range v {
			v[key] = replaced(child, known)
		}
	case []any:
		for i, child := range v {
			v[i] = replaced(child, known)
		}
	case string, int64:
		if value, isMark := known[v]; isMark {
			return value
		}
	}
	return in
}
