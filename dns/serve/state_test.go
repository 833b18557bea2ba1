package serve_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"quorate.dev/quorate/dns/serve"
	"quorate.dev/quorate/regions"
)

// runFor runs a server until a condition holds, then stops it.
func runFor(t *testing.T, c serve.Config, until func(*serve.Server) bool) *serve.Server {
	t.Helper()
	if c.Now == nil {
		c.Now = time.Now
	}
	server, err := serve.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- server.Run(ctx) }()
	for deadline := time.Now().Add(20 * time.Second); !until(server); {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for did not come about")
		}
		<-time.After(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return server
}

func complete(s *serve.Server) bool {
	view, _ := s.View()
	return view.Complete()
}

// keptState is a state in which both clusters of bank are known.
func keptState(t *testing.T) (file string, data []byte) {
	t.Helper()
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	use1.put(t, "slice", slicePod("bank-0", "a", "10.1.0.4"))
	euw1.put(t, "slice", slicePod("bank-0", "b", "10.2.0.4"))
	file = filepath.Join(t.TempDir(), "state.json")
	runFor(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, State: serve.StateFile(file)}, complete)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode: %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(file)); len(files) != 1 {
		t.Errorf("files are left behind: %v", files)
	}
	return file, data
}

func answerTo(s *serve.Server, name string) string {
	return brief(s.Zone().Answer(question(name+origin, mdns.TypeA), serve.UDP))
}

// TestColdStart: while a cluster cannot be reached its last known names are answered, over several starts, until it is read.
func TestColdStart(t *testing.T) {
	file, _ := keptState(t)
	use1, euw1 := newCluster(t, "use1"), newCluster(t, "euw1")
	euw1.down.Store(true)
	use1.put(t, "slice", slicePod("bank-0", "c", "10.1.0.9"))
	config := serve.Config{Topology: bank(), Sources: []serve.Source{use1.source(), euw1.source()}, State: serve.StateFile(file)}
	serial := uint32(0)
	for range 2 {
		server := runFor(t, config, func(s *serve.Server) bool {
			view, _ := s.View()
			return len(view.Unread) == 1 && s.Status()[0].Err != nil && strings.Contains(answerTo(s, "bank-0.use1."), "10.1.0.9")
		})
		if got := answerTo(server, "bank-0.euw1."); !strings.Contains(got, "NOERROR; aa; answer bank-0.euw1.bank.db.example.com. 10 IN A 10.2.0.4") {
			t.Errorf("the cluster that is away: %s", got)
		}
		view, _ := server.View()
		if len(view.Unread) != 1 || view.Unread[0] != "euw1" || time.Since(view.Restored["euw1"]) > time.Minute || view.Restored["euw1"].IsZero() {
			t.Errorf("view: unread %v, restored %v", view.Unread, view.Restored)
		}
		if s := server.Status()[0]; s.Synced || s.Restored.IsZero() || s.Pods != 1 || s.Err == nil {
			t.Errorf("status: %+v", s)
		}
		if int32(server.Zone().Serial()-serial) <= 0 && serial != 0 { //nolint:gosec // serial arithmetic
			t.Errorf("serial %d follows %d", server.Zone().Serial(), serial)
		}
		serial = server.Zone().Serial()
	}
	euw1.down.Store(false)
	server := runFor(t, config, complete)
	if got := answerTo(server, "bank-0.euw1."); !strings.HasPrefix(got, "NOERROR; aa; authority") {
		t.Errorf("the cluster was read and has no pod: %s", got)
	}
	if view, _ := server.View(); len(view.Restored) != 0 {
		t.Errorf("still restored: %v", view.Restored)
	}
}

// memory is a state in memory.
type memory struct {
	data []byte
	err  error
}

func (m *memory) Load(context.Context) ([]byte, error) { return m.data, m.err }

func (m *memory) Save(_ context.Context, data []byte) error {
	m.data = data
	return m.err
}

