// Package view renders plans, runs, statuses and reports, for people and for
// machines. It decides nothing: everything it prints was decided before.
package view

import (
	"fmt"
	"io"
)

// Style is what the terminal can show.
type Style struct {
	Colour bool
	// Width is the number of columns that a line may take; 0: as many as it needs, for
	// readers that are no terminal.
	Width int
	// ASCII: the terminal shows no other signs (RFC 20).
	ASCII bool
}

// The colours used, by meaning. They are of the terminal's own palette, so they
// follow its light or dark theme.
const (
	faint  = "2"
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (s Style) paint(code, text string) string {
	if !s.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s Style) heading(w io.Writer, text string) {
	fmt.Fprintf(w, "\n%s\n", s.paint(bold, text))
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// sign is a sign, or its stand-in for terminals that show ASCII alone.
func (s Style) sign(sign, ascii string) string {
	if s.ASCII {
		return ascii
	}
	return sign
}
