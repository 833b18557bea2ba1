package main

import (
	"encoding/xml"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// Sizes of the picture, in its own units.
const (
	cellWidth  = 8.4
	lineHeight = 19
	margin     = 20
	fontSize   = 14
	background = "#1e2227"
	plainInk   = "#dfe3e8"
	dimInk     = "#8b929b"
)

// rendition is a Select Graphic Rendition (SGR, ECMA-48 section 8.3.117) that tmux writes: an escape, its parameters, an m.
var rendition = regexp.MustCompile(`\x1b\[([0-9;]*)m`)

// pen is how the text that follows looks.
type pen struct {
	ink       string
	bold, dim bool
}

// picture draws the lines that a terminal shows, the trailing empty ones left out. A rendition
// that a line leaves standing holds on the next.
func picture(command, text string) string {
	lines := strings.Split(text, "\n")
	for len(lines) > 0 && strings.TrimSpace(rendition.ReplaceAllString(lines[len(lines)-1], "")) == "" {
		lines = lines[:len(lines)-1]
	}
	if command != "" {
		lines = append([]string{"\x1b[1m$\x1b[0m " + command, ""}, lines...)
	}
	columns := 0
	for _, line := range lines {
		columns = max(columns, utf8.RuneCountInString(strings.TrimRight(rendition.ReplaceAllString(line, ""), " ")))
	}
	width, height := int(float64(columns)*cellWidth)+2*margin, len(lines)*lineHeight+2*margin
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" `, width, height, width, height)
	fmt.Fprintf(&out, `font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, DejaVu Sans Mono, monospace" font-size="%d">`+"\n", fontSize)
	fmt.Fprintf(&out, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	var p pen
	for i, line := range lines {
		p = drawLine(&out, p, line, margin+10+i*lineHeight)
	}
	out.WriteString("</svg>\n")
	return out.String()
}

// drawLine draws one line at a height and returns the pen as the line leaves it.
func drawLine(out *strings.Builder, p pen, line string, y int) pen {
	x, at := float64(margin), 0
	draw := func(text string) {
		if strings.TrimSpace(text) != "" {
			p.write(out, text, x, y)
		}
		x += float64(utf8.RuneCountInString(text)) * cellWidth
	}
	for _, found := range rendition.FindAllStringSubmatchIndex(line, -1) {
		draw(line[at:found[0]])
		for parameter := range strings.SplitSeq(line[found[2]:found[3]], ";") {
			p = p.rendered(parameter)
		}
		at = found[1]
	}
	draw(line[at:])
	return p
}

// rendered takes one parameter of a rendition. What the documentation's programs do not use changes nothing.
func (p pen) rendered(parameter string) pen {
	inks := map[string]string{"31": "#e06c75", "32": "#7fbf7f", "33": "#d7b45f", "36": "#6fb3c0", "39": ""}
	switch parameter {
	case "", "0":
		return pen{}
	case "1":
		p.bold = true
	case "2":
		p.dim = true
	case "22":
		p.bold, p.dim = false, false
	default:
		if ink, known := inks[parameter]; known {
			p.ink = ink
		}
	}
	return p
}

// write draws text that begins at x; textLength keeps the cells where the viewer's font is another one.
func (p pen) write(out *strings.Builder, text string, x float64, y int) {
	ink := p.ink
	switch {
	case ink == "" && p.dim:
		ink = dimInk
	case ink == "":
		ink = plainInk
	}
	weight := ""
	if p.bold {
		weight = ` font-weight="bold"`
	}
	fmt.Fprintf(out, `<text x="%.1f" y="%d" fill="%s"%s xml:space="preserve" textLength="%.1f">`, x, y, ink, weight,
		float64(utf8.RuneCountInString(text))*cellWidth)
	_ = xml.EscapeText(out, []byte(text)) // a strings.Builder takes everything
	out.WriteString("</text>\n")
}
