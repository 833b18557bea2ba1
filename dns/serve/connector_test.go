package serve_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/kubernetes"

	"quorate.dev/quorate/dns/serve"
)

// exchange is a Connector whose client the test changes.
type exchange struct {
	mu       sync.Mutex
	client   kubernetes.Interface
	replaced chan struct{}
}

var errNoCredentials = errors.New("no credentials yet")

func newExchange() *exchange { return &exchange{replaced: make(chan struct{})} }

func (e *exchange) Client() (kubernetes.Interface, <-chan struct{}, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.client == nil {
		return nil, e.replaced, errNoCredentials
	}
	return e.client, e.replaced, nil
}

func (e *exchange) set(client kubernetes.Interface) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.replaced)
	e.client, e.replaced = client, make(chan struct{})
}

// TestClientComesLaterAndChanges: without a client nothing is known and nothing denied; one that comes is used
// at once, and so is one that takes its place; what the first one told is kept until the second has told all.
func TestClientComesLaterAndChanges(t *testing.T) {
	use1, euw1, moved := newCluster(t, "use1"), newCluster(t, "euw1"), newCluster(t, "euw1")
	use1.put(t, "s", slicePod("bank-0", "a", "10.1.0.4"))
	euw1.put(t, "s", slicePod("bank-0", "b", "10.2.0.4"))
	moved.put(t, "s", slicePod("bank-0", "c", "10.3.0.4"))
	later := newExchange()
	source := euw1.source()
	source.Client, source.Connector = nil, later
	server, address := start(t, serve.Config{Topology: bank(), Sources: []serve.Source{use1.source(), source}})
	eventually(t, address, "bank-0.use1."+origin, "NOERROR[10.1.0.4]")
	eventually(t, address, "bank-0.euw1."+origin, "SERVFAIL[]")
	if !server.Synced("use1") || server.Synced("euw1") || server.Synced("mars") {
		t.Errorf("synced: use1 %t, euw1 %t, mars %t", server.Synced("use1"), server.Synced("euw1"), server.Synced("mars"))
	}
	waitFor(t, "the reason", func() bool { return errors.Is(server.Status()[0].Err, errNoCredentials) })
	later.set(euw1.client)
	eventually(t, address, "bank-0.euw1."+origin, "NOERROR[10.2.0.4]")
	moved.down.Store(true)
	later.set(moved.client)
	waitFor(t, "the new client's failure", func() bool { return errors.Is(server.Status()[0].Err, errDown) })
	eventually(t, address, "bank-0.euw1."+origin, "NOERROR[10.2.0.4]")
	moved.down.Store(false)
	eventually(t, address, "bank-0.euw1."+origin, "NOERROR[10.3.0.4]")
}

// TestLogTellsOfTheNextFailure: that credentials were missing first does not keep from the log why those that
// came are of no use; a failure that goes on is told again, once a minute.
func TestLogTellsOfTheNextFailure(t *testing.T) {
	var mu sync.Mutex
	var log strings.Builder
	now := time.Unix(1_700_000_000, 0)
	locked := func(do func()) { mu.Lock(); defer mu.Unlock(); do() }
	told := func(text string) (n int) {
		locked(func() { n = strings.Count(log.String(), text) })
		return n
	}
	write := writerFunc(func(p []byte) (n int, err error) {
		locked(func() { n, err = log.Write(p) })
		return n, err
	})
	euw1, later := newCluster(t, "euw1"), newExchange()
	euw1.down.Store(true)
	start(t, serve.Config{
		Topology: bank(), Log: slog.New(slog.NewTextHandler(write, nil)),
		Now:     func() (at time.Time) { locked(func() { at = now }); return at },
		Sources: []serve.Source{{Cluster: "euw1", Namespace: namespace, Connector: later, Services: euw1.source().Services}},
	})
	waitFor(t, "word of the missing credentials", func() bool { return told(errNoCredentials.Error()) == 1 })
	later.set(euw1.client)
	waitFor(t, "word of what failed with them", func() bool { return told(errDown.Error()) == 1 })
	locked(func() { now = now.Add(time.Minute) })
	waitFor(t, "word of a failure that goes on", func() bool { return told(errDown.Error()) == 2 })
	euw1.down.Store(false)
	waitFor(t, "word of its end", func() bool { return told("watched again") == 1 })
}

// writerFunc is a writer.
type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come", what)
		}
	}
}

func TestHealth(t *testing.T) {
	var why error
	ask := func(path string) string {
		t.Helper()
		recorder := httptest.NewRecorder()
		serve.Health(func() error { return why }, nil).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return http.StatusText(recorder.Code) + ": " + strings.TrimSpace(recorder.Body.String())
	}
	expect := func(path, want string) {
		t.Helper()
		if got := ask(path); got != want {
			t.Errorf("%s answers %q, want %q", path, got, want)
		}
	}
	expect("/readyz", "OK: ok")
	why = errors.New("cluster use1 was not read yet")
	expect("/readyz", "Service Unavailable: not ready: cluster use1 was not read yet")
	expect("/livez", "OK: ok")
	expect("/", "Not Found: 404 page not found")
}

func TestServeHealth(t *testing.T) {
	listener, err := serve.ListenHealth(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := serve.ListenHealth(t.Context(), listener.Addr().String()); err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("a taken address: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- serve.ServeHealth(ctx, listener, func() error { return nil }, nil) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil || response.Body.Close() != nil || string(body) != "ok\n" {
		t.Errorf("%q, %v", body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("it ends with %v", err)
	}
}
