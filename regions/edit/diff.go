package edit

import "strings"

// Line is one line that differs between two versions of a file.
type Line struct {
	Number int    `json:"line"` // 1-based, in the version that has it: the new one where there is an After
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	// Added is set where the former version has no such line.
	Added bool `json:"added,omitempty"`
}

// Diff lists the lines in which an edited file differs from what it was. Edits change lines and
// add some for the key replicas; they take none away.
func Diff(before, after []byte) []Line {
	old, edited := split(before), split(after)
	var out []Line
	i := 0
	for j, line := range edited {
		switch {
		case i < len(old) && old[i] == line:
			i++
		case i >= len(old), len(edited)-j > len(old)-i && replicas(line) && !replicas(old[i]):
			out = append(out, Line{Number: j + 1, After: line, Added: true})
		default:
			out = append(out, Line{Number: j + 1, Before: old[i], After: line})
			i++
		}
	}
	return out
}

// replicas tells a line that begins with the key.
func replicas(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), "replicas:") }

func split(data []byte) []string {
	lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
