package view

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
)

// ZoneChanges are what is to be changed in one zone of a name server.
type ZoneChanges struct {
	Server    string         `json:"server"`
	Zone      string         `json:"zone"`
	Serial    uint32         `json:"serial"`
	Blind     string         `json:"blind,omitempty"` // what could not be seen of it; empty: it was read whole
	Changes   []dns.Change   `json:"changes"`
	Ownership int            `json:"ownership_changes"` // names of which the ownership record alone changes
	Obstacles []dns.Obstacle `json:"obstacles,omitempty"`
	Edited    []dns.Edit     `json:"edited,omitempty"`
	Kept      []string       `json:"kept,omitempty"`
	Error     string         `json:"error,omitempty"` // why nothing is known, or nothing may be changed
}

// ZonesDocument are the zones of all servers.
type ZonesDocument struct {
	Deployment string            `json:"deployment"`
	Zones      []ZoneChanges     `json:"zones"`
	Unread     map[string]string `json:"unread,omitempty"` // clusters that do not answer, and why
}

// zonesSummary counts record sets.
type zonesSummary struct {
	Create int `json:"create"`
	Update int `json:"update"`
	Delete int `json:"delete"`
}

func (d ZonesDocument) summary() zonesSummary {
	var out zonesSummary
	for _, z := range d.Zones {
		for _, c := range z.Changes {
			switch c.Action {
			case dns.Create:
				out.Create++
			case dns.Delete:
				out.Delete++
			default:
				out.Update++
			}
		}
	}
	return out
}

func (d ZonesDocument) encoded(kind string) any {
	for i, z := range d.Zones {
		if z.Changes == nil {
			d.Zones[i].Changes = []dns.Change{}
		}
	}
	return struct {
		FormatVersion string `json:"format_version"`
		Type          string `json:"type,omitempty"`
		ZonesDocument
		Summary zonesSummary `json:"summary"`
	}{planner.FormatVersion, kind, d, d.summary()}
}

// ZonesJSON prints the zones as one document.
func ZonesJSON(w io.Writer, d ZonesDocument) error { return document(w, d.encoded("")) }

// ZonesLine prints the zones as one line of JSON, the first of an apply's.
func ZonesLine(w io.Writer, d ZonesDocument) error {
	return json.NewEncoder(w).Encode(d.encoded("dns-plan"))
}

// Zones prints the zones for people: what would change, what stands in the way, and what cannot be seen.
func Zones(w io.Writer, s Style, d ZonesDocument) {
	fmt.Fprintf(w, "%s\n", s.paint(bold, "Names of "+d.Deployment))
	for _, z := range d.Zones {
		zone(w, s, z)
	}
	for _, cluster := range slices.Sorted(maps.Keys(d.Unread)) {
		fmt.Fprintln(w)
		s.text(w, fmt.Sprintf("%s %s does not answer; its records stay as they are: %s", s.paint(yellow, "note:"), cluster, d.Unread[cluster]), len("note: "))
	}
	fmt.Fprintln(w)
	s.text(w, d.lastLine(), 0)
}

// lastLine sums up: what would change, and what would not be right afterwards either.
func (d ZonesDocument) lastLine() string {
	total, ownership, blocked := d.summary(), 0, 0
	for _, z := range d.Zones {
		ownership += z.Ownership
		blocked += len(z.Obstacles)
	}
	names := count(blocked, "name", "names") + " cannot be published"
	switch {
	case slices.ContainsFunc(d.Zones, func(z ZoneChanges) bool { return z.Error != "" }):
		return fmt.Sprintf("Not all zones may be changed. In the others: %s.", total)
	case total != (zonesSummary{}) && blocked > 0:
		return fmt.Sprintf("Record sets: %s. %s.", total, names)
	case total != (zonesSummary{}):
		return fmt.Sprintf("Record sets: %s.", total)
	case ownership > 0:
		return fmt.Sprintf("Record sets: none; ownership records: %d to write.", ownership)
	case blocked == 1:
		return "Nothing can be changed: " + names + ", see above what stands in its way."
	case blocked > 1:
		return "Nothing can be changed: " + names + ", see above what stands in their way."
	}
	if len(d.Unread) > 0 {
		return "Nothing to do: the zones hold what the clusters that answer call for."
	}
	return "Nothing to do: the zones hold what the clusters call for."
}

// String says how many record sets change.
func (s zonesSummary) String() string {
	return fmt.Sprintf("%d to create, %d to update, %d to delete", s.Create, s.Update, s.Delete)
}

