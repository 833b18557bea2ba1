// Package view renders plans, runs, statuses and reports, for people and for
// machines. It decides nothing: everything it prints was decided before.
package view

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Style is what the terminal can show.
type Style struct {
	Colour bool
}

// The colours used, by meaning. They are of the terminal's own palette, so they
// follow its light or dark theme.
const (
	faint  = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) heading(w io.Writer, text string) {
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, text))
}

// table writes rows of cells in aligned columns, indented by two spaces.
func table(w io.Writer, rows [][]string) { writeTable(w, "  ", rows) }

// plainTable is a table without indentation.
func plainTable(w io.Writer, rows [][]string) { writeTable(w, "", rows) }

// writeTable leaves no blanks at the ends of lines.
func writeTable(w io.Writer, indent string, rows [][]string) {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintf(t, "%s%s\n", indent, strings.Join(row, "\t"))
	}
	_ = t.Flush() // a strings.Builder takes everything
	for line := range strings.Lines(text.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
