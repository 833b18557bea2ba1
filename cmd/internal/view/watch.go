package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// Watching shows a status again and again: in place on a terminal, elsewhere a block, or a line of
// JSON, whenever something but the time has changed.
type Watching struct {
	out     io.Writer
	style   Style
	json    bool
	program *tea.Program
	ended   sync.WaitGroup
	last    string
}

// NewWatching begins to watch; screen is the terminal to draw on, nil where there is none. It must be closed.
func NewWatching(out io.Writer, screen *Screen, style Style, asJSON bool) *Watching {
	w := &Watching{out: out, style: style, json: asJSON}
	if screen != nil && !asJSON {
		w.program = tea.NewProgram(pageModel{style: style, height: defaultHeight},
			tea.WithInput(nil), tea.WithOutput(screen.file), tea.WithoutSignalHandler())
		w.ended.Go(func() { _, _ = w.program.Run() })
	}
	return w
}

// Show shows the newest status. It fails where its reader went away.
func (w *Watching) Show(s *Status) error {
	if w.program != nil {
		w.program.Send(s)
		return nil
	}
	text, err := w.render(s)
	if err != nil || text == w.last {
		return err
	}
	w.last = text
	if w.json {
		return json.NewEncoder(w.out).Encode(s)
	}
	_, err = fmt.Fprintf(w.out, "── %s\n%s\n", s.Time.Format(time.RFC3339), text)
	return err
}

// render is the status without its time: what a change is judged by.
func (w *Watching) render(s *Status) (string, error) {
	var text bytes.Buffer
	if !w.json {
		s.Text(&text, w.style)
		return text.String(), nil
	}
	timeless := *s
	timeless.Time = time.Time{}
	err := json.NewEncoder(&text).Encode(timeless)
	return text.String(), err
}

// Close gives the terminal back, with the last status on it.
func (w *Watching) Close() {
	if w.program == nil {
		return
	}
	w.program.Send(endMessage{})
	w.ended.Wait()
	w.program = nil
}

// pageModel is a status that is drawn in place.
type pageModel struct {
	style  Style
	height int
	status *Status
	gone   bool
}

var _ tea.Model = pageModel{}

// Init has nothing to begin.
func (m pageModel) Init() tea.Cmd { return nil }

// Update takes what happened.
func (m pageModel) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.style.Width, m.height = message.Width, message.Height
	case *Status:
		m.status = message
	case endMessage:
		m.gone = true
		return m, tea.Quit
	}
	return m, nil
}

// View is the page, cut to the terminal's height.
func (m pageModel) View() tea.View {
	v := tea.NewView(m.page())
	v.DisableBracketedPasteMode = true
	return v
}

func (m pageModel) page() string {
	if m.status == nil {
		return "looking at the clusters"
	}
	var text strings.Builder
	m.status.Text(&text, m.style)
	fmt.Fprintf(&text, "%s\n", m.style.paint(faint, "at "+m.status.Time.Format(time.TimeOnly)+" UTC; interrupt to end"))
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	if most := max(m.height-1, 2); len(lines) > most && !m.gone {
		more := m.style.paint(faint, fmt.Sprintf("and %d more lines: make the terminal higher", len(lines)-most+1))
		lines = append(lines[:most-1], more)
	}
	return strings.Join(lines, "\n")
}
