package view

import (
	"encoding/json"
	"fmt"
	"io"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions/edit"
)

// Edit is an edit of a topology file, as it is shown before it is made.
type Edit struct {
	File     string        `json:"file"`
	Replicas []edit.Change `json:"replicas"` // what was asked, unchanged numbers included
	Lines    []edit.Line   `json:"lines"`    // the lines that differ
}

// EditText prints an edit for people: the numbers, then the lines of the file.
func EditText(w io.Writer, s Style, e Edit) {
	fmt.Fprintln(w, s.paint(bold, "Edit of "+e.File))
	rows := make([][]string, 0, len(e.Replicas))
	for _, c := range e.Replicas {
		name := c.Cluster
		if c.Pool != "" {
			name += "/" + c.Pool
		}
		text := fmt.Sprintf("%d → %d replicas", c.Before, c.After)
		if c.Before == c.After {
			text = fmt.Sprintf("%d replicas already", c.After)
		}
		rows = append(rows, []string{name, text})
	}
	Style{}.table(w, rows)
	if len(e.Lines) > 0 {
		fmt.Fprintln(w)
	}
	for _, l := range e.Lines {
		number := fmt.Sprintf("%5d", l.Number)
		if !l.Added {
			fmt.Fprintf(w, "  %s %s\n", s.paint(faint, number), s.paint(red, "- "+l.Before))
		}
		fmt.Fprintf(w, "  %s %s\n", s.paint(faint, number), s.paint(green, "+ "+l.After))
	}
	fmt.Fprintln(w)
}

// EditDocument prints an edit and the plan that would follow as one document.
func EditDocument(w io.Writer, e Edit, p *planner.Plan) error {
	return document(w, struct {
		FormatVersion string        `json:"format_version"`
		Edit          Edit          `json:"edit"`
		Plan          *planner.Plan `json:"plan"`
	}{planner.FormatVersion, e.listed(), p})
}

// EditLine prints an edit as the first line of a run.
func EditLine(w io.Writer, e Edit) error {
	return json.NewEncoder(w).Encode(struct {
		FormatVersion string `json:"format_version"`
		Type          string `json:"type"`
		Edit          Edit   `json:"edit"`
	}{planner.FormatVersion, "edit", e.listed()})
}

// listed has no null for an empty list.
func (e Edit) listed() Edit {
	if e.Replicas == nil {
		e.Replicas = []edit.Change{}
	}
	if e.Lines == nil {
		e.Lines = []edit.Line{}
	}
	return e
}
