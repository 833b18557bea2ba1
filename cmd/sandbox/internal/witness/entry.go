// Package witness is a client that writes to etcd and reads back all the time, and tells afterwards
// what it saw: acknowledged writes that were lost, the longest time without an acknowledged one,
// errors. It goes by names alone, as an application would.
package witness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// Operations of an entry.
const (
	OpWrite = "write" // of a key of its own
	OpRead  = "read"  // linearizable, of the last acknowledged write
	OpFind  = "find"  // at the end, of every key there is
	OpMark  = "mark"  // nothing was asked: a phase begins
)

// Entry is one operation and how it ended; a log has one JSON object a line.
type Entry struct {
	At       time.Time `json:"at"` // when the answer came
	Op       string    `json:"op"`
	N        int       `json:"n"`                  // the number written or read
	Took     float64   `json:"took_ms"`            // milliseconds
	Endpoint string    `json:"endpoint,omitempty"` // who was asked
	Found    []int     `json:"found,omitempty"`    // find: all numbers, ascending
	Missing  bool      `json:"missing,omitempty"`  // read: the acknowledged write is not there
	Phase    string    `json:"phase,omitempty"`    // mark: its name
	Error    string    `json:"error,omitempty"`    // why there was no answer; a write may have happened all the same
}

// Mark notes in a log that a phase begins; a witness may be writing to the same log.
func Mark(log io.Writer, at time.Time, phase string) error {
	line, err := json.Marshal(Entry{At: at, Op: OpMark, Phase: phase})
	if err == nil {
		_, err = log.Write(append(line, '\n')) // one write: lines of several writers do not mix
	}
	if err != nil {
		return fmt.Errorf("mark phase %s in the witness's log: %w", phase, err)
	}
	return nil
}

// ReadLog decodes a log. A last line that was cut short is dropped.
func ReadLog(from io.Reader) ([]Entry, error) {
	var entries []Entry
	lines := bufio.NewReader(from)
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read line %d of the witness's log: %w", number, err)
		}
		var entry Entry
		if err := json.Unmarshal(line, &entry); err != nil {
			return nil, fmt.Errorf("read line %d of the witness's log: %w", number, err)
		}
		entries = append(entries, entry)
	}
}