// TestStateThatIsNotTaken: what is damaged or somebody else's is said and left out; nothing wrong is answered.
func TestStateThatIsNotTaken(t *testing.T) {
	_, good := keptState(t)
	edited := func(edit func(*regions.Topology)) *regions.Topology {
		topology := bank()
		edit(topology)
		return topology
	}
	moved := newCluster(t, "euw1").source()
	moved.Namespace = "elsewhere"
	served := newCluster(t, "euw1").source()
	served.Services = map[string]string{"bank": "another-service"}
	tests := map[string]struct {
		data     []byte
		err      error
		topology *regions.Topology
		source   *serve.Source
		now      time.Duration
		says     string
		kept     bool // it is not written over
	}{
		"nothing kept":          {says: ""},
		"empty":                 {data: []byte{}, says: ""},
		"cannot be read":        {err: errors.New("input/output error"), says: "input/output error"},
		"no state":              {data: []byte("# a file"), says: "no state of a name server"},
		"torn":                  {data: good[:len(good)/2], says: "no state of a name server"},
		"a flipped bit":         {data: bytes.Replace(good, []byte("10.2.0.4"), []byte("10.2.0.5"), 1), says: "digest"},
		"a later format":        {data: bytes.Replace(good, []byte(`"1.1"`), []byte(`"2.0"`), 1), says: "unknown to this version", kept: true},
		"of another deployment": {data: good, topology: edited(func(t *regions.Topology) { t.Metadata.Name = "shop" }), says: "of deployment bank", kept: true},
		"of another zone":       {data: good, topology: edited(func(t *regions.Topology) { t.Spec.DNS.Zone = "other.example" }), says: "zone bank.db.example.com.", kept: true},
		"a cluster is gone":     {data: good, topology: edited(func(t *regions.Topology) { t.Spec.Regions[1].Clusters[0].Name = "euw2" }), says: "none of that name"},
		"it moved to a region":  {data: good, topology: edited(func(t *regions.Topology) { t.Spec.Regions[1].Name = "asia" }), says: "region europe-west1"},
		"in another namespace":  {data: good, source: &moved, says: "namespace elsewhere"},
		"under another service": {data: good, source: &served, says: "another-service"},
		"known too long ago":    {data: good, now: 8 * 24 * time.Hour, says: "was last known 192h"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			state := &memory{test.data, test.err}
			source := newCluster(t, "euw1").source()
			if test.source != nil {
				source = *test.source
			}
			config := serve.Config{
				Topology: bank(), Sources: []serve.Source{newCluster(t, "use1").source(), source}, State: state,
				Now: func() time.Time { return time.Now().Add(test.now) }, Log: slog.New(slog.NewTextHandler(&log, nil)),
			}
			if test.topology != nil {
				config.Topology = test.topology
			}
			server, err := serve.New(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if got := answerTo(server, "bank-0.euw1."); !strings.HasPrefix(got, "SERVFAIL") && !strings.HasPrefix(got, "REFUSED") && !strings.HasPrefix(got, "NXDOMAIN") || strings.Contains(got, "10.2.0") {
				t.Errorf("got %s", got)
			}
			if said := log.String(); !strings.Contains(said, test.says) || (strings.Contains(said, "level=ERROR") != (test.says != "")) {
				t.Errorf("said %q, want %q", said, test.says)
			}
			if test.kept != strings.Contains(log.String(), "not written over") {
				t.Errorf("said %q", log.String())
			}
		})
	}
}

// TestStateFile: what cannot be written leaves what was there.
func TestStateFile(t *testing.T) {
	dir := t.TempDir()
	file := serve.StateFile(filepath.Join(dir, "state"))
	if data, err := file.Load(t.Context()); data != nil || err != nil {
		t.Errorf("a file that does not exist: %q, %v", data, err)
	}
	for _, text := range []string{"one", "two"} {
		if err := file.Save(t.Context(), []byte(text)); err != nil {
			t.Fatal(err)
		}
		if data, err := file.Load(t.Context()); string(data) != text || err != nil {
			t.Errorf("got %q, %v", data, err)
		}
	}
	missing := serve.StateFile(filepath.Join(dir, "no", "state"))
	if err := missing.Save(t.Context(), nil); err == nil || !strings.Contains(err.Error(), string(missing)) {
		t.Errorf("into a directory that does not exist: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := serve.StateFile(filepath.Join(dir, "taken")).Save(t.Context(), nil); err == nil {
		t.Error("a directory was replaced")
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("files are left behind: %v", files)
	}
}

// FuzzState: whatever is kept, a server starts.
func FuzzState(f *testing.F) {
	f.Add([]byte(`{"format_version":"1.0","sha256":"","state":{}}`))
	f.Add([]byte(`{"format_version":"1.0","state":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		server, err := serve.New(t.Context(), serve.Config{Topology: bank(), Now: time.Now, State: &memory{data: data}})
		if err != nil {
			t.Fatal(err)
		}
		if got := answerTo(server, "bank-0.use1."); got != "SERVFAIL" {
			t.Errorf("got %s", got)
		}
	})
}
