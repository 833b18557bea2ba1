package kustomize

import (
	"fmt"
	"time"
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
	// True and Zero are the columns that must be true, or 0, for the database to be whole.
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
