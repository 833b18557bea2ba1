//go:build linux

package nodes

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"quorate.dev/quorate/cmd/sandbox/internal/namespaces"
)

// filePoll is how often a file is looked for that another component makes.
const filePoll = 20 * time.Millisecond

// Run is process 1 of a place. It waits on proceed for the network to be made, and ends with ctx, or at
// once when whoever was to make the network died.
func Run(ctx context.Context, file string, proceed io.Reader, narrate io.Writer) error {
	description, err := Read(file)
	if err != nil {
		return err
	}
	reaper := newReaper()
	if err := description.prepare(); err != nil {
		return fmt.Errorf("prepare place %s: %w", description.HostName, err)
	}
	if err := awaitProceed(proceed, description.HostName); err != nil {
		return err
	}
	s := supervisor{description, reaper, narrate, make(chan struct{})}
	if err := s.start(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(description.Started, []byte(time.Now().Format(time.RFC3339Nano)), 0o600); err != nil {
		return fmt.Errorf("note that place %s has started: %w", description.HostName, err)
	}
	<-ctx.Done()
	return nil // what runs in the place ends with process 1
}

// awaitProceed waits to be told to go on.
func awaitProceed(proceed io.Reader, place string) error {
	line, err := bufio.NewReader(proceed).ReadString('\n')
	if line == namespaces.Proceed {
		return nil
	}
	return errors.Join(fmt.Errorf("place %s was not connected: whoever started it has ended", place), err)
}

// supervisor runs the components of a place.
type supervisor struct {
	Description
	reaper   *reaper
	narrate  io.Writer
	imported chan struct{} // closed when the needed images are there
}

// start begins everything; it goes on until ctx ends.
func (s supervisor) start(ctx context.Context) error {
	if err := os.MkdirAll(s.Logs, 0o700); err != nil {
		return fmt.Errorf("make the directory of logs: %w", err)
	}
	if s.Images != nil {
		go s.importImages(ctx)
	}
	for _, component := range s.Components {
		log, err := os.OpenFile(filepath.Join(s.Logs, component.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("open the log of %s: %w", component.Name, err)
		}
		go s.supervise(ctx, component, log)
	}
	return nil
}

// supervise runs one component again and again.
func (s supervisor) supervise(ctx context.Context, component Component, log *os.File) {
	if component.Images {
		select {
		case <-ctx.Done():
			return
		case <-s.imported:
		}
	}
	for wait := time.Duration(0); s.awaitFile(ctx, component.Socket) && s.awaitAPI(ctx, component.API); {
		began := time.Now()
		err := s.reaper.run(component.Args, s.Environment, log)
		wait = backOff(wait, time.Since(began))
		s.say("%s ran for %s and ended (%v); it starts again in %s", component.Name, time.Since(began).Round(time.Millisecond), err, wait)
		if !pause(ctx, wait) {
			return
		}
	}
}

// awaitFile waits until a file exists; false means that ctx ended before.
func (s supervisor) awaitFile(ctx context.Context, path string) bool {
	for path != "" {
		if _, err := os.Stat(path); err == nil {
			break
		}
		if !pause(ctx, filePoll) {
			return false
		}
	}
	return ctx.Err() == nil
}

func (s supervisor) say(format string, args ...any) {
	fmt.Fprintf(s.narrate, "%s %s: "+format+"\n", append([]any{time.Now().Format(time.RFC3339Nano), s.HostName}, args...)...)
}

// pause waits; false means that ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
