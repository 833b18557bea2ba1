package journal

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// disk is a file that remembers how much of it is durable.
type disk struct {
	bytes.Buffer
	durable int // bytes that were there at the last Sync
	room    int // bytes that may still be written; negative: no limit
	syncErr error
}

var errFull = errors.New("no space left on device")

func (d *disk) Write(p []byte) (int, error) {
	if d.room >= 0 && len(p) > d.room {
		n, _ := d.Buffer.Write(p[:d.room])
		d.room = 0
		return n, errFull
	}
	if d.room >= 0 {
		d.room -= len(p)
	}
	return d.Buffer.Write(p)
}

func (d *disk) Sync() error {
	if d.syncErr == nil {
		d.durable = d.Len()
	}
	return d.syncErr
}

func clock() func() time.Time {
	now := time.Date(2026, 1, 1, 10, 0, 0, 0, time.FixedZone("CET", 3600))
	return func() time.Time { now = now.Add(time.Second); return now }
}

// written is a journal of a few entries.
func written(t testing.TB) *disk {
	t.Helper()
	d := &disk{room: -1}
	j := New(d, "run-1", clock())
	for _, e := range []Entry{
		{Event: RunStarted, Detail: "sha256:0a1b"},
		{Event: StepIntended, Step: "use1/apply", Kind: "apply", Cluster: "use1", Seen: map[string]map[string]string{"use1": {"pods": "17"}}},
		{Event: StepWrote, Step: "use1/apply", Object: "StatefulSet/bank", ResourceVersion: "18"},
		{Event: StepFailed, Step: "use1/apply", Detail: "a line\nand another, with ünicode"},
		{Event: RunEnded},
	} {
		if err := j.Append(e); err != nil {
			t.Fatal(err)
		}
		if d.durable != d.Len() {
			t.Fatalf("entry %s is not durable when Append returns", e.Event)
		}
	}
	return d
}

func TestAppend(t *testing.T) {
	entries, err := Replay(&written(t).Buffer)
	if err != nil || len(entries) != 5 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for i, e := range entries {
		if e.Sequence != i+1 || e.Run != "run-1" || e.FormatVersion != FormatVersion || e.Time.Location() != time.UTC {
			t.Errorf("entry %d is %+v", i, e)
		}
	}
	if e := entries[1]; e.Seen["use1"]["pods"] != "17" || e.Time.Format(time.RFC3339) != "2026-01-01T09:00:02Z" {
		t.Errorf("entry 2 is %+v", e)
	}
}

// TestTorn: a crash may leave any prefix of a journal; every entry that is whole in
// it is read, and nothing else.
func TestTorn(t *testing.T) {
	whole := written(t).Bytes()
	all, err := Replay(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) + 1 {
		prefix := whole[:n]
		entries, err := Replay(bytes.NewReader(prefix))
		if err != nil {
			t.Fatalf("after %d bytes: %v", n, err)
		}
		want := bytes.Count(prefix, []byte("\n"))
		if len(entries) != want || want > 0 && !reflect.DeepEqual(entries, all[:want]) {
			t.Fatalf("after %d bytes: %d entries, want %d", n, len(entries), want)
		}
	}
	// Some file systems fill a torn tail with zeros.
	entries, err := Replay(bytes.NewReader(append(bytes.Clone(whole), make([]byte, 40)...)))
	if err != nil || len(entries) != len(all) {
		t.Errorf("with a tail of zeros: %d entries, %v", len(entries), err)
	}
}

