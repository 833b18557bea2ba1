// Package journal keeps the record of a run: what was intended before it was
// done, what was seen when it was decided, and how it ended.
//
// The record is an append-only file of JSON lines. An intent is on the disk
// (fsync) before the engine acts on it, so that after a crash at any instant the
// last thing that may have happened is known. A last line torn by a crash, one
// without its newline, is left out by Replay: it was never acted on.
package journal

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// FormatVersion is the version of a journal entry.
const FormatVersion = "1.0"

// Event is what an entry says of its step.
type Event string

// The events of a run.
const (
	RunStarted   Event = "run-started"
	RunEnded     Event = "run-ended"
	StepIntended Event = "step-intended" // written before the engine acts
	StepWrote    Event = "step-wrote"    // one write that a cluster acknowledged
	StepDone     Event = "step-done"
	StepSkipped  Event = "step-skipped" // it was true already
	StepFailed   Event = "step-failed"
)

// Entry is one line of a journal.
type Entry struct {
	FormatVersion string    `json:"format_version"`
	Sequence      int       `json:"seq"` // from 1, without gaps
	Time          time.Time `json:"time"`
	Run           string    `json:"run"`
	Event         Event     `json:"event"`
	Step          string    `json:"step,omitempty"`
	Kind          string    `json:"kind,omitempty"`
	Detail        string    `json:"detail,omitempty"`
	// Seen are the resource versions, per cluster and resource, that the write was decided on.
	Seen map[string]map[string]string `json:"seen,omitempty"`
	// Cluster, Object and ResourceVersion tell what a write changed.
	Cluster         string `json:"cluster,omitempty"`
	Object          string `json:"object,omitempty"`
	ResourceVersion string `json:"resource_version,omitempty"`
}

// File is what a journal is written to; *os.File is one.
type File interface {
	io.Writer
	Sync() error
}

// Journal appends entries to a file. It may be used by several goroutines.
type Journal struct {
	mu     sync.Mutex
	file   File
	run    string
	now    func() time.Time
	seq    int   // of the last durable entry
	broken error // the first failure to write: what the file ends with is not known
}

// New starts the journal of one run.
func New(file File, run string, now func() time.Time) *Journal {
	return &Journal{file: file, run: run, now: now}
}

// Append writes one entry and makes it durable before it returns. Sequence, time
// and run are filled in. Once a write has failed the file may end in the middle
// of a line, so every later Append fails with the same error: nothing may be done of
// which there would be no record.
func (j *Journal) Append(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.broken != nil {
		return j.broken
	}
	e.FormatVersion, e.Sequence, e.Time, e.Run = FormatVersion, j.seq+1, j.now().UTC(), j.run
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal of run %s: encode entry %d: %w", j.run, e.Sequence, err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		j.broken = fmt.Errorf("journal of run %s: write entry %d: %w", j.run, e.Sequence, err)
		return j.broken
	}
	if err := j.file.Sync(); err != nil {
		j.broken = fmt.Errorf("journal of run %s: make entry %d durable: %w", j.run, e.Sequence, err)
		return j.broken
	}
	j.seq++
	return nil
}

// Replay reads the entries of a journal in order. What follows the last newline is
// left out. A line that is damaged, of an unknown major format version or not
// the next in sequence is an error that names it; the entries before it are
// returned beside the error.
func Replay(r io.Reader) ([]Entry, error) {
	var out []Entry
	lines := bufio.NewReader(r)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, fmt.Errorf("read journal after line %d: %w", number-1, err)
		}
		e, err := decode(line)
		if err == nil {
			err = follows(out, e)
		}
		if err != nil {
			return out, fmt.Errorf("journal line %d is damaged: %w", number, err)
		}
		out = append(out, e)
	}
}

func decode(line []byte) (Entry, error) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil {
		return Entry{}, err
	}
	if major, _, _ := strings.Cut(e.FormatVersion, "."); major != "1" {
		return Entry{}, fmt.Errorf("format version %q is not understood, this quorate reads 1.x", e.FormatVersion)
	}
	return e, nil
}

// follows checks that no entry is missing between the last one and e.
func follows(before []Entry, e Entry) error {
	last := Entry{Run: e.Run}
	if n := len(before); n > 0 {
		last = before[n-1]
	}
	if e.Sequence != last.Sequence+1 || e.Run != last.Run {
		return fmt.Errorf("entry %d of run %q follows entry %d of run %q", e.Sequence, e.Run, last.Sequence, last.Run)
	}
	return nil
}
