package regions

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// place is where a value was written.
type place struct {
	line, column int
	written      bool // false: the key is there, with no value (null)
}

// findings collects problems and puts each at the line of its path.
type findings struct {
	places map[string]place // path → where it was written
	broken map[string]bool  // paths whose value could not be decoded
	items  []found
}

type found struct {
	Problem
	column int
}

func newFindings() *findings {
	return &findings{places: map[string]place{}, broken: map[string]bool{}}
}

// written tells whether the file has a value at the path, decodable or not.
func (f *findings) written(path string) bool { return f.places[path].written }

// placeOf is where the path was written, or else the nearest thing that holds it.
func (f *findings) placeOf(path string) place {
	for path != "" {
		if p, ok := f.places[path]; ok {
			return p
		}
		path = parent(path)
	}
	return place{line: 1, column: 1}
}

// isBroken tells whether the path or something that holds it could not be
// decoded: its value is then not the author's, and judging it would mislead.
func (f *findings) isBroken(path string) bool {
	for path != "" {
		if f.broken[path] {
			return true
		}
		path = parent(path)
	}
	return false
}

// errorAt records an error at an explicit place, whatever became of its path.
func (f *findings) errorAt(where place, path, code, hint, format string, args ...any) {
	p := Problem{Severity: SeverityError, Code: code, Path: path, Message: fmt.Sprintf(format, args...), Hint: hint}
	f.add(where, p)
}

func (f *findings) add(where place, p Problem) {
	p.Line = where.line
	f.items = append(f.items, found{p, where.column})
}

// errorf records an error at the path, unless the path is broken already.
func (f *findings) errorf(path, code, hint, format string, args ...any) {
	f.record(SeverityError, path, code, hint, fmt.Sprintf(format, args...))
}

func (f *findings) warnf(path, code, hint, format string, args ...any) {
	f.record(SeverityWarning, path, code, hint, fmt.Sprintf(format, args...))
}

func (f *findings) notef(path, code, hint, format string, args ...any) {
	f.record(SeverityNote, path, code, hint, fmt.Sprintf(format, args...))
}

func (f *findings) record(severity Severity, path, code, hint, message string) {
	if f.isBroken(path) {
		return
	}
	f.add(f.placeOf(path), Problem{Severity: severity, Code: code, Path: path, Message: message, Hint: hint})
}

// has tells whether an error with one of the codes was found.
func (f *findings) has(codes ...string) bool {
	return slices.ContainsFunc(f.items, func(i found) bool { return slices.Contains(codes, i.Code) })
}

// sorted are the problems in the order of the file.
func (f *findings) sorted() Problems {
	items := slices.Clone(f.items)
	slices.SortStableFunc(items, func(a, b found) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.column, b.column))
	})
	out := make(Problems, len(items))
	for i, item := range items {
		out[i] = item.Problem
	}
	return out
}

// field is the path of a field of path; a name that is no plain word is quoted.
func field(path, name string) string {
	plain := func(r rune) bool { return r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !plain(r) }) {
		return path + "[" + strconv.Quote(name) + "]"
	}
	if path == "" {
		return name
	}
	return path + "." + name
}

// item is the path of the i-th item of path, from 0.
func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// parent cuts the last field or index off a path.
func parent(path string) string {
	if strings.HasSuffix(path, `"]`) {
		// A quoted key may hold any character; its opening is the last unescaped [".
		return path[:max(0, strings.LastIndex(path, `["`))]
	}
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}
