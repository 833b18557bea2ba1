package view

import (
	"encoding/json"
	"fmt"
	"io"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// Validation prints the problems of a topology for people, each as
// file:line: severity, and a last line with the verdict.
func Validation(w io.Writer, s Style, file string, t *regions.Topology, problems regions.Problems) {
	for _, p := range problems {
		place := file
		if p.Line > 0 {
			place = fmt.Sprintf("%s:%d", file, p.Line)
		}
		fmt.Fprintf(w, "%s: %s: %s", place, severity(s, p.Severity), p.Message)
		if p.Path != "" {
			fmt.Fprintf(w, " %s", s.paint(faint, "("+p.Path+")"))
		}
		fmt.Fprintf(w, " %s\n", s.paint(faint, "["+p.Code+"]"))
		if p.Hint != "" {
			fmt.Fprintf(w, "    %s\n", p.Hint)
		}
	}
	if n := len(problems.Errors()); n > 0 {
		fmt.Fprintf(w, "%s: invalid, %s\n", file, count(n, "error", "errors"))
		return
	}
	fmt.Fprintf(w, "%s: valid; %s\n", file, promiseLine(t))
}

func severity(s Style, severity regions.Severity) string {
	switch severity {
	case regions.SeverityError:
		return s.paint(red, string(severity))
	case regions.SeverityWarning:
		return s.paint(yellow, string(severity))
	case regions.SeverityNote:
		return s.paint(faint, string(severity))
	}
	return string(severity)
}

// promiseLine states both promises, the computed ones included.
func promiseLine(t *regions.Topology) string {
	replicas, clusters := len(t.Replicas()), len(t.OrderedClusters())
	return fmt.Sprintf("%s in %s; at rest %s %s; during each step of a run %s %s",
		count(replicas, "replica", "replicas"), count(clusters, "cluster", "clusters"),
		t.Metadata.Name, survive(t.Spec.Survive.Failure), t.Metadata.Name, survive(t.Spec.Survive.WhileUpdating))
}

// ValidationJSON prints the problems as one document.
func ValidationJSON(w io.Writer, problems regions.Problems) error {
	if problems == nil {
		problems = regions.Problems{}
	}
	doc := struct {
		FormatVersion string           `json:"format_version"`
		Valid         bool             `json:"valid"`
		Problems      regions.Problems `json:"problems"`
	}{planner.FormatVersion, len(problems.Errors()) == 0, problems}
	return document(w, doc)
}

// document prints one indented JSON document.
func document(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
