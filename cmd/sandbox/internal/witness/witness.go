package witness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

const (
	// prefix is before the keys that a witness writes.
	prefix = "/quorate/witness/"
	// answerTimeout bounds one operation at one member; then the next is asked.
	answerTimeout = time.Second
	// readEvery is after how many writes the last one is read back.
	readEvery = 5
	// findTimeout bounds the look at every key at the end, with all its tries.
	findTimeout = 30 * time.Second
)

// Witness writes and reads through the members of one etcd, one at a time: it stays with a member while
// that answers and asks the next one otherwise.
type Witness struct {
	Endpoints []string      // URLs by name, such as http://etcd-0.eu1.etcd.example.com:2379
	Pause     time.Duration // between two writes
	Log       io.Writer     // one Entry a line
	Now       func() time.Time

	members []*clientv3.Client
	current int
	number  int
	acked   int // the last acknowledged number, 0 before the first
}

// Run writes until ctx ends, then reads every key back. It fails only where it cannot work at all: what
// the database does wrong is in the log.
func (w *Witness) Run(ctx context.Context) (err error) {
	if len(w.Endpoints) == 0 {
		return errors.New("no endpoint to write to is named")
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for _, endpoint := range w.Endpoints {
		client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, DialTimeout: answerTimeout, Logger: zap.NewNop()})
		if err != nil {
			return fmt.Errorf("make a client for %s: %w", endpoint, err)
		}
		w.members = append(w.members, client)
	}
	tick := time.NewTicker(w.Pause)
	defer tick.Stop()
	for ctx.Err() == nil {
		if err := w.round(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	return w.find(context.WithoutCancel(ctx))
}

// round writes the next number and now and then reads the last acknowledged one.
func (w *Witness) round(ctx context.Context) error {
	w.number++
	n := w.number
	err := w.try(ctx, OpWrite, n, func(ctx context.Context, member *clientv3.Client, _ *Entry) error {
		_, err := member.Put(ctx, key(n), strconv.Itoa(n))
		return err
	})
	if err != nil || n%readEvery != 0 || w.acked == 0 {
		return err
	}
	return w.try(ctx, OpRead, w.acked, func(ctx context.Context, member *clientv3.Client, entry *Entry) error {
		got, err := member.Get(ctx, key(entry.N))
		if err == nil {
			entry.Missing = got.Count == 0
		}
		return err
	})
}

// try does one operation at the current member, logs it, and turns to the next member if it failed.
// Only a log that cannot be written is an error.
func (w *Witness) try(ctx context.Context, op string, n int, do func(context.Context, *clientv3.Client, *Entry) error) error {
	entry := Entry{Op: op, N: n, Endpoint: w.Endpoints[w.current]}
	started := w.Now()
	bounded, cancel := context.WithTimeout(ctx, answerTimeout)
	err := do(bounded, w.members[w.current], &entry)
	cancel()
	if err != nil && ctx.Err() != nil {
		return nil // ended by us: it says nothing about the database
	}
	entry.At = w.Now()
	entry.Took = float64(entry.At.Sub(started).Microseconds()) / 1000
	switch {
	case err != nil:
		entry.Error = err.Error()
		w.current = (w.current + 1) % len(w.members)
	case op == OpWrite:
		w.acked = n
	}
	return w.log(entry)
}

// find reads every key, from whichever member answers.
func (w *Witness) find(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	for {
		var found []int
		err := w.try(ctx, OpFind, 0, func(ctx context.Context, member *clientv3.Client, entry *Entry) error {
			got, err := member.Get(ctx, prefix, clientv3.WithPrefix(), clientv3.WithKeysOnly())
			if err != nil {
				return err
			}
			for _, kv := range got.Kvs {
				n, err := strconv.Atoi(strings.TrimPrefix(string(kv.Key), prefix))
				if err != nil {
					return fmt.Errorf("a key that no witness wrote: %q", kv.Key)
				}
				found = append(found, n)
			}
			slices.Sort(found)
			entry.Found = found
			return nil
		})
		if err != nil || found != nil || w.acked == 0 {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("read every key back: no member answered within %s", findTimeout)
		}
	}
}

func (w *Witness) log(entry Entry) error {
	line, err := json.Marshal(entry)
	if err == nil {
		_, err = w.Log.Write(append(line, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write the witness's log: %w", err)
	}
	return nil
}

func (w *Witness) close() error {
	var failures []error
	for _, member := range w.members {
		failures = append(failures, member.Close())
	}
	return errors.Join(failures...)
}

// key sorts by number.
func key(n int) string { return fmt.Sprintf("%s%09d", prefix, n) }