func TestDamaged(t *testing.T) {
	lines := strings.SplitAfter(written(t).String(), "\n")
	tests := map[string]struct {
		edit func([]string) []string
		want string
	}{
		"in the middle":     {func(l []string) []string { l[1] = "{\"seq\":2,\n"; return l }, "line 2 is damaged"},
		"at the end":        {func(l []string) []string { l[4] = l[4][:20] + "\n"; return l }, "line 5 is damaged"},
		"a line missing":    {func(l []string) []string { return append(l[:2], l[3:]...) }, "line 3 is damaged: entry 4 of run \"run-1\" follows entry 2"},
		"the first missing": {func(l []string) []string { return l[1:] }, "line 1 is damaged: entry 2"},
		"an empty line":     {func(l []string) []string { l[1] = "\n" + l[1]; return l }, "line 2 is damaged"},
		"null":              {func(l []string) []string { l[1] = "null\n"; return l }, "line 2 is damaged"},
		"of another run":    {func(l []string) []string { l[2] = strings.Replace(l[2], "run-1", "run-2", 1); return l }, "line 3 is damaged"},
		"of the future":     {func(l []string) []string { l[2] = strings.Replace(l[2], `"1.0"`, `"2.0"`, 1); return l }, `format version "2.0"`},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			edited := strings.Join(test.edit(append([]string(nil), lines...)), "")
			entries, err := Replay(strings.NewReader(edited))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("%d entries, %v; want %q", len(entries), err, test.want)
			}
			for i, e := range entries {
				if e.Sequence != i+1 {
					t.Errorf("entry %d beside the error is %+v", i, e)
				}
			}
		})
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("input/output error")
	if _, err := Replay(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

// TestLongEntry: an entry may be of any length.
func TestLongEntry(t *testing.T) {
	d := &disk{room: -1}
	j := New(d, "run", clock())
	for range 2 {
		if err := j.Append(Entry{Event: StepFailed, Detail: strings.Repeat("x", 3<<20)}); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := Replay(&d.Buffer); err != nil || len(entries) != 2 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// TestFullDisk: after a write that failed in the middle of a line nothing more is
// written, though there may be room again; what was there can be read.
func TestFullDisk(t *testing.T) {
	for room := range 400 { // the first lines
		d := &disk{room: room}
		j := New(d, "run-1", clock())
		var failed error
		appended := 0
		for range 6 {
			err := j.Append(Entry{Event: StepDone})
			switch {
			case failed != nil && !errors.Is(err, errFull):
				t.Fatalf("with room for %d bytes Append goes on after a failure: %v", room, err)
			case failed == nil && err == nil:
				appended++
			case failed == nil:
				failed, d.room = err, -1
			}
		}
		entries, err := Replay(&d.Buffer)
		if err != nil || len(entries) != appended {
			t.Fatalf("with room for %d bytes: %d of %d entries, %v", room, len(entries), appended, err)
		}
	}
}

// TestSyncFails: what may not be durable was not appended.
func TestSyncFails(t *testing.T) {
	d := &disk{room: -1, syncErr: errors.New("input/output error")}
	j := New(d, "run-1", clock())
	if err := j.Append(Entry{Event: RunStarted}); !errors.Is(err, d.syncErr) {
		t.Fatalf("got %v", err)
	}
	was := d.syncErr
	d.syncErr = nil
	if err := j.Append(Entry{Event: RunStarted}); !errors.Is(err, was) {
		t.Errorf("after a failed sync: %v", err)
	}
}

// TestConcurrent: entries of goroutines do not mix, and each gets a number.
func TestConcurrent(t *testing.T) {
	d := &disk{room: -1}
	j := New(d, "run-1", clock())
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 50 {
				err = errors.Join(err, j.Append(Entry{Event: StepDone}))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if entries, err := Replay(&d.Buffer); err != nil || len(entries) != 400 {
		t.Errorf("%d entries, %v", len(entries), err)
	}
}

// FuzzReplay: whatever a journal holds, what is read is in sequence, and the whole
// lines before a torn tail do not depend on the tail.
func FuzzReplay(f *testing.F) {
	f.Add(written(f).Bytes())
	f.Add([]byte("{}\n"))
	f.Add([]byte("\x00\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := Replay(bytes.NewReader(data))
		for i, e := range entries {
			if e.Sequence != i+1 || e.Run != entries[0].Run {
				t.Fatalf("entry %d is %+v", i, e)
			}
		}
		if err == nil && len(entries) != bytes.Count(data, []byte("\n")) {
			t.Fatalf("%d entries of %q without an error", len(entries), data)
		}
		if again, _ := Replay(bytes.NewReader(append(bytes.Clone(data), "{torn"...))); err == nil && len(data) > 0 && data[len(data)-1] == '\n' && len(again) != len(entries) {
			t.Errorf("a torn tail changes the entries before it")
		}
	})
}
