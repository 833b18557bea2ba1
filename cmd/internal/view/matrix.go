package view

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/planner"
)

// MatrixDocument tells who answers which names rightly.
type MatrixDocument struct {
	Deployment string            `json:"deployment"`
	Zone       string            `json:"zone"`
	Columns    []string          `json:"columns"` // whose names: clusters, then regions and seeds, and SRV and PTR where there are such records
	Rows       []MatrixRow       `json:"rows"`
	Holes      []Hole            `json:"holes"`
	Away       []string          `json:"away,omitempty"`   // names whose pods are away, which were not asked for
	Unread     map[string]string `json:"unread,omitempty"` // clusters that do not answer, and why: their names were not asked for
}

// MatrixRow is what was told at one place.
type MatrixRow struct {
	From    string                `json:"from"`
	Kind    string                `json:"kind"` // authority, resolver, replica
	Cells   map[string]MatrixCell `json:"cells"`
	Problem string                `json:"problem,omitempty"` // why it could not be asked
}

// MatrixCell counts names.
type MatrixCell struct {
	Right int `json:"right"`
	Asked int `json:"asked"`
}

// Hole is an answer that is not what it should be.
type Hole struct {
	From   string   `json:"from"`
	Name   string   `json:"name"`
	Type   string   `json:"type"` // address (A and AAAA), SRV or PTR
	Wanted []string `json:"wanted"`
	Got    []string `json:"got"`
	Why    string   `json:"why,omitempty"` // why there was no answer
	Dead   bool     `json:"-"`             // nothing could be asked there
}

// Wrong tells whether anything was answered wrongly, or could not be asked.
func (d MatrixDocument) Wrong() bool {
	return len(d.Holes) > 0 || slices.ContainsFunc(d.Rows, func(r MatrixRow) bool { return r.Problem != "" })
}

// MatrixJSON prints it as one document.
func MatrixJSON(w io.Writer, d MatrixDocument) error {
	holes := make([]Hole, 0, len(d.Holes))
	for _, h := range d.Holes {
		if h.Got == nil {
			h.Got = []string{}
		}
		holes = append(holes, h)
	}
	d.Holes = holes
	return document(w, struct {
		FormatVersion string `json:"format_version"`
		Right         bool   `json:"right"`
		MatrixDocument
	}{planner.FormatVersion, !d.Wrong(), d})
}

// Matrix prints it for people: a row for each place that was asked, a column for each cluster's names.
func Matrix(w io.Writer, s Style, d MatrixDocument) {
	fmt.Fprintf(w, "%s\n", s.paint(bold, "Names of "+d.Deployment+" in "+d.Zone))
	for columns := d.Columns; len(columns) > 0; {
		rows, fit := matrixRows(s, d, columns)
		fmt.Fprintln(w)
		s.table(w, rows)
		columns = columns[fit:]
	}
	matrixHoles(w, s, d)
	matrixNotes(w, s, d)
	fmt.Fprintln(w)
	s.text(w, matrixLast(s, d), 0)
}

// matrixRows are those of as many of the columns as fit beside the places, one at least.
func matrixRows(s Style, d MatrixDocument, columns []string) (rows [][]string, fit int) {
	rows = [][]string{append([]string{s.paint(faint, "asked at")}, faintAll(s, columns)...)}
	for _, r := range d.Rows {
		cells := []string{r.From}
		for _, column := range columns {
			cells = append(cells, cellText(s, r, column))
		}
		rows = append(rows, cells)
	}
	fit = min(len(columns), s.beside(2, columnWidths(rows))-1)
	for i, row := range rows {
		rows[i] = row[:fit+1]
	}
	return rows, fit
}

// matrixLast says what it comes to, and of which names nothing is known.
func matrixLast(s Style, d MatrixDocument) string {
	switch {
	case d.Wrong():
		return s.paint(red, fmt.Sprintf("Not right: %s.", count(len(d.Holes)+dead(d), "answer or place", "answers or places")))
	case !d.asked():
		return "Nothing was asked for."
	case len(d.Unread) > 0:
		return "Every name that was asked for is answered rightly; not asked for: those of " + strings.Join(slices.Sorted(maps.Keys(d.Unread)), ", ") + "."
	}
	return "Every name is answered rightly wherever it was asked for."
}

