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
	Columns    []string          `json:"columns"` // whose names: clusters, then regions and seeds
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
	if d.Holes == nil {
		d.Holes = []Hole{}
	}
	return document(w, struct {
		FormatVersion string `json:"format_version"`
		Right         bool   `json:"right"`
		MatrixDocument
	}{planner.FormatVersion, !d.Wrong(), d})
}

// Matrix prints it for people: a row for each place that was asked, a column for each cluster's names.
func Matrix(w io.Writer, s Style, d MatrixDocument) {
	fmt.Fprintf(w, "%s\n\n", s.paint(bold, "Names of "+d.Deployment+" in "+d.Zone))
	rows := [][]string{append([]string{s.paint(faint, "asked at")}, faintAll(s, d.Columns)...)}
	for _, r := range d.Rows {
		cells := []string{r.From}
		for _, column := range d.Columns {
			cells = append(cells, cellText(s, r, column))
		}
		rows = append(rows, cells)
	}
	s.table(w, rows)
	matrixHoles(w, s, d)
	matrixNotes(w, s, d)
	fmt.Fprintln(w)
	if d.Wrong() {
		s.text(w, s.paint(red, fmt.Sprintf("Not right: %s.", count(len(d.Holes)+dead(d), "answer or place", "answers or places"))), 0)
		return
	}
	s.text(w, "Every name is answered rightly wherever it was asked for.", 0)
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

func matrixHoles(w io.Writer, s Style, d MatrixDocument) {
	if !d.Wrong() {
		return
	}
	s.heading(w, "Holes")
	for _, r := range d.Rows {
		if r.Problem != "" {
			s.text(w, fmt.Sprintf("  %s %s %s", s.paint(red, "!"), r.From, r.Problem), 6)
		}
	}
	for _, h := range d.Holes {
		got := "answers " + addressList(h.Got)
		if h.Why != "" {
			got = "gives no answer: " + h.Why
		}
		s.text(w, fmt.Sprintf("  %s %s: %s %s; it is %s", s.paint(red, "!"), strings.TrimSuffix(h.Name, "."), h.From, got, addressList(h.Wanted)), 6)
	}
}

func addressList(addresses []string) string {
	if len(addresses) == 0 {
		return "no address"
	}
	return strings.Join(addresses, " ")
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
