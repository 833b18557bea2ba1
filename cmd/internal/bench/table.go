package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// row is one line of the table.
type row struct {
	key                        string // in the history
	what, ours, against, ratio string
	aim                        string
}

// table is the outcome of a run.
type table struct {
	machine string
	rows    []row
}

// text is the table in Markdown, its columns aligned.
func (t table) text() string {
	cells := [][]string{{"what", "quorate", "beside it", "ratio", "aim"}}
	for _, r := range t.rows {
		cells = append(cells, []string{r.what, r.ours, r.against, r.ratio, r.aim})
	}
	return "Machine: " + t.machine + ".\n\n" + aligned(cells)
}

// aligned writes a Markdown table; the first row is its head.
func aligned(cells [][]string) string {
	widths := make([]int, len(cells[0]))
	for _, row := range cells {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for n, row := range cells {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)) + " ")
		}
		b.WriteString("|\n")
		if n > 0 {
			continue
		}
		for _, width := range widths {
			b.WriteString("|" + strings.Repeat("-", width+2))
		}
		b.WriteString("|\n")
	}
	return b.String()
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	const two = 10
	if ms < two {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(bytes int64) string {
	const mega = 1e6
	return fmt.Sprintf("%.0f MB", float64(bytes)/mega)
}

// ratio is the share of ours in theirs.
func ratio(ours, theirs time.Duration) string {
	return fmt.Sprintf("%.3f", ours.Seconds()/theirs.Seconds())
}

// machine names the machine by cores and memory alone, and what else it had to do.
func machine() string {
	text := fmt.Sprintf("%d cores", runtime.NumCPU())
	if kib := field("/proc/meminfo", "MemTotal:"); kib > 0 {
		const gibi = 1 << 20
		text += fmt.Sprintf(", %.0f GB", kib/gibi)
	}
	if data, err := os.ReadFile("/proc/loadavg"); err == nil {
		load, _, _ := strings.Cut(string(data), " ")
		text += ", load average before the run " + load
	}
	return text
}

// field reads a number behind a label in a file of /proc; 0 where there is none.
func field(file, label string) float64 {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(data), label)
	if words := strings.Fields(rest); len(words) > 0 {
		number, _ := strconv.ParseFloat(words[0], 64) // 0 where it is none
		return number
	}
	return 0
}
