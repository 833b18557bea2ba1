package stub

import (
	"slices"
	"strings"
)

// corefile is the structure of a Corefile, as far as an entry needs it.
type corefile struct {
	data     string
	blocks   []block
	imports  []directive // outside of all blocks
	comments []comment
	snippets map[string][]directive
}

// block is one server block, or a snippet.
type block struct {
	keys       []token // its zones, as written
	directives []directive
	line       int
	at, to     int  // byte offsets, from its first key to behind its closing brace
	braces     bool // without them a block goes to the end of the file
}

// directive is one plugin's line in a block.
type directive struct {
	name string
	args []string // on its first line
	line int
}

// parser follows coredns/caddy, caddyfile/parse.go.
type parser struct {
	*corefile
	tokens []token
	at     int
}

// parseCorefile understands the blocks of a Corefile. It expands nothing: what an import of
// a file brings, and what an environment variable holds, is not known here.
func parseCorefile(data string) (*corefile, error) {
	l, err := lex(data)
	if err != nil {
		return nil, err
	}
	p := &parser{corefile: &corefile{data: data, comments: l.comments, snippets: map[string][]directive{}}, tokens: l.tokens}
	for p.at < len(p.tokens) {
		if err := p.block(); err != nil {
			return nil, err
		}
	}
	return p.corefile, nil
}

func (p *parser) more() bool { return p.at < len(p.tokens) }

func (p *parser) text() string { return p.tokens[p.at].text }

// newLine tells whether the present token is the first of its line.
func (p *parser) newLine() bool {
	return p.at == 0 || p.tokens[p.at-1].ends < p.tokens[p.at].line
}

func (p *parser) block() error {
	b := block{line: p.tokens[p.at].line, at: p.tokens[p.at].at}
	if err := p.keys(&b); err != nil {
		return err
	}
	if len(b.keys) == 0 && !p.more() {
		return nil // an import was the last thing
	}
	if p.more() && p.text() == "{" {
		if len(b.keys) == 0 {
			return &SyntaxError{Line: p.tokens[p.at].line, Why: "a block without a zone"}
		}
		b.braces = true
		p.at++
	}
	if err := p.directives(&b); err != nil {
		return err
	}
	if name, ok := snippetName(b); ok {
		p.snippets[name] = b.directives
	}
	p.blocks = append(p.blocks, b)
	return nil
}

// snippetName is what a block of that shape is imported by.
func snippetName(b block) (string, bool) {
	if len(b.keys) != 1 {
		return "", false
	}
	name, ok := strings.CutPrefix(b.keys[0].text, "(")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(name, ")")
}

// keys reads the zones of a block: to an opening brace, or to the end of a line that ends without a comma.
func (p *parser) keys(b *block) error {
	expecting := false
	for p.more() {
		switch {
		case p.text() == "import" && p.newLine():
			p.imports = append(p.imports, p.line())
			if len(b.keys) == 0 && p.more() {
				b.line, b.at = p.tokens[p.at].line, p.tokens[p.at].at
			}
			continue
		case p.text() == "{":
			if expecting {
				return &SyntaxError{Line: p.tokens[p.at].line, Why: "a zone is missing behind the comma"}
			}
			return nil
		}
		key := p.tokens[p.at]
		if key.text == "}" {
			return &SyntaxError{Line: key.line, Why: "a brace is closed that was never opened"}
		}
		if key.text != "" {
			key.text, expecting = strings.CutSuffix(key.text, ",")
			b.keys = append(b.keys, key)
		}
		p.at++
		if !expecting && p.more() && p.newLine() {
			return nil
		}
	}
	if expecting {
		return &SyntaxError{Line: b.line, Why: "a zone is missing behind the comma"}
	}
	return nil
}

// line takes the tokens of the present line as one directive.
func (p *parser) line() directive {
	d := directive{name: p.text(), line: p.tokens[p.at].line}
	for p.at++; p.more() && !p.newLine(); p.at++ {
		d.args = append(d.args, p.text())
	}
	return d
}

func (p *parser) directives(b *block) error {
	for p.more() {
		if p.text() == "}" {
			if !b.braces {
				return &SyntaxError{Line: p.tokens[p.at].line, Why: "a brace is closed that was never opened"}
			}
			b.to = p.tokens[p.at].to
			p.at++
			return nil
		}
		d, err := p.directive()
		if err != nil {
			return err
		}
		b.directives = append(b.directives, d)
	}
	if b.braces {
		return &SyntaxError{Line: b.line, Why: "the block that begins here is never closed"}
	}
	b.to = len(p.data)
	return nil
}

// directive reads a plugin's line and the braces that it opens.
func (p *parser) directive() (directive, error) {
	d := directive{name: p.text(), line: p.tokens[p.at].line}
	depth, nested := 0, false
	for p.at++; p.more(); p.at++ {
		switch text := p.text(); {
		case text == "{":
			depth, nested = depth+1, true
		case depth == 0 && p.newLine():
			return d, nil
		case text == "}" && depth == 0:
			return d, &SyntaxError{Line: p.tokens[p.at].line, Why: "a brace is closed that was never opened on a line of its own"}
		case text == "}":
			depth--
		case !nested:
			d.args = append(d.args, text)
		}
	}
	if depth > 0 {
		return d, &SyntaxError{Line: d.line, Why: "the braces that open here are never closed"}
	}
	return d, nil
}

// servers are the blocks that are no snippets.
func (c *corefile) servers() []block {
	return slices.DeleteFunc(slices.Clone(c.blocks), func(b block) bool { _, snippet := snippetName(b); return snippet })
}

// expanded are a block's directives, those of the snippets that it imports in their place.
func (c *corefile) expanded(b block) []directive { return c.expand(b.directives, 0) }

// maxImports bounds snippets that import one another, which CoreDNS would refuse.
const maxImports = 8

func (c *corefile) expand(directives []directive, depth int) []directive {
	var out []directive
	for _, d := range directives {
		if d.name == "import" && len(d.args) > 0 && depth < maxImports {
			if snippet, ok := c.snippets[d.args[0]]; ok {
				for _, inner := range c.expand(snippet, depth+1) {
					inner.line = d.line
					out = append(out, inner)
				}
				continue
			}
		}
		out = append(out, d)
	}
	return out
}

// openEnded is the line of a block without braces, to which nothing can be added; 0: there is none.
func (c *corefile) openEnded() int {
	for _, b := range c.blocks {
		if !b.braces {
			return b.line
		}
	}
	return 0
}
