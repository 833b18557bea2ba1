package kustomize

import (
	"fmt"
	"slices"
	"time"
)

// The output formats of a table.
const (
	FormatCSV  = "csv"  // RFC 4180: a header line and one row a member
	FormatJSON = "json" // one JSON document that holds a list of objects (RFC 8259)
)

// Table is a command that prints what the database knows of its members, one row
// each, and the rules by which the rows are judged. Columns of JSON rows are fields,
// with dots between nested ones (Status.header.member_id); a number stays as it is
// written, so that no 64-bit ID loses digits.
type Table struct {
	// Name says what the rows are, in messages, such as members.
	Name    string   `yaml:"name"`
	Argv    []string `yaml:"argv"`    // as in Hook
	Timeout string   `yaml:"timeout"` // a Go duration, the deadline of one look
	Format  string   `yaml:"format"`  // FormatCSV or FormatJSON
	// Rows is the path of the list in a JSON document; empty: the document is the list.
	Rows string `yaml:"rows"`
	// Key is the column that identifies a member; KeyValue is its value for a
	// replica, with the placeholders of Hook. Every expected replica must have a row.
	Key      string `yaml:"key"`
	KeyValue string `yaml:"keyValue"`
	// Exact forbids rows beside those of the expected replicas, and two for one of
	// them. Without it, rows of strangers count as long as their True columns are
	// true; others are former members, and of two rows of a replica the last counts.
	Exact bool `yaml:"exact"`

	True  []string `yaml:"mustBeTrue"`
	Zero  []string `yaml:"mustBeZero"`  // a number, zero or left out, in every row that counts
	Empty []string `yaml:"mustBeEmpty"` // left out, null, false, or without content
	// Agree are columns that hold the same value in every row, which is neither
	// left out nor zero.
	Agree []string `yaml:"mustAgree"`
	// Same are columns whose values, row by row, are the same in every cluster's answer.
	Same []string `yaml:"sameEverywhere"`

	// Words are what messages say of a column: of one in True, Zero or Empty what is
	// true of the member when its rule is broken (is not healthy), of one in Agree
	// what it is (the leader).
	Words map[string]string `yaml:"words"`
	// Because is the column that says why a rule of the same row is broken, where it holds something.
	Because string `yaml:"because"`
}

// Command is the argument vector that asks one replica about all of them.
func (t Table) Command(host string, port int) []string { return expandAll(t.Argv, host, port) }

// Expected is the value of column Key for the replica of that stable name.
func (t Table) Expected(host string, port int) string { return expand(t.KeyValue, host, port) }

// TimeoutDuration is Timeout, valid in a profile from LoadProfile.
func (t Table) TimeoutDuration() time.Duration { return mustDuration(t.Timeout) }

// Columns are the columns that a CSV answer must have.
func (t Table) Columns() []string {
	columns := slices.Concat([]string{t.Key}, t.True, t.Zero, t.Empty, t.Agree, t.Same)
	if t.Because != "" {
		columns = append(columns, t.Because)
	}
	return columns
}

func (t Table) check(place string, port int) []error {
	errs := checkCommand(place, t.Argv, t.Timeout, port)
	errs = append(errs, checkPlaceholders(place+".keyValue", t.KeyValue, port)...)
	if t.Format != FormatCSV && t.Format != FormatJSON {
		errs = append(errs, fmt.Errorf("%s.format: %q is neither %q nor %q", place, t.Format, FormatCSV, FormatJSON))
	}
	if t.Format == FormatCSV && t.Rows != "" {
		errs = append(errs, fmt.Errorf("%s.rows: a %s answer has no path to its rows", place, FormatCSV))
	}
	if t.Name == "" || t.Key == "" || t.KeyValue == "" {
		errs = append(errs, fmt.Errorf("%s: name, key and keyValue are all needed", place))
	}
	if len(t.True)+len(t.Zero)+len(t.Empty)+len(t.Agree)+len(t.Same) == 0 && !t.Exact {
		errs = append(errs, fmt.Errorf("%s: without a rule (exact, mustBeTrue, mustBeZero, mustBeEmpty, mustAgree, sameEverywhere) it checks nothing", place))
	}
	for column := range t.Words {
		if !slices.Contains(t.Columns(), column) {
			errs = append(errs, fmt.Errorf("%s.words: no rule is about column %q", place, column))
		}
	}
	return errs
}
