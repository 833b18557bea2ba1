package kube

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gwebsocket "github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/klog/v2"
	"k8s.io/streaming/pkg/httpstream"
	streamspdy "k8s.io/streaming/pkg/httpstream/spdy"
)

// forwarder is an API server that knows one subresource, portforward, and one port, 1054, on which it
// sends back what it gets: over SPDY, and over WebSocket where it is new enough.
type forwarder struct {
	*httptest.Server
	websockets  bool
	connections atomic.Int32
	silent      atomic.Bool // it takes connections and says nothing
	silentSPDY  atomic.Bool // the same, of plain SPDY alone

	mu   sync.Mutex
	open []httpstream.Connection
}

func newForwarder(t *testing.T, websockets bool) *forwarder {
	t.Helper()
	f := &forwarder{websockets: websockets}
	f.Server = httptest.NewServer(f)
	t.Cleanup(func() { f.drop(); f.Close() })
	return f
}

func (f *forwarder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case f.silent.Load(), f.silentSPDY.Load() && r.Method == http.MethodPost:
		<-r.Context().Done()
	case !strings.HasSuffix(r.URL.Path, "/namespaces/db/pods/authority-0/portforward"):
		http.NotFound(w, r)
	case r.Method == http.MethodGet && !f.websockets:
		http.Error(w, "no websocket here", http.StatusBadRequest)
	default:
		streams := make(chan httpstream.Stream, 16)
		accept := func(s httpstream.Stream, _ <-chan struct{}) error {
			streams <- s
			return nil
		}
		if conn := f.upgrade(w, r, accept); conn != nil {
			f.connections.Add(1)
			f.serve(conn, streams)
		}
	}
}

// upgrade makes the request a connection, as its method asks (KEP-4006).
func (f *forwarder) upgrade(w http.ResponseWriter, r *http.Request, accept httpstream.NewStreamHandler) httpstream.Connection {
	if r.Method == http.MethodPost {
		if _, err := httpstream.Handshake(r, w, []string{"portforward.k8s.io"}); err != nil {
			return nil
		}
		return streamspdy.NewResponseUpgrader().UpgradeResponse(w, r, accept)
	}
	upgrader := gwebsocket.Upgrader{Subprotocols: []string{"SPDY/3.1+portforward.k8s.io"}}
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil
	}
	conn, err := streamspdy.NewServerConnection(portforward.NewTunnelingConnectionWithLogger(klog.Background(), socket), accept)
	if err != nil {
		return nil
	}
	return conn
}

func (f *forwarder) serve(conn httpstream.Connection, streams <-chan httpstream.Stream) {
	f.mu.Lock()
	f.open = append(f.open, conn)
	f.mu.Unlock()
	complaints := map[string]httpstream.Stream{} // by request
	for {
		select {
		case s := <-streams:
			id := s.Headers().Get(corev1.PortForwardRequestIDHeader)
			if s.Headers().Get(corev1.StreamType) == corev1.StreamTypeError {
				complaints[id] = s
				continue
			}
			go echo(s, complaints[id])
		case <-conn.CloseChan():
			return
		}
	}
}

func echo(data, complaints httpstream.Stream) {
	if port := data.Headers().Get(corev1.PortHeader); port != "1054" {
		_, _ = io.WriteString(complaints, "nothing listens on port "+port+"\n")
	} else {
		_, _ = io.Copy(data, data)
	}
	_ = data.Close()
	_ = complaints.Close()
}

// drop loses all connections.
func (f *forwarder) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.open {
		_ = conn.Close()
	}
	f.open = nil
}

func (f *forwarder) cluster(t *testing.T) *Cluster {
	t.Helper()
	c := &Cluster{name: "use1", config: &rest.Config{Host: f.URL}, log: slog.New(slog.DiscardHandler), timeout: 2 * time.Second}
	if err := c.makeClients(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseTunnels)
	return c
}

