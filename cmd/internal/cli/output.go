package cli

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// output is standard output, and remembers its first failure, so that no command ends as if all had been printed. A reader
// that has seen enough and went away (EPIPE) is no failure.
type output struct {
	to io.Writer

	mu   sync.Mutex // guards lost
	lost error
}

// Write writes, or drops what nobody reads any more.
func (o *output) Write(text []byte) (int, error) {
	n, err := o.to.Write(text)
	if err == nil {
		return n, nil
	}
	if errors.Is(err, syscall.EPIPE) {
		return len(text), nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == nil {
		o.lost = err
	}
	return n, err
}

// incomplete is why not all of the output is where it was to go; nil: it is.
func (o *output) incomplete() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == nil {
		return nil
	}
	return fmt.Errorf("standard output is not complete: %w", o.lost)
}
