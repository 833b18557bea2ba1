package cli

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"quorate.dev/quorate/regions/discover"
)

// question is something that no cluster can tell.
type question struct {
	flag, text, otherwise string
	answer                *string
	// needed is false where the flag's absence says enough.
	needed bool
}

// complete asks on a terminal for what the flags do not say; elsewhere it names the flags that are missing.
func (a *app) complete(ctx context.Context, c *discover.Choices) error {
	manifests := c.Profile != "generic"
	questions := []question{
		{"--name", "name of the deployment", "db", &c.Name, true},
		{"--dns-zone", "DNS zone in which replicas have their names", "", &c.Zone, manifests},
		{"--image", "image of " + c.Profile + ", with a tag or digest", "", &c.Image, manifests},
	}
	var missing []string
	for i := range questions {
		q := &questions[i]
		if !q.needed || *q.answer != "" {
			continue
		}
		missing = append(missing, q.flag)
		if !a.inTerminal {
			continue
		}
		if q.flag == "--dns-zone" {
			q.otherwise = c.Name + ".db.internal" // .internal is kept for private use (ICANN resolution 2024.07.29.06)
		}
		if err := a.askFor(ctx, q); err != nil {
			return err
		}
	}
	if len(missing) > 0 && !a.inTerminal {
		return invalidInput{fmt.Errorf("init would ask, and standard input is no terminal: pass %s", strings.Join(missing, ", "))}
	}
	return nil
}

// askFor asks until there is an answer; an empty line takes the default.
func (a *app) askFor(ctx context.Context, q *question) error {
	prompt := q.text
	if q.otherwise != "" {
		prompt += " [" + q.otherwise + "]"
	}
	for {
		fmt.Fprintf(a.err, "%s: ", prompt)
		text, err := a.readLine(ctx)
		if err != nil {
			return fmt.Errorf("no answer to %q (%w): %w", q.text, err, errNotApproved)
		}
		if *q.answer = cmp.Or(text, q.otherwise); *q.answer != "" {
			return nil
		}
	}
}

// readLine reads one line, or ends with an interrupt. Typing ahead of a question is not lost: the reader
// is asked for one byte at a time.
func (a *app) readLine(ctx context.Context) (string, error) {
	type answer struct {
		text string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReaderSize(oneByte{a.in}, 16).ReadString('\n')
		read <- answer{strings.TrimSpace(text), err}
	}()
	select {
	case got := <-read:
		return got.text, got.err
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// oneByte keeps a buffered reader from taking more than it was asked for.
type oneByte struct{ io.Reader }

func (r oneByte) Read(p []byte) (int, error) { return r.Reader.Read(p[:min(1, len(p))]) }
