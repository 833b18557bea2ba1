package kustomize

import (
	"encoding/csv"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"
)

// FormatCSV is the only output format of a gate today: a header line and one row a node.
const FormatCSV = "csv"

// Gate is a command whose output lists every node of the database, over all
// clusters, with its health. The database is whole when two looks, Interval
// apart, find nothing wrong.
type Gate struct {
	Argv   []string `yaml:"argv"`   // as in Hook
	Format string   `yaml:"format"` // FormatCSV
	// Key is the column that identifies a node; KeyValue is its value for a
	// replica, with {host} and {port} as in Hook.
	Key      string `yaml:"key"`
	KeyValue string `yaml:"keyValue"`
	// True and Zero are the columns that must be true, or 0, in every row.
	True []string `yaml:"mustBeTrue"`
	Zero []string `yaml:"mustBeZero"`
	// Interval is a Go duration, the least time between the two looks: longer than
	// the database takes to recompute what the columns show.
	Interval string `yaml:"interval"`
	// Timeout is a Go duration, the deadline of one look.
	Timeout string `yaml:"timeout"`
}

// Command is the argument vector that asks one replica about all of them.
func (g Gate) Command(host string, port int) []string { return expandAll(g.Argv, host, port) }

// Expected is the value of column Key for the replica of that stable name.
func (g Gate) Expected(host string, port int) string { return expand(g.KeyValue, host, port) }

// IntervalDuration is Interval, valid in a profile from LoadProfile.
func (g Gate) IntervalDuration() time.Duration { return mustDuration(g.Interval) }

// TimeoutDuration is Timeout, valid in a profile from LoadProfile.
func (g Gate) TimeoutDuration() time.Duration { return mustDuration(g.Timeout) }

// Check reads one output of the gate's command. It returns nil when every
// expected node (see Expected) has a row and no row, of a node expected or not,
// has anything wrong with it; else an error that lists every reason to wait.
// A column that is missing is an error too: a gate that cannot see is shut.
func (g Gate) Check(output string, expected []string) error {
	rows, err := csv.NewReader(strings.NewReader(output)).ReadAll()
	if err != nil {
		return fmt.Errorf("read the gate's output as CSV: %w", err)
	}
	if len(rows) == 0 {
		return errors.New("the gate's output is empty")
	}
	columns := map[string]int{}
	for i, name := range rows[0] {
		columns[name] = i
	}
	var all *multierror.Error
	for _, name := range slices.Concat([]string{g.Key}, g.True, g.Zero) {
		if _, ok := columns[name]; !ok {
			all = multierror.Append(all, fmt.Errorf("the gate's output has no column %q: %s", name, strings.Join(rows[0], ",")))
		}
	}
	if all != nil {
		return all
	}
	return g.checkRows(rows[1:], columns, expected)
}

func (g Gate) checkRows(rows [][]string, columns map[string]int, expected []string) error {
	var all *multierror.Error
	seen := map[string]bool{}
	for _, row := range rows {
		key := row[columns[g.Key]]
		seen[key] = true
		for _, name := range g.True {
			if v := row[columns[name]]; v != "true" && v != "t" {
				all = multierror.Append(all, fmt.Errorf("%s: %s is %s", key, name, v))
			}
		}
		for _, name := range g.Zero {
			if v := row[columns[name]]; v != "0" {
				all = multierror.Append(all, fmt.Errorf("%s: %s is %s", key, name, v))
			}
		}
	}
	for _, key := range slices.Sorted(slices.Values(expected)) {
		if !seen[key] {
			all = multierror.Append(all, fmt.Errorf("%s: the database does not list it", key))
		}
	}
	return all.ErrorOrNil()
}

func (g Gate) check(place string, port int) []error {
	errs := checkCommand(place, g.Argv, g.Timeout, port)
	errs = append(errs, checkDuration(place+".interval", g.Interval)...)
	errs = append(errs, checkPlaceholders(place+".keyValue", g.KeyValue, port)...)
	if g.Format != FormatCSV {
		errs = append(errs, fmt.Errorf("%s.format: %q is not %q", place, g.Format, FormatCSV))
	}
	if g.Key == "" || g.KeyValue == "" {
		errs = append(errs, fmt.Errorf("%s: key and keyValue are both needed", place))
	}
	if len(g.True)+len(g.Zero) == 0 {
		errs = append(errs, fmt.Errorf("%s: without mustBeTrue or mustBeZero the gate checks nothing", place))
	}
	return errs
}
