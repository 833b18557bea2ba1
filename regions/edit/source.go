package edit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// source are the bytes of a file, with the starts of its lines as a YAML parser counts them.
type source struct {
	data  []byte
	lines []int // byte offset of each line, the first one behind a byte order mark
}

// breaks are the line breaks of YAML 1.1 §5.4, which the parser counts; CRLF is one.
func breaks() []string { return []string{"\r\n", "\n", "\r", "\u0085", "\u2028", "\u2029"} }

func newSource(data []byte) source {
	s := source{data: data}
	at := len(data) - len(bytes.TrimPrefix(data, []byte("\ufeff")))
	s.lines = append(s.lines, at)
	for at < len(data) {
		if size := breakAt(data[at:]); size > 0 {
			at += size
			s.lines = append(s.lines, at)
			continue
		}
		_, size := utf8.DecodeRune(data[at:])
		at += size
	}
	return s
}

// breakAt is the length of the line break that the data begin with, 0 where they do not.
func breakAt(data []byte) int {
	for _, b := range breaks() {
		if bytes.HasPrefix(data, []byte(b)) {
			return len(b)
		}
	}
	return 0
}

// offset is the byte at which a node begins; -1 where there is no such place. Columns count
// characters, from 1.
func (s source) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(s.lines) {
		return -1
	}
	at := s.lines[n.Line-1]
	for range n.Column - 1 {
		if at >= len(s.data) {
			return -1
		}
		_, size := utf8.DecodeRune(s.data[at:])
		at += size
	}
	return at
}

// valueStart is where a scalar itself begins, behind its anchor and its tag.
func (s source) valueStart(n *yaml.Node) int {
	at := s.offset(n)
	for at >= 0 && at < len(s.data) && (s.data[at] == '&' || s.data[at] == '!') {
		for at < len(s.data) && !strings.ContainsRune(" \t\r\n", rune(s.data[at])) {
			at++
		}
		at = s.skipBlanks(at)
	}
	return at
}

// tokenEnd is the byte behind a scalar of one line; false where that cannot be told.
func (s source) tokenEnd(n *yaml.Node) (int, bool) {
	start := s.valueStart(n)
	if start < 0 || n.Kind != yaml.ScalarNode {
		return 0, false
	}
	text := n.Value
	switch n.Style &^ yaml.TaggedStyle {
	case 0:
	case yaml.SingleQuotedStyle:
		text = "'" + strings.ReplaceAll(n.Value, "'", "''") + "'"
	case yaml.DoubleQuotedStyle:
		text = `"` + n.Value + `"` // one with escapes is not found, and refused
	default:
		return 0, false
	}
	return start + len(text), bytes.HasPrefix(s.data[start:], []byte(text))
}

func (s source) skipBlanks(at int) int {
	for at < len(s.data) && (s.data[at] == ' ' || s.data[at] == '\t') {
		at++
	}
	return at
}

// lineEnd is the start of the line behind the byte, and the line break to use there. Where the last line
// has no break, it is the end of the data, and ended is false.
func (s source) lineEnd(at int) (end int, newline string, ended bool) {
	for ; at < len(s.data); at++ {
		if size := breakAt(s.data[at:]); size > 0 {
			return at + size, string(s.data[at : at+size]), true
		}
	}
	newline = "\n"
	if len(s.lines) > 1 {
		_, newline, _ = s.lineEnd(s.lines[0])
	}
	return at, newline, false
}
