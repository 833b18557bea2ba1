package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// leastText is the narrowest column that a text is broken into; a narrower terminal breaks lines itself.
const leastText = 16

// columnGap is between two columns.
const columnGap = "  "

// table writes rows of cells in aligned columns, indented by two spaces. Where they do not fit
// the terminal, the last columns of each row stand below it, in lines of their own.
func (s Style) table(w io.Writer, rows [][]string) { s.writeTable(w, "  ", rows) }

// plainTable writes aligned columns as wide as they are, without indentation: zone files and the like.
func plainTable(w io.Writer, rows [][]string) { Style{}.writeTable(w, "", rows) }

func (s Style) writeTable(w io.Writer, indent string, rows [][]string) {
	widths := columnWidths(rows)
	beside := s.beside(len(indent), widths)
	below := len(indent) + 2
	if len(widths) > 1 && beside > 1 {
		below = len(indent) + widths[0] + len(columnGap)
	}
	for _, row := range rows {
		var line strings.Builder
		line.WriteString(indent)
		for i, cell := range row[:min(beside, len(row))] {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)) + columnGap)
			}
		}
		s.text(w, strings.TrimRight(line.String(), " "), below)
		for _, cell := range row[min(beside, len(row)):] {
			if cell != "" {
				s.text(w, strings.Repeat(" ", below)+cell, below)
			}
		}
	}
}

// columnWidths are the widths of a table's columns, as seen.
func columnWidths(rows [][]string) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	return widths
}

// beside is how many columns stand in one line: all that fit, two at least.
func (s Style) beside(indent int, widths []int) int {
	if s.Width == 0 {
		return len(widths)
	}
	used := indent
	for i, width := range widths {
		used += width
		if used > s.Width && i > 1 {
			return i
		}
		used += len(columnGap)
	}
	return len(widths)
}

// text writes one line, broken at blanks where it does not fit; what follows hangs by some columns.
func (s Style) text(w io.Writer, line string, hang int) {
	if s.Width == 0 || s.Width-hang < leastText || ansi.StringWidth(line) <= s.Width {
		fmt.Fprintln(w, line)
		return
	}
	lead := len(line) - len(strings.TrimLeft(line, " "))
	now, used := line[:lead], false
	for word := range strings.SplitSeq(line[lead:], " ") {
		if used && ansi.StringWidth(now)+1+ansi.StringWidth(word) > s.Width {
			fmt.Fprintln(w, strings.TrimRight(now, " "))
			now, used = strings.Repeat(" ", hang), false
		}
		switch {
		case used:
			now += " " + word
		case word != "": // a line does not begin with the blanks at which it was broken
			now, used = now+word, true
		}
	}
	fmt.Fprintln(w, strings.TrimRight(now, " "))
}

// Lines writes a text of several lines, each broken between words where it does not fit; what
// follows hangs by two columns more than its line is indented.
func Lines(w io.Writer, s Style, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		s.text(w, line, len(line)-len(strings.TrimLeft(line, " "))+2)
	}
}
