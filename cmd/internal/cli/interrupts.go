package cli

import (
	"errors"
	"os"
	"sync"
)

// errInterrupted ends a command that was interrupted.
var errInterrupted = errors.New("interrupted")

// interrupts hands each interrupt to whoever is in charge: at first to a handler
// that cancels the command; while a plan runs, to the run.
type interrupts struct {
	signals <-chan os.Signal
	mu      sync.Mutex
	handle  func()
}

// follow delivers interrupts to a handler until the returned function is called.
func (i *interrupts) follow(handle func()) (stop func()) {
	if i == nil {
		return func() {}
	}
	i.take(handle)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-i.signals:
				i.deliver()
			case <-ended:
				return
			}
		}
	}()
	return func() { close(ended) }
}

// take puts another handler in charge and returns the one before.
func (i *interrupts) take(handle func()) func() {
	i.mu.Lock()
	defer i.mu.Unlock()
	before := i.handle
	i.handle = handle
	return before
}

func (i *interrupts) deliver() {
	i.mu.Lock()
	handle := i.handle
	i.mu.Unlock()
	handle()
}
