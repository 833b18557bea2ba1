package planner

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"quorate.dev/quorate/kustomize"
)

// Judge reads what a database's health command printed and says what is still
// wrong with it, in words for people; empty means the gate is open. Every key of
// expected must have a row in which the gate's True columns are true, and its
// Zero columns must sum to zero over all rows.
//
// An answer that cannot be read keeps the gate shut: a missing column is no health.
func Judge(gate kustomize.Gate, stdout string, expected []string) []string {
	table, err := readTable(stdout)
	if err != nil {
		return []string{err.Error()}
	}
	if missing := table.missing(gate); len(missing) > 0 {
		return []string{fmt.Sprintf("the health command prints no column %s", strings.Join(missing, ", "))}
	}
	problems := judgeMembers(gate, table, expected)
	for _, column := range gate.Zero {
		if problem := table.nonZero(column); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

func judgeMembers(gate kustomize.Gate, table csvTable, expected []string) []string {
	var problems []string
	for _, key := range expected {
		row := table.row(gate.Key, key)
		if row == nil {
			problems = append(problems, key+" is no member yet")
			continue
		}
		for _, column := range gate.True {
			if table.cell(row, column) != "true" {
				problems = append(problems, fmt.Sprintf("%s: %s is %q", key, column, table.cell(row, column)))
			}
		}
	}
	return problems
}

// csvTable is a header and rows (RFC 4180).
type csvTable struct {
	header []string
	rows   [][]string
}

func readTable(text string) (csvTable, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return csvTable{}, fmt.Errorf("the health command's answer is no CSV: %w", err)
	}
	if len(records) == 0 {
		return csvTable{}, fmt.Errorf("the health command printed nothing")
	}
	return csvTable{header: records[0], rows: records[1:]}, nil
}

func (t csvTable) missing(gate kustomize.Gate) []string {
	var out []string
	for _, column := range slices.Concat([]string{gate.Key}, gate.True, gate.Zero) {
		if !slices.Contains(t.header, column) {
			out = append(out, column)
		}
	}
	return out
}

// cell needs a known column; missing() was asked before.
func (t csvTable) cell(row []string, column string) string {
	return row[slices.Index(t.header, column)]
}

// row finds the newest member with the key: rows come by ascending member number,
// and a replica that lost its disk leaves an older row behind.
func (t csvTable) row(column, key string) []string {
	for _, row := range slices.Backward(t.rows) {
		if t.cell(row, column) == key {
			return row
		}
	}
	return nil
}

func (t csvTable) nonZero(column string) string {
	sum := 0
	for _, row := range t.rows {
		cell := t.cell(row, column)
		n, err := strconv.Atoi(cell)
		if err != nil {
			return fmt.Sprintf("%s is %q, no number", column, cell)
		}
		sum += n
	}
	if sum != 0 {
		return fmt.Sprintf("%s is %d", column, sum)
	}
	return ""
}
