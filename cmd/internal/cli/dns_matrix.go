package cli

import (
	"context"
	"errors"
	"slices"
	"strings"
	gosync "sync"
	"time"

	"golang.org/x/sync/errgroup"

	"quorate.dev/quorate/cmd/internal/view"
	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// matrix is what every vantage says of every name.
type matrix struct {
	doc   view.MatrixDocument
	asked []vantage
	names []asking

	mu     gosync.Mutex
	holes  map[[2]int]view.Hole // by vantage and name
	voices []voice              // by vantage
}

// voice is whether a vantage gives answers at all.
type voice struct {
	ever   bool   // it answered something, in any round
	silent int    // questions of this round without an answer, since the last one that had any
	first  int    // the first of those names, by its place
	why    string // it had no answer
}

func newMatrix(t *regions.Topology, wanted dns.Wanted, reverseZones []string, asked []vantage) *matrix {
	m := &matrix{
		asked: asked, holes: map[[2]int]view.Hole{}, voices: make([]voice, len(asked)),
		doc: view.MatrixDocument{Deployment: t.Metadata.Name, Zone: t.Spec.DNS.Zone},
	}
	m.names, m.doc.Away = questions(t, wanted, reverseZones)
	for _, c := range t.OrderedClusters() {
		m.doc.Columns = append(m.doc.Columns, c.Name)
	}
	m.doc.Columns = append(m.doc.Columns, columnRegions, columnSeeds)
	for _, more := range []string{columnServices, columnReverse} {
		if slices.ContainsFunc(m.names, func(q asking) bool { return q.column == more }) {
			m.doc.Columns = append(m.doc.Columns, more)
		}
	}
	return m
}

// addressesAlone drops the questions for other records.
func (m *matrix) addressesAlone() {
	m.names = slices.DeleteFunc(m.names, func(q asking) bool { return q.kind != forAddresses })
	m.doc.Columns = slices.DeleteFunc(m.doc.Columns, func(c string) bool { return c == columnServices || c == columnReverse })
}

// askAgain is how long nothing is asked for between two rounds.
const askAgain = time.Second

// ask asks everybody for everything that they are asked for, and for what is not right again until the wait is over.
func (m *matrix) ask(ctx context.Context, now clock, patience time.Duration) error {
	until := now().Add(patience)
	pending := map[[2]int]bool{}
	for v := range m.asked {
		for n, q := range m.names {
			pending[[2]int{v, n}] = m.asked[v].answersFor(q)
		}
	}
	for {
		m.round(ctx, pending)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		clear(pending)
		for at := range m.holes {
			pending[at] = true
		}
		if len(pending) == 0 || !now().Before(until) {
			return nil
		}
		timer := time.NewTimer(askAgain)
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (m *matrix) round(ctx context.Context, pending map[[2]int]bool) {
	for v := range m.voices {
		m.voices[v] = voice{ever: m.voices[v].ever}
	}
	var vantages gosync.WaitGroup
	for v := range m.asked {
		vantages.Go(func() {
			var group errgroup.Group
			group.SetLimit(m.asked[v].parallel)
			for n := range m.names {
				if pending[[2]int{v, n}] {
					group.Go(func() error { m.askOne(ctx, v, n); return nil })
				}
			}
			_ = group.Wait() // what became of each is noted
		})
	}
	vantages.Wait()
}

// askOne asks one vantage for one name, unless all of the last questions there, as many as are asked at once, had no answer.
func (m *matrix) askOne(ctx context.Context, v, n int) {
	q := m.names[n]
	hole := view.Hole{From: m.asked[v].label, Name: q.name, Type: q.kind, Wanted: q.want}
	if why, gone := m.silenced(v); gone {
		hole.Dead, hole.Why = true, why
		m.note(v, n, hole)
		return
	}
	got, err := m.asked[v].ask(ctx, q)
	m.mu.Lock()
	defer m.mu.Unlock()
	if hole.Dead = errors.Is(err, errCannotAsk); hole.Dead {
		m.voices[v].miss(n, inLine(err))
	} else {
		m.voices[v].ever, m.voices[v].silent = true, 0
	}
	switch {
	case err != nil:
		hole.Why = inLine(err)
	case slices.Equal(got, q.want):
		delete(m.holes, [2]int{v, n})
		return
	default:
		hole.Got = got
	}
	m.holes[[2]int{v, n}] = hole
}

// silenced tells that a vantage is not asked any more, and why.
func (m *matrix) silenced(v int) (why string, gone bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.voices[v].why, m.gone(v)
}

func (m *matrix) note(v, n int, hole view.Hole) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.holes[[2]int{v, n}] = hole
}

// miss notes a question without an answer; of several, what is told is of the first name.
func (o *voice) miss(n int, why string) {
	if o.silent == 0 || n < o.first {
		o.first, o.why = n, why
	}
	o.silent++
}

// gone tells that a vantage does not answer any more in this round; the caller holds mu.
func (m *matrix) gone(v int) bool { return m.voices[v].silent >= m.asked[v].parallel }

// cannot is why nothing can be asked at a vantage; empty where it answers.
func (m *matrix) cannot(v int) string {
	if m.gone(v) || !m.voices[v].ever && m.voices[v].silent > 0 {
		return m.voices[v].why
	}
	return ""
}

// inLine is an error as part of a line.
func inLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// document is what is printed of it.
func (m *matrix) document() view.MatrixDocument {
	doc := m.doc
	for v, vantage := range m.asked {
		row := view.MatrixRow{From: vantage.label, Kind: vantage.kind, Problem: m.cannot(v), Cells: map[string]view.MatrixCell{}}
		for n, q := range m.names {
			if !vantage.answersFor(q) {
				continue
			}
			cell := row.Cells[q.column]
			cell.Asked++
			hole, wrong := m.holes[[2]int{v, n}]
			switch {
			case !wrong:
				cell.Right++
			case !hole.Dead || row.Problem == "": // what could not be asked at all is told of the row
				doc.Holes = append(doc.Holes, hole)
			}
			row.Cells[q.column] = cell
		}
		doc.Rows = append(doc.Rows, row)
	}
	return doc
}
