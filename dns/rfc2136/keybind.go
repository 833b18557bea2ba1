package rfc2136

import (
	"errors"
	"fmt"
	"strings"
)

// A bindToken is a word, a quoted string, or one of { } ;.
type bindToken struct {
	text   string
	line   int
	quoted bool
}

func (t bindToken) is(text string) bool { return !t.quoted && t.text == text }

// parseBIND takes the key and include statements of a file in the syntax of named.conf (BIND 9
// Administrator Reference Manual, "Configuration File"), and passes over all others.
func (r *keyReader) parseBIND(file, text string) error {
	tokens, line, err := bindTokens(text)
	if err != nil {
		return fmt.Errorf("%s:%d: %w", file, line, err)
	}
	p := bindParser{file: file, tokens: tokens}
	for !p.done() {
		first := p.next()
		switch {
		case first.is("key"):
			err = p.key(r, first.line)
		case first.is("include"):
			other := p.next()
			if err = p.end(first.line); err == nil {
				err = r.include(file, first.line, other.text)
			}
		default:
			err = p.skip(first)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

type bindParser struct {
	file   string
	tokens []bindToken
}

func (p *bindParser) done() bool { return len(p.tokens) == 0 }

// next is the next token; at the end it is empty.
func (p *bindParser) next() bindToken {
	if p.done() {
		return bindToken{}
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *bindParser) fail(line int, why string) error {
	return fmt.Errorf("%s:%d: %s", p.file, line, why)
}

func (p *bindParser) end(line int) error {
	if t := p.next(); !t.is(";") {
		return p.fail(line, "the statement does not end with a semicolon")
	}
	return nil
}

// key takes what follows the word key: a name and a block.
func (p *bindParser) key(r *keyReader, line int) error {
	name := p.next().text
	if !p.next().is("{") {
		return p.fail(line, `a key is written key "name" { algorithm …; secret "…"; };`)
	}
	values := map[string]string{}
	for {
		option := p.next()
		if option.is("}") {
			break
		}
		if !option.is("algorithm") && !option.is("secret") {
			return p.fail(line, "a key holds algorithm and secret alone, each ended by a semicolon")
		}
		values[option.text] = p.next().text
		if err := p.end(option.line); err != nil {
			return err
		}
	}
	if err := p.end(line); err != nil {
		return err
	}
	return r.add(p.file, line, name, values["algorithm"], values["secret"])
}

// skip passes over a statement with its blocks.
func (p *bindParser) skip(t bindToken) error {
	line, depth := t.line, 0
	for {
		switch {
		case t.is("{"):
			depth++
		case t.is("}"):
			depth--
		case t.is(";") && depth <= 0:
			return nil
		}
		if p.done() {
			return p.fail(line, "the statement that begins here has no end")
		}
		t = p.next()
	}
}

// bindTokens takes a text apart. Comments are #, // and /* */. On an error it tells the line.
func bindTokens(text string) ([]bindToken, int, error) {
	var tokens []bindToken
	line := 1
	for text != "" {
		n, token, err := bindToken1(text)
		if err != nil {
			return nil, line, err
		}
		if token != nil {
			token.line = line
			tokens = append(tokens, *token)
		}
		line += strings.Count(text[:n], "\n")
		text = text[n:]
	}
	return tokens, line, nil
}

// bindToken1 is how long the first thing of a text is, and the token where it is one.
func bindToken1(text string) (int, *bindToken, error) {
	switch {
	case strings.HasPrefix(text, "#"), strings.HasPrefix(text, "//"):
		return through(text, "\n"), nil, nil
	case strings.HasPrefix(text, "/*"):
		end := strings.Index(text[2:], "*/")
		if end < 0 {
			return 0, nil, errors.New("the comment that begins here has no end")
		}
		return end + 4, nil, nil
	case strings.ContainsAny(text[:1], " \t\r\n"):
		return 1, nil, nil
	case strings.ContainsAny(text[:1], "{};"):
		return 1, &bindToken{text: text[:1]}, nil
	case text[0] == '"':
		end := strings.IndexAny(text[1:], "\"\n")
		if end < 0 || text[1+end] == '\n' {
			return 0, nil, errors.New("the quoted string that begins here has no end")
		}
		return end + 2, &bindToken{text: text[1 : 1+end], quoted: true}, nil
	}
	end := wordEnd(text)
	return end, &bindToken{text: text[:end]}, nil
}

// wordEnd is where a word without quotes ends. A slash is of base64, and begins a comment only before another or a star.
func wordEnd(text string) int {
	for i := 1; i < len(text); i++ {
		if strings.ContainsRune(" \t\r\n{};\"#", rune(text[i])) || strings.HasPrefix(text[i:], "/*") {
			return i
		}
	}
	return len(text)
}

func through(text, mark string) int {
	if i := strings.Index(text, mark); i >= 0 {
		return i + len(mark)
	}
	return len(text)
}
