package kube

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/rest"

	"quorate.dev/quorate/regions"
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
	if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "contested") && r.URL.Query().Get("force") != "true" {
		reply(http.StatusConflict, map[string]any{
			"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Conflict", "code": 409, "message": "conflict",
			"details": map[string]any{"causes": []any{map[string]any{
				"reason": "FieldManagerConflict", "message": `conflict with "kubectl" using v1`, "field": ".data.a",
			}}},
		})
		return
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
	case last == "contested":
		reply(http.StatusOK, configMap("n", "contested", map[string]any{"a": "theirs"}))
	case last == "nodes":
		reply(http.StatusOK, map[string]any{"metadata": map[string]any{"resourceVersion": "7"}, "items": []any{
			map[string]any{"metadata": map[string]any{"name": "n1", "labels": map[string]any{"topology.kubernetes.io/zone": "z1"}}},
		}})
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
	// The connection tells that the request is on its way, as those of net/http do.
	if trace := httptrace.ContextClientTrace(r.Context()); trace != nil && trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
	<-time.After(d.roundTrip)
	recorder := httptest.NewRecorder()
	answering(recorder, r)
	return recorder.Result(), nil
}

// lookAt asks what a plan asks of a cluster: what it holds, what an apply would change, and, where that is
// anything, for the rights to do it.
func lookAt(t *testing.T, c *Cluster, objects []map[string]any) {
	t.Helper()
	scope := dbScope("n")
	scope.AskZoneCopy = true
	err := together(
		func() error { _, err := c.Observe(t.Context(), scope); return err },
		func() error { _, err := c.Compare(t.Context(), scope, objects); return err },
	)
	if err != nil {
		t.Error(err)
	}
	rights := []regions.Right{{Verb: "patch", Group: "apps", Resource: "statefulsets", Namespace: "n"}, {Verb: "list", Resource: "nodes"}}
	if _, err := c.Lacking(t.Context(), rights); err != nil {
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

// A connection takes two round trips of its own (TCP, then TLS 1.3); what else a plan does takes six at most, over however
// many clusters, since they are asked at once.
func TestAPlanTakesFewRoundTrips(t *testing.T) {
	const connecting = 2
	conflict := configMap("n", "contested", map[string]any{"a": "ours"})
	discovered := []map[string]any{widget("n", "a"), widget("n", "b")}
	tests := map[string]struct {
		objects []map[string]any
		want    int
	}{
		"an overlay of a profile":                {overlayOf(5), 5},
		"many objects":                           {overlayOf(compareConcurrency - 2), 5},
		"managers conflict":                      {append(overlayOf(5), conflict), 6},
		"kinds to be discovered":                 {append(overlayOf(5), discovered...), 7},
		"kinds to be discovered, and a conflict": {append(overlayOf(5), append(discovered, conflict)...), 8},
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
				if got := connecting + int(time.Since(began)/roundTrip); got != test.want {
					t.Errorf("%d round trips, want %d", got, test.want)
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
