package view

import (
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"quorate.dev/quorate/planner/rollout"
)

// live is a display that stands below the narration of a run and is drawn anew when something
// changes, and every second.
type live struct {
	program *tea.Program
	screen  *Screen
	ended   sync.WaitGroup
}

// startLive draws on the screen's terminal. It reads no keys: interrupts stay signals.
func startLive(screen *Screen, style Style, state *runState, now func() time.Time) *live {
	l := &live{screen: screen}
	l.program = tea.NewProgram(liveModel{style: style, state: state, now: now, height: defaultHeight},
		tea.WithInput(nil), tea.WithOutput(screen.file), tea.WithoutSignalHandler())
	l.ended.Go(func() {
		_, _ = l.program.Run() // a terminal that went away ends the display, not the run
		screen.show(nil)
	})
	screen.show(l.print)
	return l
}

// print puts a line above the display, in order. (Program.Println would wait for ever for a program that has ended.)
func (l *live) print(text string) {
	style := Style{Width: l.screen.columns()}
	var broken strings.Builder
	for line := range strings.Lines(text) {
		style.text(&broken, strings.TrimRight(line, "\n"), narrationHang)
	}
	l.program.Send(tea.Println(strings.TrimSuffix(broken.String(), "\n"))())
}

// event brings the display up to an event, and prints its line above.
func (l *live) event(e rollout.Event, line string) {
	if line != "" {
		l.print(line)
	}
	l.program.Send(e)
}

// end takes the display away and gives the terminal back.
func (l *live) end() {
	l.screen.show(nil)
	l.program.Send(endMessage{})
	l.ended.Wait()
}

// defaultHeight is taken until the terminal has told its own.
const defaultHeight = 24

type (
	endMessage  struct{}
	tickMessage time.Time
)

// liveModel is the display's state.
type liveModel struct {
	style  Style
	state  *runState
	now    func() time.Time
	height int
	gone   bool
}

var _ tea.Model = liveModel{}

// Init starts the clock.
func (m liveModel) Init() tea.Cmd { return tick() }

func tick() tea.Cmd {
	return tea.Tick(time.Second, func(t time.Time) tea.Msg { return tickMessage(t) })
}

// Update takes what happened.
func (m liveModel) Update(message tea.Msg) (tea.Model, tea.Cmd) {
	switch message := message.(type) {
	case tea.WindowSizeMsg:
		m.style.Width, m.height = message.Width, message.Height
	case rollout.Event:
		m.state.take(message)
	case tickMessage:
		return m, tick()
	case endMessage:
		m.gone = true
		return m, tea.Quit
	}
	return m, nil
}

// View is the display as text.
func (m liveModel) View() tea.View {
	text := ""
	if !m.gone {
		text = m.state.picture(m.style, m.now(), m.height-1)
	}
	v := tea.NewView(text)
	v.DisableBracketedPasteMode = true
	return v
}
