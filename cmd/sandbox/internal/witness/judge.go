package witness

import (
	"slices"
	"time"
)

// Verdict is what a log says about a span of time.
type Verdict struct {
	Acknowledged int           // writes
	Failed       int           // writes without an answer in time, or refused
	FailedReads  int           // reads without an answer in time, or refused
	Lost         []int         // acknowledged writes that a later read did not find
	LongestGap   time.Duration // between two acknowledged writes, or to an end of the span
	GapAt        time.Time     // when the longest gap began
	Checked      bool          // every key was read back after the last write
}

// Judge reads the entries from one instant to another; zero instants mean the log's ends. Lost writes
// are those of the whole log, since a loss shows later than it happens.
func Judge(entries []Entry, from, to time.Time) Verdict {
	verdict := Verdict{Lost: lost(entries), Checked: checked(entries)}
	var last time.Time
	for _, entry := range entries {
		if entry.At.Before(from) || !to.IsZero() && entry.At.After(to) {
			continue
		}
		if last.IsZero() {
			last = entry.At
			if !from.IsZero() {
				last = from
			}
		}
		verdict.count(entry)
		if entry.Op == OpWrite && entry.Error == "" {
			verdict.gap(last, entry.At)
			last = entry.At
		}
	}
	if !to.IsZero() && !last.IsZero() {
		verdict.gap(last, to)
	}
	return verdict
}

func (v *Verdict) count(entry Entry) {
	switch {
	case entry.Op == OpWrite && entry.Error == "":
		v.Acknowledged++
	case entry.Op == OpWrite:
		v.Failed++
	case entry.Op == OpRead && entry.Error != "":
		v.FailedReads++
	}
}

func (v *Verdict) gap(from, to time.Time) {
	if gap := to.Sub(from); gap > v.LongestGap {
		v.LongestGap, v.GapAt = gap, from
	}
}

// lost are acknowledged writes that a linearizable read after them did not find.
func lost(entries []Entry) []int {
	missing := map[int]bool{}
	var acknowledged []int
	for _, entry := range entries {
		switch {
		case entry.Error != "":
		case entry.Op == OpWrite:
			acknowledged = append(acknowledged, entry.N)
		case entry.Op == OpRead && entry.Missing:
			missing[entry.N] = true
		case entry.Op == OpFind:
			for _, n := range acknowledged {
				if _, there := slices.BinarySearch(entry.Found, n); !there {
					missing[n] = true
				}
			}
		}
	}
	var all []int
	for n := range missing {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// checked tells whether the log ends with a look at every key.
func checked(entries []Entry) bool {
	for _, entry := range slices.Backward(entries) {
		switch {
		case entry.Op == OpFind && entry.Error == "":
			return true
		case entry.Op == OpWrite:
			return false
		}
	}
	return false
}
