package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/planner"
)

// Stale says in lines for people why a saved plan may not run, and what to do.
func Stale(file string, moved []planner.Moved) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s is stale, and nothing was changed; since it was saved this moved:\n", file)
	for _, m := range moved {
		fmt.Fprintf(&text, "  %s\n", m)
	}
	fmt.Fprintf(&text, "look at what is wanted now, and save a new plan: quorate plan -o %s", file)
	return text.String()
}

// StaleLine prints the same as one line of JSON.
func StaleLine(w io.Writer, file string, moved []planner.Moved) error {
	return json.NewEncoder(w).Encode(struct {
		FormatVersion string          `json:"format_version"`
		Type          string          `json:"type"`
		File          string          `json:"file"`
		Moved         []planner.Moved `json:"moved"`
	}{planner.FormatVersion, "stale", file, moved})
}
