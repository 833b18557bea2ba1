// Package journal keeps the record of a run: what was intended before it was
// done, what was seen when it was decided, and how it ended.
//
// The record is an append-only file of JSON lines. An intent is on the disk
// (fsync) before the engine acts on it, so that after a crash at any instant the
// last thing that may have happened is known. A last line torn by a crash is
// tolerated by Replay: it was never acted on.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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

// Journal appends entries to a file.
type Journal struct {
	mu   sync.Mutex
	file File
	run  string
	now  func() time.Time
	seq  int
}

// New starts the journal of one run.
func New(file File, run string, now func() time.Time) *Journal {
	return &Journal{file: file, run: run, now: now}
}

// Append writes one entry and makes it durable before it returns. Sequence, time
// and run are filled in.
func (j *Journal) Append(e Entry) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.seq++
	e.FormatVersion, e.Sequence, e.Time, e.Run = FormatVersion, j.seq, j.now().UTC(), j.run
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal of run %s: encode entry %d: %w", j.run, e.Sequence, err)
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("journal of run %s: write entry %d: %w", j.run, e.Sequence, err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("journal of run %s: make entry %d durable: %w", j.run, e.Sequence, err)
	}
	return nil
}

// Replay reads the entries of a journal in order. A torn last line is left out; a
// damaged line before the end is an error, since entries after it exist.
func Replay(r io.Reader) ([]Entry, error) {
	var out []Entry
	var damaged error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		if damaged != nil {
			return nil, damaged
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			damaged = fmt.Errorf("journal line %d is damaged: %w", number, err)
			continue
		}
		out = append(out, e)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read journal: %w", err)
	}
	return out, nil
}