// asked tells whether anything was.
func (d MatrixDocument) asked() bool {
	return slices.ContainsFunc(d.Rows, func(r MatrixRow) bool { return len(r.Cells) > 0 })
}

func faintAll(s Style, words []string) []string {
	var out []string
	for _, word := range words {
		out = append(out, s.paint(faint, word))
	}
	return out
}

func cellText(s Style, r MatrixRow, column string) string {
	cell, asked := r.Cells[column]
	text := fmt.Sprintf("%d/%d", cell.Right, cell.Asked)
	switch {
	case !asked:
		return s.paint(faint, "-")
	case r.Problem != "":
		return s.paint(red, "?")
	case cell.Right < cell.Asked:
		return s.paint(red, text+" !")
	}
	return s.paint(green, text)
}

// shownHoles is how many holes of one place are shown to people.
const shownHoles = 12

// matrixHoles tells of places that cannot be asked, and then of what is wrong at the others, place by place.
func matrixHoles(w io.Writer, s Style, d MatrixDocument) {
	if dead(d) > 0 {
		s.heading(w, "Not asked")
	}
	for _, r := range d.Rows {
		if r.Problem != "" {
			s.text(w, fmt.Sprintf("  %s %s %s", s.paint(red, "!"), r.From, r.Problem), 6)
		}
	}
	for _, r := range d.Rows {
		var rows [][]string
		for _, h := range d.Holes {
			if h.From == r.From {
				rows = append(rows, []string{s.paint(red, "!") + " " + strings.TrimSuffix(h.Name, "."), h.text()})
			}
		}
		if len(rows) == 0 {
			continue
		}
		s.heading(w, "Not right at "+r.From)
		s.holes(w, rows[:min(len(rows), shownHoles)])
		if more := len(rows) - shownHoles; more > 0 {
			s.text(w, "  "+s.paint(faint, fmt.Sprintf("and %d more, all of them in --output json", more)), 4)
		}
	}
}

// holes writes names beside what is wrong with them, or, where names take most of the terminal, in lines that are broken.
func (s Style) holes(w io.Writer, rows [][]string) {
	if s.Width == 0 || columnWidths(rows)[0] <= s.Width*2/3 {
		s.table(w, rows)
		return
	}
	for _, row := range rows {
		s.text(w, "  "+row[0]+": "+row[1], 6)
	}
}

// text says what is answered, and what it should be; of records that are many, what differs.
func (h Hole) text() string {
	switch {
	case h.Why != "":
		return "no answer: " + h.Why
	case h.Type == "address" || len(h.Wanted) == 1 && len(h.Got) < 2 || len(h.Got) == 0:
		return "answers " + h.list(h.Got) + "; it is " + h.list(h.Wanted)
	}
	var parts []string
	if lacks := without(h.Wanted, h.Got); len(lacks) > 0 {
		parts = append(parts, "lacks "+some(lacks))
	}
	if more := without(h.Got, h.Wanted); len(more) > 0 {
		parts = append(parts, "has too "+some(more))
	}
	return h.Type + " " + strings.Join(parts, ", and ")
}

// list are the values of an answer, or that there are none; many are cut.
func (h Hole) list(values []string) string {
	switch {
	case len(values) > 0 && h.Type == "address":
		return strings.Join(values, " ")
	case len(values) > 1:
		return fmt.Sprintf("%d %s records", len(values), h.Type)
	case len(values) == 1:
		return strings.TrimSuffix(values[0], ".")
	case h.Type == "address":
		return "no address"
	}
	return "no " + h.Type + " record"
}

// without are those of a that b has not.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(value string) bool { return slices.Contains(b, value) })
}

func matrixNotes(w io.Writer, s Style, d MatrixDocument) {
	if len(d.Away) > 0 {
		fmt.Fprintln(w)
		s.text(w, s.paint(yellow, "note:")+" no pod stands behind these names now, so they were not asked for: "+some(d.Away), 6)
	}
	for _, cluster := range slices.Sorted(maps.Keys(d.Unread)) {
		fmt.Fprintln(w)
		s.text(w, fmt.Sprintf("%s %s does not answer, so its names were not asked for: %s", s.paint(yellow, "note:"), cluster, d.Unread[cluster]), 6)
	}
}

func dead(d MatrixDocument) int {
	n := 0
	for _, r := range d.Rows {
		if r.Problem != "" {
			n++
		}
	}
	return n
}
