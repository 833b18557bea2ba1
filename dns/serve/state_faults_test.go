package serve_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"quorate.dev/quorate/dns/serve"
)

// TestStateFileAfterAKill: what a server left that was killed while it wrote is neither read nor kept.
func TestStateFileAfterAKill(t *testing.T) {
	file, good := keptState(t)
	dir := filepath.Dir(file)
	for range 3 {
		if err := os.WriteFile(filepath.Join(dir, ".state.json.new"), good[:len(good)/2], 0o600); err != nil {
			t.Fatal(err)
		}
		data, err := serve.StateFile(file).Load(t.Context())
		if err != nil || !bytes.Equal(data, good) {
			t.Fatalf("got %q, %v", data, err)
		}
		if err := serve.StateFile(file).Save(t.Context(), good); err != nil {
			t.Fatal(err)
		}
		if files, _ := os.ReadDir(dir); len(files) != 1 {
			t.Errorf("files are left behind: %v", files)
		}
	}
}

// TestStateFileIsNoWayElsewhere: a link in the place of the file being written is not followed.
func TestStateFileIsNoWayElsewhere(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("theirs"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, filepath.Join(dir, ".state.new")); err != nil {
		t.Fatal(err)
	}
	if err := serve.StateFile(filepath.Join(dir, "state")).Save(t.Context(), []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(other); string(data) != "theirs" || err != nil {
		t.Errorf("it holds %q, %v", data, err)
	}
}

// sharedLog is a log that the server and the test use at once.
type sharedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sharedLog) says(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), what)
}

// TestStateThatCannotBeKept: a full disk and a directory that is none are told with what follows from it, and names are answered all the same.
func TestStateThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, state := range map[string]serve.State{
		"no space left on device": &memory{err: syscall.ENOSPC},
		"not a directory":         serve.StateFile(filepath.Join(file, "state.json")),
	} {
		t.Run(want, func(t *testing.T) {
			log := &sharedLog{}
			use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
			use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
			server := runFor(t, serve.Config{
				Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, State: state, Log: slog.New(slog.NewTextHandler(log, nil)),
			}, func(s *serve.Server) bool {
				return complete(s) && log.says("could not be kept; a restart without the clusters would answer what was kept before, or SERVFAIL")
			})
			if !log.says(want) {
				t.Errorf("%q is not said in\n%s", want, log.text.String())
			}
			if got := answerTo(server, "bank-0.use1."); !strings.Contains(got, "10.1.0.4") {
				t.Errorf("got %s", got)
			}
		})
	}
}
