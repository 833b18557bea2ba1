package stub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// The marks around an owned fragment. Both are whole lines outside of all blocks.
const (
	beginMark = "# quorate:begin"
	endMark   = "# quorate:end"
)

// fragment is an owned part of a Corefile, as found.
type fragment struct {
	at, to int // byte offsets of its lines; to is behind the last line's end, where it has one
	line   int
	body   string // the lines between the marks, each ended by a line feed
	hash   string // as its mark says
	edited string // why it is not as it was written; empty: it is
}

// digest is of the body, in whichever way its lines end.
func digest(body string) string {
	const shown = 6
	sum := sha256.Sum256([]byte(strings.ReplaceAll(body, "\r\n", "\n")))
	return hex.EncodeToString(sum[:shown])
}

// markOf takes a comment as a mark of the deployment: its kind, and the rest of its words.
func markOf(c comment, deployment string) (kind string, rest []string) {
	words := strings.Fields(strings.TrimLeft(strings.TrimSpace(strings.TrimPrefix(c.text, byteOrderMark)), "# \t"))
	if len(words) < 2 || words[1] != deployment {
		return "", nil
	}
	if mark := "# " + words[0]; mark == beginMark || mark == endMark {
		return mark, words[2:]
	}
	return "", nil
}

// find looks for the deployment's fragment; nil where there is none. What is left of one that
// cannot be told from its surroundings any more is an error.
func (c *corefile) find(deployment string) (*fragment, error) {
	var begin, end *comment
	var hash []string
	for i := range c.comments {
		kind, rest := markOf(c.comments[i], deployment)
		mark := &c.comments[i]
		switch {
		case kind == "":
			continue
		case kind == beginMark && begin == nil && c.outside(mark):
			begin, hash = mark, rest
		case kind == endMark && begin != nil && end == nil && c.outside(mark):
			end = mark
		default:
			return nil, &SyntaxError{Line: mark.line, Why: fmt.Sprintf("this mark of quorate for deployment %s stands where none belongs: take the lines that quorate wrote out by hand, marks included", deployment)}
		}
	}
	switch {
	case begin == nil:
		return nil, nil
	case end == nil:
		return nil, &SyntaxError{Line: begin.line, Why: fmt.Sprintf("the mark that ends what quorate wrote for deployment %s is missing: take those lines out by hand, this one included", deployment)}
	}
	f := &fragment{at: begin.at, to: end.to, line: begin.line, body: c.data[begin.to:end.at], hash: strings.Join(hash, " ")}
	f.edited = f.changed(begin.text, end.text, deployment)
	return f, nil
}

// changed is why a fragment is not as it was written.
func (f *fragment) changed(begin, end, deployment string) string {
	switch {
	case begin != fmt.Sprintf("%s %s %s", beginMark, deployment, f.hash), end != fmt.Sprintf("%s %s", endMark, deployment):
		return "its marks were changed by hand"
	case digest(f.body) != f.hash:
		return "what quorate wrote there was changed by hand"
	}
	return ""
}

// outside tells a comment that is in no block.
func (c *corefile) outside(m *comment) bool {
	for _, b := range c.blocks {
		if b.at < m.to && m.at < b.to {
			return false
		}
	}
	return true
}

// written is the fragment's text for a body, with the line ends of the file and without the last one.
func written(deployment, body, newline string) string {
	text := fmt.Sprintf("%s %s %s\n%s%s %s", beginMark, deployment, digest(body), body, endMark, deployment)
	return strings.ReplaceAll(text, "\n", newline)
}

// newlineOf is how the last line of a file ends that has an end. It is the last one so that
// fragments which follow one another end theirs alike.
func newlineOf(data string) string {
	if i := strings.LastIndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// insert puts the body into the file: in the place of the present fragment, or at the end. Where the file's last
// line has no end, neither has the fragment's, so that taking it out gives the very bytes back.
func (c *corefile) insert(deployment, body string, present *fragment) string {
	if present != nil {
		newline := newlineOf(c.data[present.at:present.to])
		text := written(deployment, body, newline)
		if strings.HasSuffix(c.data[present.at:present.to], "\n") {
			text += newline
		}
		return c.data[:present.at] + text + c.data[present.to:]
	}
	newline := newlineOf(c.data)
	text := written(deployment, body, newline)
	if c.data == "" || strings.HasSuffix(c.data, "\n") {
		return c.data + text + newline
	}
	return c.data + newline + text
}

// remove takes the fragment out.
func (c *corefile) remove(f *fragment) string {
	before, after := c.data[:f.at], c.data[f.to:]
	if !strings.HasSuffix(c.data[f.at:f.to], "\n") { // the line end before it is its own
		before = strings.TrimSuffix(before, newlineOf(c.data[f.at:f.to]))
	}
	return before + after
}
