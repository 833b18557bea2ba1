package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/rollout"
)

// Progress tells of a run as it happens: lines of narration for people on
// standard error, or lines of JSON on standard output.
type Progress struct {
	mu       sync.Mutex
	out, err io.Writer
	style    Style
	json     bool
	started  time.Time
}

// NewProgress makes a run's narrator.
func NewProgress(out, err io.Writer, style Style, asJSON bool) *Progress {
	return &Progress{out: out, err: err, style: style, json: asJSON}
}

// Event tells of one event. A reader that went away is no reason to stop a run,
// so failed writes are ignored: the journal has everything.
func (p *Progress) Event(e rollout.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		_ = json.NewEncoder(p.out).Encode(struct {
			FormatVersion string `json:"format_version"`
			rollout.Event
		}{planner.FormatVersion, e})
		return
	}
	if e.Type == rollout.EventRunStart {
		p.started = e.Time
	}
	if line := p.line(e); line != "" {
		fmt.Fprintf(p.err, "%s  %s\n", p.style.paint(faint, clock(e.Time.Sub(p.started))), line)
	}
}

// clock is the time since the run began, as minutes and seconds.
func clock(d time.Duration) string {
	d = d.Round(time.Second)
	return fmt.Sprintf("%3d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func (p *Progress) line(e rollout.Event) string {
	place := p.style.paint(faint, fmt.Sprintf("%*d/%d", len(fmt.Sprint(e.Total)), e.Number, e.Total))
	switch e.Type {
	case rollout.EventStepStart:
		return place + "  " + e.Message
	case rollout.EventStepWait:
		return place + "  " + p.style.paint(faint, "  "+e.Message)
	case rollout.EventStepDone:
		return place + "  " + p.style.paint(green, "✓ "+e.Message) + p.style.paint(faint, took(e.Elapsed))
	case rollout.EventStepSkip:
		return place + "  " + p.style.paint(faint, "– already so: "+e.Message)
	case rollout.EventStepFail:
		what, _, _ := strings.Cut(e.Message, ": ") // the account at the end says why
		return place + "  " + p.style.paint(red, "✗ "+what)
	case rollout.EventNote:
		return p.style.paint(yellow, "note: ") + e.Message
	case rollout.EventRunStart, rollout.EventRunEnd:
		return ""
	}
	return string(e.Type) + " " + e.Message
}

func took(d time.Duration) string {
	if d < time.Second {
		return ""
	}
	return " (" + d.Round(100*time.Millisecond).String() + ")"
}

// End closes the account of a run: the last lines are the short summary, which
// is what a caller that keeps only the end of the output gets to see.
func (p *Progress) End(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.json {
		return // the run_end event said it
	}
	var stopped *rollout.Stopped
	switch {
	case err == nil:
		fmt.Fprintf(p.out, "%s\n", p.style.paint(green, "Done: every step is true."))
	case errors.As(err, &stopped):
		fmt.Fprintf(p.out, "%s\n", p.style.paint(red, "Stopped before the end; nothing was rolled back."))
	}
}
