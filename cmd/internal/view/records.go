package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
)

// Records prints record sets in the form of a zone file (RFC 1035 §5), a line a record. Names are absolute, or, where those do
// not fit the terminal, relative to the zone, which $ORIGIN then names.
func Records(w io.Writer, s Style, zone string, records []dns.RecordSet) {
	rows := recordRows(records, func(name string) string { return name })
	if len(rows) == 0 {
		fmt.Fprintln(w, "; no replica has an address yet")
		return
	}
	if s.Width > 0 && lineWidth(rows) > s.Width {
		zone = dns.Canonical(zone)
		fmt.Fprintf(w, "$ORIGIN %s\n", zone)
		rows = recordRows(records, func(name string) string { return relative(name, zone) })
	}
	plainTable(w, rows)
}

func recordRows(records []dns.RecordSet, name func(string) string) [][]string {
	var rows [][]string
	for _, r := range records {
		for _, value := range r.Values {
			if r.Type == dns.TypeSRV {
				i := strings.LastIndexByte(value, ' ') + 1
				value = value[:i] + name(value[i:])
			}
			rows = append(rows, []string{name(r.Name), strconv.Itoa(r.TTL), "IN", string(r.Type), value})
		}
	}
	return rows
}

// relative is a name as it is written below $ORIGIN (RFC 1035 §5.1); one outside of it stays absolute.
func relative(name, origin string) string {
	if name == origin {
		return "@"
	}
	return strings.TrimSuffix(name, "."+origin)
}

// lineWidth is how many columns the rows of a table take.
func lineWidth(rows [][]string) int {
	widths := columnWidths(rows)
	total := len(columnGap) * (len(widths) - 1)
	for _, width := range widths {
		total += width
	}
	return total
}

// RenderedJSON prints where each cluster's overlay was written, as one document.
func RenderedJSON(w io.Writer, directories map[string]string) error {
	doc := struct {
		FormatVersion string            `json:"format_version"`
		Overlays      map[string]string `json:"overlays"`
	}{planner.FormatVersion, directories}
	return document(w, doc)
}

// RecordsJSON prints record sets as one document, with the clusters that do not answer, whose records are missing, and why.
func RecordsJSON(w io.Writer, zone string, records []dns.RecordSet, unread map[string]string) error {
	if records == nil {
		records = []dns.RecordSet{}
	}
	doc := struct {
		FormatVersion string            `json:"format_version"`
		Zone          string            `json:"zone"`
		Records       []dns.RecordSet   `json:"records"`
		Unread        map[string]string `json:"unread,omitempty"`
	}{planner.FormatVersion, zone, records, unread}
	return document(w, doc)
}
