package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

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
	cluster, check := len("CLUSTER"), len("CHECK")
	for _, f := range found {
		counts[f.Level]++
		cluster, check = max(cluster, len(f.Cluster)), max(check, len(f.Check))
	}
	lead := cluster + check + len("warning") + 3*len(columnGap)
	row := func(name, about, level, text string) {
		style.text(w, strings.TrimRight(fmt.Sprintf("%-*s  %-*s  %s  %s", cluster, name, check, about, level, text), " "), lead)
	}
	row("CLUSTER", "CHECK", "RESULT", "")
	for _, f := range found {
		row(cmp.Or(f.Cluster, "all"), f.Check, style.paint(colours[f.Level], fmt.Sprintf("%-7s", f.Level)), f.Message)
	}
	if counts[preflight.Warning]+counts[preflight.Failed] > 0 {
		style.heading(w, "What to do")
		for _, line := range hints(found) {
			style.text(w, "  "+line, 4)
		}
	}
	fmt.Fprintf(w, "\n%d ok, %s, %d failed\n", counts[preflight.OK], count(counts[preflight.Warning], "warning", "warnings"), counts[preflight.Failed])
}

// hints say what to do, each once for all clusters that it is about, in the order of the findings.
func hints(found []preflight.Finding) []string {
	type hint struct{ check, text string }
	var order []hint
	about := map[hint][]string{}
	for _, f := range found {
		if h := (hint{f.Check, f.Hint}); f.Level != preflight.OK && f.Hint != "" {
			if about[h] == nil {
				order = append(order, h)
			}
			about[h] = append(about[h], cmp.Or(f.Cluster, "all"))
		}
	}
	var out []string
	for _, h := range order {
		out = append(out, fmt.Sprintf("%s (%s): %s", h.check, strings.Join(slices.Compact(about[h]), ", "), h.text))
	}
	return out
}
