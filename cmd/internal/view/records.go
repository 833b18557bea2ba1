package view

import (
	"fmt"
	"io"
	"strconv"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/planner"
)

// Records prints record sets in the form of a zone file (RFC 1035 §5), a line a record.
func Records(w io.Writer, records []dns.RecordSet) {
	var rows [][]string
	for _, r := range records {
		for _, value := range r.Values {
			rows = append(rows, []string{r.Name, strconv.Itoa(r.TTL), "IN", string(r.Type), value})
		}
	}
	if len(rows) == 0 {
		fmt.Fprintln(w, "; no replica has an address yet")
		return
	}
	plainTable(w, rows)
}

// RenderedJSON prints where each cluster's overlay was written, as one document.
func RenderedJSON(w io.Writer, directories map[string]string) error {
	doc := struct {
		FormatVersion string            `json:"format_version"`
		Overlays      map[string]string `json:"overlays"`
	}{planner.FormatVersion, directories}
	return document(w, doc)
}

// RecordsJSON prints record sets as one document.
func RecordsJSON(w io.Writer, zone string, records []dns.RecordSet) error {
	if records == nil {
		records = []dns.RecordSet{}
	}
	doc := struct {
		FormatVersion string          `json:"format_version"`
		Zone          string          `json:"zone"`
		Records       []dns.RecordSet `json:"records"`
	}{planner.FormatVersion, zone, records}
	return document(w, doc)
}
