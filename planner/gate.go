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
// expected must have a row in which the gate's True columns are true, and the
// Zero columns must be zero in those rows and in every other row of a live member.
//
// Rows that are neither expected nor live are former members: their figures are
// those of the moment at which they died (crdb_internal.kv_store_status keeps them),
// and what is missing because of them shows in the figures of the living.
//
// An answer that cannot be read keeps the gate shut: a missing column is no
// health, and neither is a figure that is no number (NULL).
func Judge(gate kustomize.Gate, stdout string, expected []string) []string {
	table, err := readTable(stdout)
	if err != nil {
		return []string{err.Error()}
	}
	if missing := table.missing(gate); len(missing) > 0 {
		return []string{fmt.Sprintf("the health command prints no column %s", strings.Join(missing, ", "))}
	}
	problems, members := judgeMembers(gate, table, expected)
	for i, row := range table.rows {
		members[i] = members[i] || table.alive(gate, row)
	}
	for _, column := range gate.Zero {
		if problem := table.nonZero(column, members); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems
}

// judgeMembers also returns the rows of the expected members, by index.
func judgeMembers(gate kustomize.Gate, table csvTable, expected []string) (problems []string, members map[int]bool) {
	members = map[int]bool{}
	for _, key := range expected {
		i := table.find(gate.Key, key)
		if i < 0 {
			problems = append(problems, key+" is no member yet")
			continue
		}
		row := table.rows[i]
		members[i] = true
		for _, column := range gate.True {
			if !isTrue(table.cell(row, column)) {
				problems = append(problems, fmt.Sprintf("%s: %s is %q", key, column, table.cell(row, column)))
			}
		}
	}
	return problems, members
}

// isTrue knows both spellings of SQL clients.
func isTrue(cell string) bool { return cell == "true" || cell == "t" }

// alive tells whether a row's True columns are all true.
func (t csvTable) alive(gate kustomize.Gate, row []string) bool {
	return !slices.ContainsFunc(gate.True, func(column string) bool { return !isTrue(t.cell(row, column)) })
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

// find is the index of the newest member with the key, -1 where there is none:
// rows come by ascending member number, and a replica that lost its disk leaves
// an older row behind.
func (t csvTable) find(column, key string) int {
	for i, row := range slices.Backward(t.rows) {
		if t.cell(row, column) == key {
			return i
		}
	}
	return -1
}

// nonZero says that a column's figures over the members' rows are not all zero.
func (t csvTable) nonZero(column string, members map[int]bool) string {
	sum := 0
	for i, row := range t.rows {
		if !members[i] {
			continue
		}
		cell := t.cell(row, column)
		n, err := strconv.Atoi(cell)
		if err != nil || n < 0 {
			return fmt.Sprintf("%s is %q, no number", column, cell)
		}
		sum = max(sum, sum+n) // never wraps round to zero
	}
	if sum != 0 {
		return fmt.Sprintf("%s is %d", column, sum)
	}
	return ""
}
