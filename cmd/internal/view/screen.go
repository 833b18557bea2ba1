package view

import (
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// Screen is the one door to standard error: whatever is said while a live display stands goes
// above it, as lines of its own.
type Screen struct {
	mu    sync.Mutex
	file  *os.File
	above func(line string) // set while a display stands
}

// NewScreen makes the door to a terminal or a file.
func NewScreen(file *os.File) *Screen { return &Screen{file: file} }

var _ io.Writer = (*Screen)(nil)

// Write says a text of whole lines.
func (s *Screen) Write(text []byte) (int, error) {
	s.mu.Lock()
	above := s.above
	s.mu.Unlock()
	if above == nil {
		return s.file.Write(text)
	}
	above(strings.TrimSuffix(string(text), "\n"))
	return len(text), nil
}

// show puts a display under all that is said from now on; nil takes it away.
func (s *Screen) show(above func(string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.above = above
}

// columns is the terminal's width now, 0 where it does not tell.
func (s *Screen) columns() int {
	width, _, err := term.GetSize(int(s.file.Fd()))
	if err != nil {
		return 0
	}
	return width
}
