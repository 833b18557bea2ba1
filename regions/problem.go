package regions

import (
	"fmt"
	"slices"
	"strings"
)

// Severity tells an error, which makes a topology invalid, from a warning, and
// both from a note, which states what was computed for the reader.
type Severity string

// The severities of a Problem.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityNote    Severity = "note"
)

// Problem is one thing wrong with a topology, with its place and its mend.
type Problem struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`           // stable, such as duplicate-cluster
	Path     string   `json:"path,omitempty"` // such as spec.regions[1].clusters[0].name
	Line     int      `json:"line,omitempty"` // 1-based; 0 where the problem has no line
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
}

// String is one line: place, code, message, hint.
func (p Problem) String() string {
	s := p.Code + ": " + p.Message
	if p.Path != "" {
		s = p.Path + ": " + s
	}
	if p.Line > 0 {
		s = fmt.Sprintf("line %d: %s", p.Line, s)
	}
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return s
}

// Problems are all that was found, in the order of the file.
type Problems []Problem

// Errors are the problems that make a topology invalid.
func (ps Problems) Errors() Problems { return ps.with(SeverityError) }

// Warnings are the problems that do not.
func (ps Problems) Warnings() Problems { return ps.with(SeverityWarning) }

// Notes are no faults: they state what Parse computed, such as a promise that was not written.
func (ps Problems) Notes() Problems { return ps.with(SeverityNote) }

// OnlyUnknownFields tells that nothing is wrong but fields that are not known: a later version may have
// written them. The rest of the topology is whole.
func (ps Problems) OnlyUnknownFields() bool {
	errs := ps.Errors()
	return len(errs) > 0 && !slices.ContainsFunc(errs, func(p Problem) bool { return p.Code != codeUnknownField })
}

func (ps Problems) with(s Severity) Problems {
	var out Problems
	for _, p := range ps {
		if p.Severity == s {
			out = append(out, p)
		}
	}
	return out
}

// Error lists every problem, one a line, so that Problems may be returned as an error.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}
