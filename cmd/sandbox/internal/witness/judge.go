package witness

import (
	"slices"
	"time"
)

// Verdict is what a log says about a span of time.
type Verdict struct {
	Acknowledged int           `json:"acknowledged"`   // writes
	Failed       int           `json:"failed"`         // writes without an answer in time, or refused
	FailedReads  int           `json:"failed_reads"`   // reads without an answer in time, or refused
	Lost         []int         `json:"lost"`           // acknowledged writes that a later read did not find
	LongestGap   time.Duration `json:"longest_gap_ns"` // between two acknowledged writes, or to an end of the span
	GapAt        time.Time     `json:"gap_at"`         // when the longest gap began
	Checked      bool          `json:"checked"`        // every key was read back after the last write
}

// Phase is what a log says about the time from one mark to the next.
type Phase struct {
	Name string `json:"name"`
	Verdict
}

// Phases judges each marked span of a log, in its order. What was lost is told for writes of the span.
func Phases(entries []Entry) []Phase {
	var phases []Phase
	var from time.Time
	written := map[int]int{} // number → index of its phase
	for _, entry := range entries {
		switch {
		case entry.Op == OpMark:
			phases = append(phases, Phase{Name: entry.Phase})
		case entry.Op == OpWrite && entry.Error == "" && len(phases) > 0:
			written[entry.N] = len(phases) - 1
		}
	}
	lost, next := lost(entries), 0
	for i, entry := range entries {
		if entry.Op != OpMark {
			continue
		}
		from = entry.At
		phases[next].Verdict = Judge(entries, from, endOf(entries[i+1:]))
		phases[next].Lost = slices.DeleteFunc(slices.Clone(lost), func(n int) bool { return written[n] != next })
		next++
	}
	return phases
}

// endOf is when a phase ends: at the next mark, or with the last write, since what is read back at the
// end is no gap.
func endOf(entries []Entry) time.Time {
	var last time.Time
	for _, entry := range entries {
		switch entry.Op {
		case OpMark:
			return entry.At
		case OpWrite:
			last = entry.At
		}
	}
	return last
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
