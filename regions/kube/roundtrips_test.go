package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"
)

// widget is an object of a kind that only discovery knows.
func widget(namespace, name string) map[string]any {
	return map[string]any{
		"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": name, "namespace": namespace},
	}
}

// answering is an API server that has nothing but the objects asked for, and a discovery that knows Widgets.
// It answers as kube-apiserver does; which requests are made, and which wait for others, is the client's doing.
func answering(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	reply := func(code int, body any) {
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(body)
	}
	segments := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch last := segments[len(segments)-1]; {
	case r.URL.Path == "/version":
		reply(http.StatusOK, map[string]any{"gitVersion": "v1.37.2"})
	case last == "kube-system":
		reply(http.StatusOK, map[string]any{"metadata": map[string]any{"name": last, "uid": "1"}})
	case r.URL.Path == "/api" || r.URL.Path == "/apis":
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		if last == "api" {
			_, _ = io.WriteString(w, `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[]}`)
			return
		}
		_, _ = io.WriteString(w, `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{"name":"example.com"},"versions":[`+
			`{"version":"v1","resources":[{"resource":"widgets","responseKind":{"group":"example.com","version":"v1","kind":"Widget"},"scope":"Namespaced","verbs":["get","patch"]}]}]}]}`)
	case r.Method == http.MethodPatch:
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	case last == "namespaces" || strings.HasSuffix(last, "s") && !strings.HasPrefix(last, "cm"):
		reply(http.StatusOK, map[string]any{"metadata": map[string]any{"resourceVersion": "7"}, "items": []any{}})
	default:
		reply(http.StatusNotFound, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404})
	}
}

// distant answers each request one round trip after it was made. In a bubble of synctest time passes only
// while everybody waits, so the time that something takes is its number of round trips, exactly.
type distant struct{ roundTrip time.Duration }

func (d distant) RoundTrip(r *http.Request) (*http.Response, error) {
	<-time.After(d.roundTrip)
	recorder := httptest.NewRecorder()
	answering(recorder, r)
	return recorder.Result(), nil
}

// lookAt asks what a plan asks of a cluster.
func lookAt(t *testing.T, c *Cluster, objects []map[string]any) {
	t.Helper()
	err := together(
		func() error { _, err := c.Observe(t.Context(), dbScope("n")); return err },
		func() error { _, err := c.Compare(t.Context(), dbScope("n"), objects); return err },
	)
	if err != nil {
		t.Error(err)
	}
}

// An overlay of a namespace, a set and so many ConfigMaps.
func overlayOf(n int) []map[string]any {
	objects := []map[string]any{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": "n"}}, database("n", 3),
	}
	for i := range n {
		objects = append(objects, configMap("n", fmt.Sprintf("cm%d", i), map[string]any{"a": "b"}))
	}
	return objects
}

// A connection takes two round trips of its own (TCP, then TLS 1.3). With one more where managers conflict (a
// forced dry run), a plan takes eight at most, over however many clusters, since they are asked at once.
func TestAPlanTakesFewRoundTrips(t *testing.T) {
	const connecting = 2
	tests := map[string]struct {
		objects []map[string]any
		most    int
	}{
		"an overlay of a profile": {overlayOf(5), 5},
		"many objects":            {overlayOf(compareConcurrency - 2), 5},
		"kinds to be discovered":  {append(overlayOf(5), widget("n", "a"), widget("n", "b")), 7},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const roundTrip = 100 * time.Millisecond
				began := time.Now()
				var clusters sync.WaitGroup
				for range 3 {
					c := newCluster(&rest.Config{Host: "https://cluster.invalid", Transport: distant{roundTrip}}, "c1", Options{}.withDefaults())
					if err := c.makeClients(); err != nil {
						t.Fatal(err)
					}
					clusters.Go(func() { lookAt(t, c, test.objects) })
				}
				clusters.Wait()
				// One fewer where the request that goes alone happens to be the discovery.
				if got := connecting + int(time.Since(began)/roundTrip); got > test.most || got < test.most-1 {
					t.Errorf("%d round trips, want %d", got, test.most)
				}
			})
		})
	}
}

// Requests that start at once must not each begin a connection of their own, whose handshakes are most of
// the work of a plan over clusters that are near.
func TestOneConnectionServesAll(t *testing.T) {
	t.Parallel()
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(answering))
	server.EnableHTTP2 = true
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	c := newCluster(&rest.Config{Host: server.URL, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}, "c1", Options{}.withDefaults())
	if err := c.makeClients(); err != nil {
		t.Fatal(err)
	}
	lookAt(t, c, overlayOf(60))
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}
