package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"quorate.dev/quorate/planner/rollout"
	"quorate.dev/quorate/regions"
)

// picture is the live display: where the run is, every replica of every cluster, what could
// fail safely now, and what is waited for. It has at most height lines.
func (r *runState) picture(s Style, now time.Time, height int) string {
	top := []string{"", s.headline(r, now)}
	bottom := r.footing(s, now)
	lines := append(top, r.replicaLines(s, max(1, height-len(top)-len(bottom)))...)
	lines = append(lines, bottom...)
	return strings.Join(lines[:min(len(lines), max(height, 1))], "\n")
}

// broken are the lines of a text that does not fit in one, at most some of them.
func (s Style) broken(line string, hang, most int) []string {
	var text strings.Builder
	s.text(&text, line, hang)
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most-1], lines[most-1]+s.sign("…", "..."))
	}
	return lines
}

func (s Style) headline(r *runState, now time.Time) string {
	return fmt.Sprintf("%s  %s  %s", s.paint(bold, r.deployment), steps(r), s.paint(faint, strings.TrimSpace(clock(r.elapsed(now)))))
}

func steps(r *runState) string { return fmt.Sprintf("%d of %d steps done", r.ended, r.total) }

// footing is the exposure and the running steps.
func (r *runState) footing(s Style, now time.Time) []string {
	var lines []string
	if r.health != nil {
		lines = append(lines, "")
		lines = append(lines, s.broken("  "+r.exposure(s), 4, 2)...)
	}
	const most = 3
	for i, step := range r.running {
		if i == most {
			lines = append(lines, s.paint(faint, fmt.Sprintf("  and %d more steps", len(r.running)-most)))
			break
		}
		since := s.paint(faint, "("+brieflyFor(now.Sub(step.since))+")")
		lines = append(lines, s.broken(fmt.Sprintf("  %s %s %s", s.sign("▸", ">"), step.summary, since), 4, 2)...)
		if step.waits != "" {
			lines = append(lines, s.broken("    "+s.paint(faint, step.waits), 4, 3)...)
		}
	}
	return lines
}

// exposure says what could fail safely now, and whether that is less than promised.
func (r *runState) exposure(s Style) string {
	e := r.health.Exposure
	text := e.String()
	switch {
	case !e.Available():
		return "now: " + s.paint(red, text)
	case r.promise != "" && r.promise != regions.FailureNone && !e.Survives[r.promise]:
		return "now: " + s.paint(yellow, text)
	}
	return "now: " + text
}

func brieflyFor(d time.Duration) string { return max(0, d).Round(time.Second).String() }

// replicaLines are a line a cluster, and what the signs mean. Where there are more clusters than
// lines, those with every replica serving are told together.
func (r *runState) replicaLines(s Style, most int) []string {
	if r.health == nil {
		return []string{"", "  looking at the clusters"}
	}
	rows := clusterRows(r.health)
	out := append([]string{""}, s.clusterLines(rows)...)
	if len(out) <= most {
		return out
	}
	shown, told := apart(rows)
	out = append([]string{""}, s.clusterLines(shown)...)
	if len(out) >= most {
		out = append(out[:max(1, most-2)], "  and more, which do not fit here")
	}
	return append(out, told...)
}

// apart parts clusters with something to see from those of which every replica serves.
func apart(rows []clusterRow) (shown []clusterRow, told []string) {
	whole, replicas := 0, 0
	for _, row := range rows {
		if row.serving < len(row.replicas) {
			shown = append(shown, row)
			continue
		}
		whole, replicas = whole+1, replicas+len(row.replicas)
	}
	if whole > 0 {
		told = []string{fmt.Sprintf("  %s: all %d replicas serve", count(whole, "more cluster", "more clusters"), replicas)}
	}
	return shown, told
}

// clusterLines are the clusters in columns; replicas that do not fit go on below.
func (s Style) clusterLines(rows []clusterRow) []string {
	var names [][]string
	for _, row := range rows {
		names = append(names, []string{"  " + row.region, row.cluster, ""})
	}
	var out []string
	for i, name := range aligned(names) {
		hang := ansi.StringWidth(name)
		for j, part := range s.folded(rows[i].signs(s), hang) {
			if j > 0 {
				name = strings.Repeat(" ", hang)
			}
			out = append(out, name+part)
		}
	}
	return out
}

// folded joins parts into lines that fit behind some columns.
func (s Style) folded(parts []string, hang int) []string {
	lines := []string{""}
	for _, part := range parts {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = part
		case s.Width > 0 && hang+ansi.StringWidth(*last+columnGap+part) > s.Width:
			lines = append(lines, part)
		default:
			*last += columnGap + part
		}
	}
	return lines
}

// clusterRow is one cluster's replicas.
type clusterRow struct {
	region, cluster string
	replicas        []rollout.ReplicaHealth
	serving         int
}

func clusterRows(h *rollout.Health) []clusterRow {
	var rows []clusterRow
	for _, replica := range h.Replicas {
		if len(rows) == 0 || rows[len(rows)-1].cluster != replica.ID.Cluster {
			rows = append(rows, clusterRow{region: replica.Region, cluster: replica.ID.Cluster})
		}
		row := &rows[len(rows)-1]
		row.replicas = append(row.replicas, replica)
		if replica.State == rollout.ReplicaServing {
			row.serving++
		}
	}
	return rows
}

// signs are a sign and a name a replica, with a word where it does not serve.
func (row clusterRow) signs(s Style) []string {
	var parts []string
	for _, replica := range row.replicas {
		parts = append(parts, s.replica(replica))
	}
	return parts
}

func (s Style) replica(r rollout.ReplicaHealth) string {
	switch r.State {
	case rollout.ReplicaServing:
		if r.Updated {
			return s.paint(green, s.sign("●", "+")) + " " + r.ID.Pod()
		}
		return s.sign("○", "o") + " " + r.ID.Pod() + " " + s.paint(faint, "old")
	case rollout.ReplicaStarting, rollout.ReplicaStopping:
		return s.paint(yellow, s.sign("◌", "~")+" "+r.ID.Pod()+" "+string(r.State))
	case rollout.ReplicaFailing, rollout.ReplicaAbsent, rollout.ReplicaUnseen:
	}
	return s.paint(red, s.sign("✗", "x")+" "+r.ID.Pod()+" "+string(r.State))
}

// aligned joins cells into lines with columns.
func aligned(rows [][]string) []string {
	widths := columnWidths(rows)
	var out []string
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			if i < len(row)-1 {
				line.WriteString(strings.Repeat(" ", widths[i]-ansi.StringWidth(cell)) + columnGap)
			}
		}
		out = append(out, line.String())
	}
	return out
}
