package serve_test

import (
	"context"
	"errors"
	"io"
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
		serve.Health(func() error { return why }).ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
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
	go func() { done <- serve.ServeHealth(ctx, listener, func() error { return nil }) }()
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
