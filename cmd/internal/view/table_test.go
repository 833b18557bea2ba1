package view

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"
)

// A line that is broken loses no word and no order, and no line is wider than the terminal unless
// one word alone is.
func TestBrokenLinesKeepEveryWord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-z0-9.é-]{1,30}`), 1, 40).Draw(t, "words")
		lead, hang := rapid.IntRange(0, 8).Draw(t, "lead"), rapid.IntRange(0, 20).Draw(t, "hang")
		style := Style{Width: rapid.IntRange(1, 120).Draw(t, "width")}
		var out strings.Builder
		style.text(&out, strings.Repeat(" ", lead)+strings.Join(words, " "), hang)
		if got := strings.Fields(out.String()); strings.Join(got, " ") != strings.Join(words, " ") {
			t.Fatalf("%q", out.String())
		}
		if style.Width-hang < leastText {
			return
		}
		for line := range strings.Lines(out.String()) {
			line = strings.TrimRight(line, "\n")
			if ansi.StringWidth(line) > style.Width && len(strings.Fields(line)) > 1 {
				t.Fatalf("%q is wider than %d", line, style.Width)
			}
		}
	})
}

// Cells that do not fit stand below their row, under the second column.
func TestNarrowTable(t *testing.T) {
	rows := [][]string{{" 1", "update use1/bank-2", "any zone may be lost", "image v1 → v2"}, {"10", "hold", "", "at rest"}}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "   1  update use1/bank-2  any zone may be lost  image v1 → v2\n  10  hold                                      at rest\n"},
		{50, "   1  update use1/bank-2  any zone may be lost\n      image v1 → v2\n  10  hold\n      at rest\n"},
		{30, "   1  update use1/bank-2\n      any zone may be lost\n      image v1 → v2\n  10  hold\n      at rest\n"},
		{24, "   1  update use1/bank-2\n      any zone may be\n      lost\n      image v1 → v2\n  10  hold\n      at rest\n"},
	} {
		var out strings.Builder
		Style{Width: c.width}.table(&out, rows)
		if out.String() != c.want {
			t.Errorf("width %d:\n%s\nwant\n%s", c.width, out.String(), c.want)
		}
	}
}

// Escape codes take no columns.
func TestColouredTable(t *testing.T) {
	var out strings.Builder
	style := Style{Colour: true}
	style.table(&out, [][]string{{style.paint(red, "a"), "b"}, {"cc", "d"}})
	if got := ansi.Strip(out.String()); got != "  a   b\n  cc  d\n" {
		t.Errorf("%q", got)
	}
}
