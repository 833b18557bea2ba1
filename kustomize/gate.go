package kustomize

import (
	"fmt"
	"time"
)

// Gate tells whether the database is whole: commands of which each prints a table
// of the database's members, over all clusters, and the rules that its rows must
// keep. One replica of every cluster is asked. The database is whole when two
// looks, Interval apart, find nothing wrong anywhere.
type Gate struct {
	Tables []Table `yaml:"tables"`
	// Interval is a Go duration, the least time between the two looks: longer than
	// the database takes to recompute what its tables show.
	Interval string `yaml:"interval"`
}

// IntervalDuration is Interval, valid in a profile from LoadProfile.
func (g Gate) IntervalDuration() time.Duration { return mustDuration(g.Interval) }

func (g Gate) check(place string, port int) []error {
	errs := checkDuration(place+".interval", g.Interval)
	if len(g.Tables) == 0 {
		errs = append(errs, fmt.Errorf("%s.tables is empty: the gate checks nothing", place))
	}
	for i, t := range g.Tables {
		errs = append(errs, t.check(fmt.Sprintf("%s.tables[%d]", place, i), port)...)
	}
	return errs
}
