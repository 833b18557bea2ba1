package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"

	"quorate.dev/quorate/planner/preflight"
)

// preflightDocument is the JSON of a preflight.
type preflightDocument struct {
	FormatVersion string              `json:"format_version"`
	Deployment    string              `json:"deployment"`
	Outcome       preflight.Level     `json:"outcome"` // the worst level
	Findings      []preflight.Finding `json:"findings"`
	// Paths are the ways between clusters, where the network was looked at.
	Paths []preflight.Path `json:"paths,omitempty"`
}

// PreflightJSON prints the findings as one document.
func PreflightJSON(w io.Writer, deployment string, found []preflight.Finding, paths []preflight.Path) error {
	if found == nil {
		found = []preflight.Finding{}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(preflightDocument{FormatVersion: "1.0", Deployment: deployment, Outcome: preflight.Worst(found), Findings: found, Paths: paths})
}

// Preflight prints the findings as a table, and below it what to do about those that are not ok.
func Preflight(w io.Writer, style Style, found []preflight.Finding) {
	colours := map[preflight.Level]string{preflight.OK: green, preflight.Warning: yellow, preflight.Failed: red}
	counts := map[preflight.Level]int{}
	rows := [][]string{{"CLUSTER", "CHECK", "RESULT", ""}}
	for _, f := range found {
		counts[f.Level]++
		rows = append(rows, []string{cmp.Or(f.Cluster, "all"), f.Check, style.paint(colours[f.Level], fmt.Sprintf("%-7s", f.Level)), f.Message})
	}
	rows[0][2] = style.paint("39", "RESULT ") // as wide, escapes included, as what stands below
	style.writeTable(w, "", rows)
	if counts[preflight.Warning]+counts[preflight.Failed] > 0 {
		style.heading(w, "What to do")
		for _, f := range found {
			if f.Level != preflight.OK && f.Hint != "" {
				style.text(w, fmt.Sprintf("  %s, %s: %s", cmp.Or(f.Cluster, "all"), f.Check, f.Hint), 4)
			}
		}
	}
	fmt.Fprintf(w, "\n%d ok, %s, %d failed\n", counts[preflight.OK], count(counts[preflight.Warning], "warning", "warnings"), counts[preflight.Failed])
}
