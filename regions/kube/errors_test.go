package kube

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const kubeconfig = `
apiVersion: v1
kind: Config
clusters:
- {name: k, cluster: {server: "%s"}}
users:
- {name: u, user: {token: t0ken}}
contexts:
- {name: good, context: {cluster: k, user: u}}
- {name: torn, context: {cluster: absent, user: u}}
`

// openAt opens a cluster whose API server is at an address.
func openAt(t *testing.T, address string, opts Options) *Cluster {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, fmt.Appendf(nil, kubeconfig, address), 0o400); err != nil {
		t.Fatal(err)
	}
	clusters, err := Open(path, map[string]string{"use1": "good"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return clusters["use1"]
}

func TestOpenNamesEveryProblem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config")
	content := fmt.Appendf(nil, kubeconfig, "https://127.0.0.1:1")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	clusters, err := Open(path, map[string]string{"use1": "good", "use2": "torn", "euw1": "missing"}, Options{})
	if err == nil || len(clusters) != 1 || clusters["use1"].Name() != "use1" {
		t.Fatalf("%v, %v", clusters, err)
	}
	for _, want := range []string{path, "use2", `"torn"`, "euw1", `"missing"`, "good, torn"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	if strings.Contains(err.Error(), "t0ken") {
		t.Error("the error holds a token")
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, content) {
		t.Error("the kubeconfig was written")
	}
	if _, err := Open(path+"x", map[string]string{"a": "b"}, Options{}); err == nil || !strings.Contains(err.Error(), path+"x") {
		t.Errorf("a missing kubeconfig: %v", err)
	}
}

// status answers as an API server does, page as a proxy before it.
func status(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
	}
}

func page(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, "<html>proxy</html>")
	}
}

// serve is a plain HTTP server that does not complain about what handlers do.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	const unreachable, forbidden, other = "unreachable", "forbidden", "other"
	cases := []struct {
		name    string
		handler http.HandlerFunc
		want    string
	}{
		{"proxy 503", page(503), unreachable},
		{"proxy 502", page(502), unreachable},
		{"proxy 504", page(504), unreachable},
		{"overloaded", status(429, metav1.StatusReasonTooManyRequests, "slow down"), unreachable},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unreachable},
		{"silent", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, unreachable},
		{"401", status(401, metav1.StatusReasonUnauthorized, "Unauthorized"), forbidden},
		{"no right", status(403, metav1.StatusReasonForbidden, `pods is forbidden: User "x" cannot list resource "pods" in API group ""`), forbidden},
		{"quota", status(403, metav1.StatusReasonForbidden, "exceeded quota: pods"), other},
		{"500", status(500, metav1.StatusReasonInternalError, "etcdserver: no leader"), unreachable},
		{"500 of a webhook", status(500, metav1.StatusReasonInternalError, "conversion webhook for example.com/v1 failed"), other},
		{"503", status(503, metav1.StatusReasonServiceUnavailable, "etcdserver: no leader"), unreachable},
		{"504", status(504, metav1.StatusReasonTimeout, "etcdserver: request timed out"), unreachable},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := openAt(t, serve(t, tc.handler), Options{RequestTimeout: 400 * time.Millisecond})
			_, err := c.version(t.Context())
			if got := kindOf(err); got != tc.want {
				t.Errorf("%s: %v", got, err)
			}
			if !strings.Contains(err.Error(), "use1") || !strings.Contains(err.Error(), "version") {
				t.Errorf("cluster or attempt is not named: %v", err)
			}
		})
	}
}

func kindOf(err error) string {
	var unreachable *Unreachable
	var forbidden *Forbidden
	switch {
	case errors.As(err, &unreachable):
		return "unreachable"
	case errors.As(err, &forbidden):
		return "forbidden"
	case err == nil:
		return "none"
	}
	return "other"
}

