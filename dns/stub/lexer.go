package stub

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// SyntaxError is a place in a configuration that cannot be understood, or not be added to safely.
type SyntaxError struct {
	Line int // 1-based; 0: of the whole text
	Why  string
}

// Error begins with the line.
func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Why
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Why)
}

// token is one word of a Corefile.
type token struct {
	text string
	line int // 1-based, of its first character
	ends int // line of its last character
	at   int // byte offset of its first character, of the quotes where it has them
	to   int // byte offset behind it
}

// comment is a comment that stands alone on its line.
type comment struct {
	text   string // without the line's end
	line   int
	at, to int // byte offsets of the whole line, with its end
}

// lexer takes a Corefile apart as CoreDNS does (coredns/caddy, caddyfile/lexer.go): words are parted by white space;
// a word that begins with a double quote goes to the next one, over lines, and \" stands for a quote in it; # begins a
// comment anywhere outside quotes, which ends with the line, or, when it was glued to a word, with the next white space.
type lexer struct {
	data     string
	at, line int
	tokens   []token
	comments []comment
}

const byteOrderMark = "\ufeff"

func lex(data string) (*lexer, error) {
	l := &lexer{data: data, line: 1}
	if len(data) >= len(byteOrderMark) && data[:len(byteOrderMark)] == byteOrderMark {
		l.at = len(byteOrderMark)
	}
	for l.at < len(l.data) {
		r, size := utf8.DecodeRuneInString(l.data[l.at:])
		switch {
		case unicode.IsSpace(r):
			l.space(r, size)
		case r == '#':
			l.comment()
		case r == '"':
			if err := l.quoted(); err != nil {
				return nil, err
			}
		default:
			l.word()
		}
	}
	return l, nil
}

func (l *lexer) space(r rune, size int) {
	if r == '\n' {
		l.line++
	}
	l.at += size
}

// comment goes to the end of the line. No word is open here.
func (l *lexer) comment() {
	start := l.lineStart(l.at)
	alone := true
	for _, r := range l.data[start:l.at] {
		alone = alone && (unicode.IsSpace(r) || start == 0 && string(r) == byteOrderMark)
	}
	end := l.at
	for end < len(l.data) && l.data[end] != '\n' {
		end++
	}
	if alone {
		to := min(end+1, len(l.data))
		l.comments = append(l.comments, comment{text: trimReturn(l.data[start:end]), line: l.line, at: start, to: to})
	}
	l.at = end
}

func trimReturn(s string) string {
	if s != "" && s[len(s)-1] == '\r' {
		return s[:len(s)-1]
	}
	return s
}

func (l *lexer) lineStart(at int) int {
	for at > 0 && l.data[at-1] != '\n' {
		at--
	}
	return at
}

func (l *lexer) quoted() error {
	t := token{line: l.line, at: l.at}
	var text []byte
	escaped := false
	for i := l.at + 1; i < len(l.data); i++ {
		c := l.data[i]
		switch {
		case !escaped && c == '\\':
			escaped = true
			continue
		case !escaped && c == '"':
			t.text, t.ends, t.to = string(text), l.line, i+1
			l.tokens = append(l.tokens, t)
			l.at = i + 1
			return nil
		case c == '\n':
			l.line++
		}
		if escaped && c != '"' {
			text = append(text, '\\')
		}
		text = append(text, c)
		escaped = false
	}
	return &SyntaxError{Line: t.line, Why: "the quotes that open here are never closed"}
}

// word goes to the next white space. A carriage return is no white space within it, and left out.
func (l *lexer) word() {
	t := token{line: l.line, ends: l.line, at: l.at}
	var text []byte
	commented := false
	for l.at < len(l.data) {
		r, size := utf8.DecodeRuneInString(l.data[l.at:])
		if unicode.IsSpace(r) && r != '\r' {
			break
		}
		commented = commented || r == '#'
		if !commented && r != '\r' {
			text = append(text, l.data[l.at:l.at+size]...)
		}
		l.at += size
	}
	t.text, t.to = string(text), l.at
	l.tokens = append(l.tokens, t)
}
