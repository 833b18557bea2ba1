package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// The page's parts that a run writes are between these lines.
const (
	tableBegins   = "<!-- table: written by make bench RECORD=1 -->"
	tableEnds     = "<!-- end of table -->"
	historyBegins = "<!-- history: each run adds a line above the end -->"
	historyEnds   = "<!-- end of history -->"
)

// record puts the table into the page and adds the run to the history. A history line has, in the table's own
// order, what was measured; runs of a part alone are not recorded.
func record(file string, t table, version string, now time.Time) error {
	page, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := recorded(string(page), t, version, now)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return os.WriteFile(file, []byte(text), 0o644) //nolint:gosec // a page of the documentation
}

func recorded(page string, t table, version string, now time.Time) (string, error) {
	_, _, err := between(page, tableBegins, tableEnds)
	if err != nil {
		return "", err
	}
	before, rest, _ := strings.Cut(page, tableBegins+"\n")
	_, after, _ := strings.Cut(rest, tableEnds)
	page = before + tableBegins + "\n\n" + t.text() + "\n" + tableEnds + after
	begin, end, err := between(page, historyBegins, historyEnds)
	if err != nil {
		return "", err
	}
	line, err := historyLine(t, version, now)
	if err != nil {
		return "", err
	}
	return page[:begin] + strings.TrimRight(page[begin:end], "\n") + "\n" + line + "\n" + page[end:], nil
}

// between gives the places of what is between two lines.
func between(page, begins, ends string) (from, to int, err error) {
	from = strings.Index(page, begins+"\n")
	to = strings.Index(page, ends)
	if from < 0 || to < from {
		return 0, 0, fmt.Errorf("the lines %q and %q are not there, one after the other", begins, ends)
	}
	return from + len(begins) + 1, to, nil
}

// historyKeys are the columns of the history after date, version and machine.
func historyKeys() []string {
	return []string{
		"start-up", "build-3", "build-30", "build-300", "build-1000", "apply", "plan-3", "plan-30", "plan-100", "memory", "rollout",
		"queries", "update", "update-blind", "names",
	}
}

func historyLine(t table, version string, now time.Time) (string, error) {
	byKey := map[string]row{}
	for _, r := range t.rows {
		byKey[r.key] = r
	}
	cells := []string{now.UTC().Format(time.DateOnly), version, t.machine}
	for _, key := range historyKeys() {
		r, measured := byKey[key]
		if !measured {
			return "", fmt.Errorf("%s was not measured: only whole runs are recorded", key)
		}
		cell := r.ours
		if r.ratio != "" {
			cell += " (" + r.ratio + ")"
		}
		cells = append(cells, cell)
	}
	return "| " + strings.Join(cells, " | ") + " |", nil
}
