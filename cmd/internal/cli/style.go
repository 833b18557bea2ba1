package cli

import (
	"strings"

	"quorate.dev/quorate/cmd/internal/view"
)

// style is of standard output.
func (a *app) style() view.Style { return a.styleOf(a.outTerminal) }

// narrationStyle is of standard error.
func (a *app) narrationStyle() view.Style { return a.styleOf(a.screen != nil) }

// styleOf decides on colour (only for a terminal, and never against a wish: https://no-color.org),
// on the width and on the signs.
func (a *app) styleOf(terminal bool) view.Style {
	if !terminal {
		return view.Style{}
	}
	plain := a.settings.GetBool("no-color") || a.env("NO_COLOR") != "" || a.dumb()
	style := view.Style{Colour: !plain, ASCII: !a.unicode()}
	if a.columns != nil {
		style.Width = a.columns()
	}
	return style
}

// dumb: the terminal cannot move its cursor (terminfo(5)).
func (a *app) dumb() bool { return a.env("TERM") == "dumb" }

// unicode tells whether the locale's character set is UTF-8; without any locale it is taken to be
// (POSIX, "Internationalization Variables": LC_ALL over LC_CTYPE over LANG).
func (a *app) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := a.env(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return true
}

// display is the terminal on which a run shows itself live, nil where there is none that can.
func (a *app) display() *view.Screen {
	if a.json() || a.dumb() {
		return nil
	}
	return a.screen
}
