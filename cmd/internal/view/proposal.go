package view

import (
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/discover"
)

// ProposalText says what a first topology was made of, what is missing, and what comes next.
func ProposalText(w io.Writer, s Style, file string, p discover.Proposal) {
	fmt.Fprintln(w, s.paint(bold, "Clusters"))
	var rows [][]string
	for _, c := range p.Clusters {
		zones := strings.Join(c.Zones, ", ")
		if zones == "" {
			zones = s.paint(yellow, "no zones")
		}
		rows = append(rows, []string{c.Cluster, c.Region, zones, c.Version, count(c.Nodes, "node", "nodes"), count(c.Replicas, "replica", "replicas")})
	}
	Style{}.table(w, rows)
	if len(p.LeftOut) > 0 {
		fmt.Fprintf(w, "\n%s\n%s", s.paint(bold, "Left out"), LeftOutText(p.LeftOut))
	}
	for _, problem := range p.Problems {
		if problem.Severity != regions.SeverityNote {
			fmt.Fprintf(w, "\n%s: %s (line %d)\n    %s\n", severity(s, problem.Severity), problem.Message, problem.Line, problem.Hint)
		}
	}
	for _, text := range p.Ahead {
		fmt.Fprintf(w, "\n%s %s\n", s.paint(yellow, "before the first apply:"), text)
	}
	if len(p.Problems.Errors()) == 0 {
		fmt.Fprintf(w, "\n%s is written and valid. Read its comments, then: quorate plan\n", file)
	}
}

// LeftOutText lists contexts that are no part of a first topology.
func LeftOutText(left []discover.LeftOut) string {
	var text strings.Builder
	var rows [][]string
	for _, l := range left {
		rows = append(rows, []string{l.Context, l.Reason})
	}
	Style{}.table(&text, rows)
	return text.String()
}

// ProposalJSON prints what a first topology was made of as one document.
func ProposalJSON(w io.Writer, file string, p discover.Proposal) error {
	doc := struct {
		FormatVersion string             `json:"format_version"`
		File          string             `json:"file"`
		Valid         bool               `json:"valid"`
		Clusters      []discover.Found   `json:"clusters"`
		LeftOut       []discover.LeftOut `json:"left_out"`
		Problems      regions.Problems   `json:"problems"`
		Ahead         []string           `json:"ahead"`
	}{planner.FormatVersion, file, len(p.Problems.Errors()) == 0, p.Clusters, p.LeftOut, p.Problems, p.Ahead}
	if doc.LeftOut == nil {
		doc.LeftOut = []discover.LeftOut{}
	}
	if doc.Problems == nil {
		doc.Problems = regions.Problems{}
	}
	if doc.Ahead == nil {
		doc.Ahead = []string{}
	}
	return document(w, doc)
}
