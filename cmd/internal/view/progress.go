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

// Progress tells of a run as it happens: a live display with the narration above it on a
// terminal, lines of narration elsewhere, or lines of JSON on standard output.
type Progress struct {
	mu       sync.Mutex
	out, err io.Writer
	style    Style
	json     bool
	now      func() time.Time
	state    runState
	live     *live
	last     time.Time     // of the last line
	stop     chan struct{} // ends the heartbeat; nil once it was closed
	ended    sync.WaitGroup
}

// Terms are how a run is told.
type Terms struct {
	Out  io.Writer // data: the summary, or lines of JSON
	Err  io.Writer // narration
	JSON bool
	// Style is of the narration; Screen is its terminal, nil where there is none.
	Style  Style
	Screen *Screen
	Now    func() time.Time
}

// Heartbeat is how long narration is silent at most while a run is under way.
const Heartbeat = 30 * time.Second

// NewProgress makes the narrator of a plan's run. It must be ended.
func NewProgress(t Terms, plan *planner.Plan) *Progress {
	p := &Progress{
		out: t.Out, err: t.Err, style: t.Style, json: t.JSON, now: t.Now, last: t.Now(), stop: make(chan struct{}),
		state: runState{deployment: plan.Deployment, promise: plan.Promise.WhileUpdating},
	}
	switch {
	case t.JSON:
	case t.Screen != nil:
		state := p.state
		p.live = startLive(t.Screen, t.Style, &state, t.Now)
	default:
		stop := p.stop
		p.ended.Go(func() { p.beat(stop) })
	}
	return p
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
	p.state.take(e)
	line := p.line(e)
	if line != "" {
		line = p.style.paint(faint, clock(p.state.elapsed(e.Time))) + "  " + line
	}
	if p.live != nil {
		p.live.event(e, line)
		return
	}
	p.say(line)
}

func (p *Progress) say(line string) {
	if line != "" {
		p.last = p.now()
		p.style.text(p.err, line, narrationHang)
	}
}

// narrationHang is where a long line of narration goes on.
const narrationHang = 8

// beat says that the run is alive whenever nothing was said for a while.
func (p *Progress) beat(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			p.beatIfDue(p.now())
		}
	}
}

func (p *Progress) beatIfDue(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.last) >= Heartbeat && !p.state.started.IsZero() {
		p.say(p.style.paint(faint, clock(p.state.elapsed(now))) + "  " + p.state.heartbeat(now))
	}
}

// heartbeat is where a run is, in a line.
func (r *runState) heartbeat(now time.Time) string {
	parts := []string{"still at it: " + steps(r)}
	for _, s := range r.running {
		part := fmt.Sprintf("%s (%s)", s.summary, brieflyFor(now.Sub(s.since)))
		if s.waits != "" {
			part += ", " + s.waits
		}
		parts = append(parts, part)
	}
	if r.health != nil {
		parts = append(parts, "now "+r.health.Exposure.String())
	}
	return strings.Join(parts, "; ")
}

// clock is the time since the run began, as minutes and seconds.
func clock(d time.Duration) string {
	d = max(0, d).Round(time.Second)
	return fmt.Sprintf("%3d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}

func (p *Progress) line(e rollout.Event) string {
	s := p.style
	place := s.paint(faint, fmt.Sprintf("%*d/%d", len(fmt.Sprint(e.Total)), e.Number, e.Total))
	switch e.Type {
	case rollout.EventStepStart:
		if p.live != nil {
			return "" // the display shows it; its end is a line
		}
		return place + "  " + e.Message
	case rollout.EventStepWait:
		if p.live != nil {
			return ""
		}
		return place + "  " + s.paint(faint, "  "+e.Message)
	case rollout.EventStepDone:
		return place + "  " + s.paint(green, s.sign("✓", "ok")+" "+e.Message) + s.paint(faint, took(e.Elapsed))
	case rollout.EventStepSkip:
		return place + "  " + s.paint(faint, s.sign("–", "-")+" already so: "+e.Message)
	case rollout.EventStepFail:
		what, _, _ := strings.Cut(e.Message, ": ") // the account at the end says why
		return place + "  " + s.paint(red, s.sign("✗", "failed:")+" "+what)
	case rollout.EventNote:
		return s.paint(yellow, "note: ") + e.Message
	case rollout.EventRunStart, rollout.EventRunEnd, rollout.EventHealth:
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

// Close ends the display and the heartbeat, and gives the terminal back; once is enough.
func (p *Progress) Close() {
	p.mu.Lock()
	live, stop := p.live, p.stop
	p.live, p.stop = nil, nil
	p.mu.Unlock()
	if stop != nil {
		close(stop)
		p.ended.Wait()
	}
	if live != nil {
		live.end()
	}
}

// End closes the account of a run: the last lines are the short summary, which
// is what a caller that keeps only the end of the output gets to see.
func (p *Progress) End(err error) {
	p.Close()
	if p.json {
		return // the run_end event said it
	}
	var stopped *rollout.Stopped
	switch {
	case err == nil:
		p.summary(p.style.paint(green, "Done: every step is true."))
	case errors.As(err, &stopped):
		p.summary(p.style.paint(red, "Stopped before the end; nothing was rolled back."))
	}
}

// summary is a verdict and the run in numbers.
func (p *Progress) summary(verdict string) {
	numbers := fmt.Sprintf("%s in %s", steps(&p.state), brieflyFor(p.state.elapsed(p.now())))
	if p.state.health != nil {
		numbers += "; now " + p.state.health.Exposure.String()
	}
	p.style.text(p.out, verdict+" "+numbers+".", narrationHang)
}