// dialAuthority dials the pod within a second.
func dialAuthority(t *testing.T, c *Cluster, pod string, port int) (io.ReadWriteCloser, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	return c.DialPod(ctx, "db", AuthorityPod{Name: pod, UID: "1"}, port)
}

func speak(t *testing.T, conn io.ReadWriteCloser, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(text))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != text {
		t.Fatalf("got %q, %v, want %q", got, err, text)
	}
}

// overBoth runs a test with a new API server, and with one that has no WebSocket yet.
func overBoth(t *testing.T, test func(*testing.T, *forwarder, *Cluster)) {
	t.Helper()
	for name, websockets := range map[string]bool{"websocket": true, "spdy": false} {
		t.Run(name, func(t *testing.T) {
			f := newForwarder(t, websockets)
			test(t, f, f.cluster(t))
		})
	}
}

func TestDialPodKeepsItsTunnel(t *testing.T) {
	overBoth(t, func(t *testing.T, f *forwarder, c *Cluster) {
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				conn, err := dialAuthority(t, c, "authority-0", 1054)
				if err != nil {
					t.Error(err)
					return
				}
				speak(t, conn, "one")
				speak(t, conn, "another")
				_ = conn.Close()
			})
		}
		group.Wait()
		if n := f.connections.Load(); n != 1 {
			t.Errorf("%d connections to one pod", n)
		}
		f.drop()
		eventually(t, "a new tunnel after the first was lost", func() bool {
			conn, err := dialAuthority(t, c, "authority-0", 1054)
			if err != nil {
				return false
			}
			speak(t, conn, "again")
			return conn.Close() == nil
		})
		if n := f.connections.Load(); n != 2 {
			t.Errorf("%d connections after one was lost", n)
		}
	})
}

func TestDialPodSaysWhy(t *testing.T) {
	overBoth(t, func(t *testing.T, f *forwarder, c *Cluster) {
		conn, err := dialAuthority(t, c, "authority-0", 99)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "nothing listens on port 99") {
			t.Errorf("a port on which nothing listens: %v", err)
		}
		if _, err := dialAuthority(t, c, "authority-9", 1054); err == nil || !strings.Contains(err.Error(), "cluster use1: forward port 1054 of pod db/authority-9") {
			t.Errorf("a pod that is gone: %v", err)
		}
		conn, err = dialAuthority(t, c, "authority-0", 1054)
		if err != nil {
			t.Fatalf("a failed port spoils others: %v", err)
		}
		speak(t, conn, "still there")
	})
}

func TestDialPodHeedsDeadlines(t *testing.T) {
	overBoth(t, func(t *testing.T, f *forwarder, c *Cluster) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		conn, err := c.DialPod(ctx, "db", AuthorityPod{Name: "authority-0", UID: "1"}, 1054)
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		f.silent.Store(true)
		begun := time.Now()
		if _, err := dialAuthority(t, f.cluster(t), "authority-0", 1054); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a server that says nothing: %v", err)
		}
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("a server that says nothing was waited for %s", took)
		}
		f.CloseClientConnections()
	})
}

// TestDialPodOutlivesASilentSPDY: a server that falls silent within the plain SPDY handshake, which heeds no
// context, keeps nobody from a later tunnel.
func TestDialPodOutlivesASilentSPDY(t *testing.T) {
	f := newForwarder(t, false)
	t.Cleanup(f.CloseClientConnections)
	c := f.cluster(t)
	f.silentSPDY.Store(true)
	if _, err := dialAuthority(t, c, "authority-0", 1054); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a server that says nothing: %v", err)
	}
	f.silentSPDY.Store(false)
	eventually(t, "a tunnel to a server that answers again", func() bool {
		conn, err := dialAuthority(t, c, "authority-0", 1054)
		if err != nil {
			return false
		}
		speak(t, conn, "at last")
		return conn.Close() == nil
	})
}
