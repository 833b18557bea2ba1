package planner

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"quorate.dev/quorate/kustomize"
)

// table is what a command printed, row by row.
type table struct{ rows []row }

// row is a CSV record by its header, or a JSON object. Values are strings, booleans,
// json.Number, nil, lists and objects.
type row map[string]any

// readTable reads an answer in the table's format. The error says what is wrong with it.
func readTable(t kustomize.Table, text string) (*table, error) {
	if strings.TrimSpace(text) == "" {
		return nil, fmt.Errorf("the command for its %s printed nothing", t.Name)
	}
	if t.Format == kustomize.FormatJSON {
		rows, err := readRows(t.Rows, text)
		if err != nil {
			return nil, fmt.Errorf("the answer about its %s %w", t.Name, err)
		}
		return &table{rows}, nil
	}
	return readCSV(t, text)
}

func readCSV(t kustomize.Table, text string) (*table, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("the answer about its %s is no CSV: %w", t.Name, err)
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("the command for its %s printed nothing", t.Name)
	}
	header := records[0]
	var missing []string
	for _, column := range t.Columns() {
		if !slices.Contains(header, column) {
			missing = append(missing, column)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("the answer about its %s has no column %s", t.Name, strings.Join(missing, ", "))
	}
	out := &table{}
	for _, record := range records[1:] {
		r := row{}
		for i, column := range slices.Backward(header) { // the first of two equal columns counts
			r[column] = record[i]
		}
		out.rows = append(out.rows, r)
	}
	return out, nil
}

// readRows reads the list of objects at a path of a JSON document.
func readRows(path, text string) ([]row, error) {
	dec := json.NewDecoder(bytes.NewReader([]byte(text)))
	dec.UseNumber() // IDs have 64 bits, of which a float keeps 53
	var document any
	if err := dec.Decode(&document); err != nil {
		return nil, fmt.Errorf("is no JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("goes on after its JSON document")
	}
	list := document
	if path != "" {
		object, _ := document.(map[string]any)
		list = row(object).value(path)
	}
	items, ok := list.([]any)
	if !ok {
		return nil, fmt.Errorf("holds no list of rows%s", at(path))
	}
	rows := make([]row, len(items))
	for i, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("holds something other than objects%s", at(path))
		}
		rows[i] = object
	}
	return rows, nil
}

func at(path string) string {
	if path == "" {
		return ""
	}
	return " at " + path
}

// value is a column's: of that name, or else nested by dots; nil where it is left out.
func (r row) value(column string) any {
	if v, ok := r[column]; ok {
		return v
	}
	first, rest, nested := strings.Cut(column, ".")
	if !nested {
		return nil
	}
	inner, _ := r[first].(map[string]any)
	return row(inner).value(rest)
}

// text is a column's value as one line; empty where it is left out or null.
func (r row) text(column string) string {
	switch v := r.value(column).(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	default:
		return compactJSON(v)
	}
}

// quoted is a column's value for a message.
func (r row) quoted(column string) string {
	switch v := r.value(column).(type) {
	case nil:
		return "left out"
	case string:
		return strconv.Quote(shorten(v))
	default:
		return shorten(r.text(column))
	}
}

// isTrue knows both spellings of SQL clients beside JSON's.
func (r row) isTrue(column string) bool {
	v := r.value(column)
	return v == true || v == "true" || v == "t"
}

// isEmpty: left out, null, false, or without content. What writes JSON often leaves
// out zero values (proto3 JSON mapping; Go's omitempty).
func (r row) isEmpty(column string) bool {
	switch v := r.value(column).(type) {
	case nil:
		return true
	case bool:
		return !v
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	default:
		return false
	}
}

// figure is a count; false where the column holds no number from zero on. A JSON field
// that is left out is zero.
func (r row) figure(column string) (int, bool) {
	v := r.value(column)
	if v == nil {
		return 0, true
	}
	if _, ok := v.(bool); ok {
		return 0, false
	}
	n, err := strconv.Atoi(r.text(column))
	return n, err == nil && n >= 0
}

// find are the indexes of the rows that hold a value in a column.
func (t table) find(column, value string) []int {
	var out []int
	for i, r := range t.rows {
		if r.text(column) == value {
			out = append(out, i)
		}
	}
	return out
}

// everywhere are the columns that must be the same everywhere, by row.
func (t table) everywhere(want kustomize.Table) map[string]string {
	out := map[string]string{}
	for _, r := range t.rows {
		var columns []string
		for _, column := range want.Same {
			columns = append(columns, column+" "+shorten(r.text(column)))
		}
		out[r.text(want.Key)] = strings.Join(columns, ", ")
	}
	return out
}

// shorten keeps a value of a foreign program from filling the screen.
func shorten(s string) string {
	const shown = 160
	if len(s) <= shown {
		return s
	}
	return strings.ToValidUTF8(s[:shown], "") + "…"
}

// ReadLeader reads what a replica said of itself: which member it is, and which one it
// follows, itself where it leads. self is never empty beside a nil error; leader is
// where it knows of none.
func ReadLeader(ask kustomize.Ask, stdout string) (self string, leader string, err error) {
	rows, err := readRows(ask.Rows, stdout)
	if err != nil {
		return "", "", fmt.Errorf("the answer about who leads %w", err)
	}
	if len(rows) != 1 {
		return "", "", fmt.Errorf("the answer about who leads has %d rows, not one", len(rows))
	}
	self, leader = rows[0].text(ask.Member), rows[0].text(ask.Leader)
	if self == "" || self == "0" {
		return "", "", fmt.Errorf("the answer about who leads has no %s", ask.Member)
	}
	if leader == "0" {
		leader = ""
	}
	return self, leader, nil
}