func zone(w io.Writer, s Style, z ZoneChanges) {
	s.heading(w, fmt.Sprintf("Zone %s at %s", strings.TrimSuffix(z.Zone, "."), z.Server))
	if z.Error != "" {
		s.text(w, "  "+s.paint(red, strings.ReplaceAll(z.Error, "\n", " ")), 4)
		return
	}
	var rows [][]string
	for _, c := range z.Changes {
		rows = append(rows, []string{mark(s, string(c.Action)), strings.TrimSuffix(c.Name, "."), string(c.Type), becomes(s, c)})
	}
	s.table(w, rows)
	for _, o := range z.Obstacles {
		s.text(w, fmt.Sprintf("  %s %s cannot be published: %s", s.paint(red, "!"), strings.TrimSuffix(o.Name, "."), o.Why), 6)
	}
	for _, e := range z.Edited {
		holds := "it held "
		if e.Stays {
			holds = "it stays as it is, since its cluster was not read, and holds "
		}
		s.text(w, fmt.Sprintf("  %s %s was changed by another hand since it was written; %s%s", s.paint(yellow, "!"), strings.TrimSuffix(e.Name, "."), holds, found(e.Found)), 6)
	}
	if n := len(z.Kept); n > 0 {
		s.text(w, "  "+s.paint(faint, fmt.Sprintf("kept as they are, with nothing known behind them now: %s", some(z.Kept))), 4)
	}
	if z.Ownership > 0 {
		s.text(w, "  "+s.paint(faint, "ownership alone is written anew of "+count(z.Ownership, "name", "names")), 4)
	}
	if z.Blind != "" {
		s.text(w, "  "+s.paint(yellow, "note:")+" "+z.Blind, 8)
	}
	if len(rows)+len(z.Obstacles)+len(z.Edited)+z.Ownership == 0 {
		fmt.Fprintln(w, "  "+s.paint(faint, "nothing to do"))
	}
}

// becomes shows a set before and after.
func becomes(s Style, c dns.Change) string {
	before, after := strings.Join(c.Before, " "), strings.Join(c.After, " ")
	switch {
	case before == "":
		return after
	case after == "":
		return s.paint(faint, before)
	case before == after:
		return fmt.Sprintf("%s %s", after, s.paint(faint, fmt.Sprintf("(lifetime %d s)", c.TTL)))
	}
	return s.paint(faint, before) + s.sign(" → ", " -> ") + after
}

func found(sets []dns.RecordSet) string {
	var out []string
	for _, set := range sets {
		out = append(out, string(set.Type)+" "+strings.Join(set.Values, " "))
	}
	if len(out) == 0 {
		return "nothing"
	}
	return strings.Join(out, ", ")
}

// some are the first few names, and how many more there are.
func some(names []string) string {
	const shown = 5
	out := make([]string, 0, shown)
	for _, name := range names[:min(shown, len(names))] {
		out = append(out, strings.TrimSuffix(name, "."))
	}
	text := strings.Join(out, ", ")
	if more := len(names) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// NameResult is what became of one name's changes; Error is empty where they were made.
type NameResult struct {
	Server string `json:"server"`
	Zone   string `json:"zone"`
	Name   string `json:"name"`
	Error  string `json:"error,omitempty"`
}

// NameResultsLines prints a line of JSON for every name, and one with their numbers.
func NameResultsLines(w io.Writer, results []NameResult) error {
	encoder := json.NewEncoder(w)
	changed := 0
	for _, r := range results {
		line := struct {
			FormatVersion string `json:"format_version"`
			Type          string `json:"type"`
			NameResult
			Changed bool `json:"changed"`
		}{planner.FormatVersion, "dns-name", r, r.Error == ""}
		if r.Error == "" {
			changed++
		}
		if err := encoder.Encode(line); err != nil {
			return err
		}
	}
	return encoder.Encode(struct {
		FormatVersion string `json:"format_version"`
		Type          string `json:"type"`
		Changed       int    `json:"changed"`
		Failed        int    `json:"failed"`
	}{planner.FormatVersion, "dns-end", changed, len(results) - changed})
}

// NameResults prints what became of every name.
func NameResults(w io.Writer, s Style, results []NameResult) {
	fmt.Fprintln(w)
	changed := 0
	for _, r := range results {
		name := strings.TrimSuffix(r.Name, ".")
		if r.Error == "" {
			changed++
			fmt.Fprintf(w, "  %s %s\n", s.paint(green, s.sign("✓", "ok")), name)
			continue
		}
		s.text(w, fmt.Sprintf("  %s %s: %s", s.paint(red, "!"), name, r.Error), 6)
	}
	fmt.Fprintln(w)
	s.text(w, fmt.Sprintf("Names: %d changed, %d not.", changed, len(results)-changed), 0)
}