func TestUnreachableBeforeAnyAnswer(t *testing.T) {
	t.Parallel()
	tls := httptest.NewUnstartedServer(http.NotFoundHandler())
	tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	tls.StartTLS() // its certificate is signed by nobody we know
	t.Cleanup(tls.Close)
	for _, address := range []string{"https://127.0.0.1:1", tls.URL, "https://no-such-host.invalid"} {
		c := openAt(t, address, Options{RequestTimeout: 5 * time.Second})
		for name, err := range map[string]error{
			"observe": second(c.Observe(t.Context(), dbScope("n"))),
			"compare": second(c.Compare(t.Context(), dbScope("n"), []map[string]any{configMap("n", "a", nil), configMap("n", "b", nil)})),
			"exec":    second(c.Exec(t.Context(), ExecRequest{Namespace: "n", Pod: "p", Argv: []string{"true"}})),
			"lease":   second(c.AcquireLease(t.Context(), "n", "l", LeaseRequest{Holder: "h", Duration: time.Second}, time.Now)),
		} {
			if kindOf(err) != "unreachable" {
				t.Errorf("%s at %s: %v", name, address, err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestCancelledIsNotUnreachable(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := openAt(t, "https://127.0.0.1:1", Options{}).version(ctx)
	if kindOf(err) != "other" || !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestTheCallersDeadlineIsNotTheClusters(t *testing.T) {
	t.Parallel()
	silent := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	c := openAt(t, silent, Options{RequestTimeout: time.Minute})
	for name, ask := range map[string]func(context.Context) error{
		"read the version": func(ctx context.Context) error { return second(c.version(ctx)) },
		"exec true": func(ctx context.Context) error {
			return second(c.Exec(ctx, ExecRequest{Namespace: "n", Pod: "p", Argv: []string{"true"}}))
		},
		"get Lease": func(ctx context.Context) error {
			return second(c.AcquireLease(ctx, "n", "l", LeaseRequest{Holder: "h", Duration: time.Second}, time.Now))
		},
	} {
		spent := errors.New("hook timeout 50ms")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, spent)
		err := ask(ctx)
		cancel()
		if kindOf(err) != "other" || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, spent) {
			t.Errorf("%v", err)
		}
		for _, want := range []string{"use1", name, "time allowed", "hook timeout 50ms"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in: %v", want, err)
			}
		}
	}
}

func TestOneRefusalStandsForAll(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	refuse := status(401, metav1.StatusReasonUnauthorized, "Unauthorized")
	c := openAt(t, serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		refuse(w, r)
	})), Options{})
	_, err := c.Observe(t.Context(), dbScope("n"))
	if kindOf(err) != "forbidden" || asked.Load() < 8 || strings.Count(err.Error(), "Unauthorized") != 1 {
		t.Errorf("%d requests: %v", asked.Load(), err)
	}
	a := &Forbidden{Cluster: "use1", Attempt: "list pods", Err: errors.New("no right to pods")}
	b := &Forbidden{Cluster: "use1", Attempt: "list nodes", Err: errors.New("no right to nodes")}
	if err := gather([]error{a, nil, b, gather([]error{a, b})}); strings.Count(err.Error(), "no right") != 2 {
		t.Errorf("different refusals are told each, once: %v", err)
	}
	if err := gather([]error{nil, nil}); err != nil {
		t.Error(err)
	}
}

func TestClientGoIsQuiet(t *testing.T) {
	t.Parallel()
	for level, want := range map[slog.Level]bool{slog.LevelInfo: false, slog.LevelDebug: true} {
		var logged bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: level}))
		c := openAt(t, "https://127.0.0.1:1", Options{Logger: logger})
		if _, err := c.Compare(t.Context(), dbScope("n"), []map[string]any{widget("n", "a")}); kindOf(err) != "unreachable" {
			t.Errorf("%v", err)
		}
		if text := logged.String(); strings.Contains(text, "API group list") != want || strings.Contains(text, "ERROR") || !want && text != "" {
			t.Errorf("at level %s:\n%s", level, text)
		}
	}
}

// servingConfigMaps answers discovery as an API server that knows ConfigMaps alone.
func servingConfigMaps() *http.ServeMux {
	mux := http.NewServeMux()
	answer := func(pattern, body string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, body)
		})
	}
	answer("/api", `{"kind":"APIVersions","versions":["v1"]}`)
	answer("/apis", `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
	answer("/api/v1", `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"configmaps","namespaced":true,"kind":"ConfigMap","verbs":["get","patch"]}]}`)
	return mux
}

// The API server is real elsewhere; here it has to fail on command.
func TestApplyIsRepeated(t *testing.T) {
	t.Parallel()
	var patches atomic.Int32
	mux := servingConfigMaps()
	mux.HandleFunc("/api/v1/namespaces/n/configmaps/cm", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
		case patches.Add(1) == 1:
			panic(http.ErrAbortHandler)
		case patches.Load() == 2:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.Header().Add("Warning", `299 - "this is old"`)
			_, _ = io.WriteString(w, `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"cm","namespace":"n","resourceVersion":"7"}}`)
		}
	})
	var logged bytes.Buffer
	c := openAt(t, serve(t, mux), Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
	for range 2 {
		applied, err := c.Apply(t.Context(), configMap("n", "cm", nil), ApplyOptions{Manager: ManagerQuorate})
		if err != nil || applied.ResourceVersion != "7" {
			t.Fatalf("%+v, %v", applied, err)
		}
	}
	if patches.Load() != 4 {
		t.Errorf("%d patches, want 3 and 1", patches.Load())
	}
	if n := strings.Count(logged.String(), "this is old"); n != 1 {
		t.Errorf("the warning was logged %d times:\n%s", n, logged.String())
	}
}
