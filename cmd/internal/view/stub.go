package view

import (
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/planner"
)

// Stub is what a deployment's entry in the DNS of each cluster is, and would become.
type Stub struct {
	FormatVersion string        `json:"format_version"`
	Deployment    string        `json:"deployment"`
	Zone          string        `json:"zone"`
	Clusters      []StubCluster `json:"clusters"`
}

// StubCluster is one cluster's part.
type StubCluster struct {
	Cluster string `json:"cluster"`
	Flavour string `json:"flavour,omitempty"`
	Object  string `json:"object,omitempty"`
	Key     string `json:"key,omitempty"`
	// State is present, absent, outdated, edited, foreign, unreadable or unreachable.
	State   string   `json:"state"`
	Why     string   `json:"why,omitempty"`
	Changes bool     `json:"changes"` // something would be written
	Notes   []string `json:"notes"`
	Before  string   `json:"before,omitempty"`
	After   string   `json:"after,omitempty"` // the whole text; empty: as before, or taken out
	// Whole: people see the text rather than what differs, since they have to carry it elsewhere.
	Whole bool `json:"-"`
}

// NewStub begins an account.
func NewStub(deployment, zone string) Stub {
	return Stub{FormatVersion: planner.FormatVersion, Deployment: deployment, Zone: zone, Clusters: []StubCluster{}}
}

// JSON prints one document.
func (s Stub) JSON(w io.Writer) error {
	for i := range s.Clusters {
		if s.Clusters[i].Notes == nil {
			s.Clusters[i].Notes = []string{}
		}
	}
	return document(w, s)
}

// Text prints a line a cluster, and below it the lines that would change.
func (s Stub) Text(w io.Writer, style Style) {
	for i, c := range s.Clusters {
		if i > 0 {
			fmt.Fprintln(w)
		}
		c.text(w, style)
	}
}

func (c StubCluster) text(w io.Writer, s Style) {
	colour := map[string]string{"present": green, "absent": yellow, "outdated": yellow}
	code, calm := colour[c.State]
	if !calm {
		code = red
	}
	where := ""
	if c.Object != "" {
		where = fmt.Sprintf("  %s, %s", c.Object, c.Key)
	}
	fmt.Fprintf(w, "%s  %s%s\n", s.paint(bold, c.Cluster), s.paint(code, c.State), where)
	if c.Why != "" {
		s.text(w, "  "+strings.ReplaceAll(c.Why, "\n", "\n  "), 2)
	}
	for _, note := range c.Notes {
		s.text(w, "  "+s.paint(faint, "note: "+note), 8)
	}
	switch {
	case !c.Changes:
	case c.Whole:
		fmt.Fprint(w, c.After)
	default:
		s.lines(w, c.Before, c.After)
	}
}

// shownAround is how many unchanged lines stand around those that change.
const shownAround = 2

// lines prints the lines in which a text changes in one place.
func (s Style) lines(w io.Writer, before, after string) {
	old, edited := textLines(before), textLines(after)
	head := 0
	for head < min(len(old), len(edited)) && old[head] == edited[head] {
		head++
	}
	tail := 0
	for tail < min(len(old), len(edited))-head && old[len(old)-1-tail] == edited[len(edited)-1-tail] {
		tail++
	}
	show := func(number int, code, sign, line string) {
		fmt.Fprintf(w, "  %s %s\n", s.paint(faint, fmt.Sprintf("%5d", number)), s.paint(code, strings.TrimRight(sign+" "+line, " ")))
	}
	for i := max(0, head-shownAround); i < head; i++ {
		show(i+1, faint, " ", old[i])
	}
	for i := head; i < len(old)-tail; i++ {
		show(i+1, red, "-", old[i])
	}
	for i := head; i < len(edited)-tail; i++ {
		show(i+1, green, "+", edited[i])
	}
	for i := len(edited) - tail; i < min(len(edited), len(edited)-tail+shownAround); i++ {
		show(i+1, faint, " ", edited[i])
	}
}

func textLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\n")
}
