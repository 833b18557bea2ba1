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
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilexec "k8s.io/client-go/util/exec"
	"pgregory.net/rapid"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"quorate.dev/quorate/regions"
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

func TestErrorsAreTold(t *testing.T) {
	t.Parallel()
	status := func(code int, reason metav1.StatusReason, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(code)
			_, _ = fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":%q,"message":%q,"code":%d}`, reason, message, code)
		}
	}
	page := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "<html>proxy</html>")
		}
	}
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
		{"500", status(500, metav1.StatusReasonInternalError, "etcdserver: broken"), other},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(tc.handler)
			server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
			server.Start()
			t.Cleanup(server.Close)
			c := openAt(t, server.URL, Options{RequestTimeout: 400 * time.Millisecond})
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

// The API server is real elsewhere; here it has to fail on command.
func TestApplyIsRepeated(t *testing.T) {
	t.Parallel()
	var patches atomic.Int32
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
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.Start()
	t.Cleanup(server.Close)
	var logged bytes.Buffer
	c := openAt(t, server.URL, Options{Logger: slog.New(slog.NewTextHandler(&logged, nil))})
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

func TestMaskHidesAndCompares(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, err := newMasker(strings.NewReader(strings.Repeat(rapid.StringMatching(`[a-z]{4}`).Draw(t, "seed"), 8)))
		if err != nil {
			t.Fatal(err)
		}
		value := rapid.StringMatching(`[A-Z]{8,20}`).Draw(t, "value")
		secret := func(field string, v string) *unstructured.Unstructured {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", field: map[string]any{"k": v}}}
			o.SetAnnotations(map[string]string{corev1.LastAppliedConfigAnnotation: value})
			return o
		}
		written, plain := m.masked(secret("stringData", value)), secret("data", "eA==")
		if text := fmt.Sprint(written); strings.Contains(text, value) || !strings.Contains(text, "sha256:") {
			t.Fatal(text)
		}
		if reflect.DeepEqual(written, m.masked(plain)) {
			t.Fatal("other values compare equal")
		}
		if plain.Object["data"].(map[string]any)["k"] != "eA==" {
			t.Fatal("the object itself was masked")
		}
	})
}

func TestExitOf(t *testing.T) {
	cases := []struct {
		err   error
		code  int
		text  string
		ended bool
	}{
		{nil, 0, "", true},
		{fmt.Errorf("stream: %w", utilexec.CodeExitError{Err: errors.New("x"), Code: 3}), 3, "", true},
		{errors.New("command terminated with error"), -1, "command terminated with error", true},
		{errors.New("error executing command in container: cockroach: exit status 1"), -1, "error executing command in container: cockroach: exit status 1", true},
		{errors.New("error executing command in container: no such container"), 0, "", false},
		{context.DeadlineExceeded, 0, "", false},
	}
	for _, tc := range cases {
		if code, text, ended := exitOf(tc.err); code != tc.code || text != tc.text || ended != tc.ended {
			t.Errorf("%v: %d, %q, %v", tc.err, code, text, ended)
		}
	}
}

func TestOutputIsBounded(t *testing.T) {
	var out bounded
	n, err := io.Copy(&out, io.LimitReader(endless{}, 3*outputLimit))
	if err != nil || n != 3*outputLimit || len(out.String()) != outputLimit || !out.truncated {
		t.Errorf("%d taken, %d kept, truncated %v, %v", n, len(out.String()), out.truncated, err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

func TestRecordSurvivesEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,8}`)
		record := regions.Record{Exists: true, Clusters: rapid.MapOf(name, name).Draw(t, "clusters")}
		for range rapid.IntRange(0, 6).Draw(t, "objects") {
			record.Inventory = append(record.Inventory, regions.ObjectRef{APIVersion: "v1", Kind: name.Draw(t, "kind"), Name: name.Draw(t, "name")})
		}
		record.Database = regions.DatabaseRecord{IntentRun: name.Draw(t, "run"), Slots: []regions.ReplicaID{{Cluster: "c", Pool: "db", Ordinal: 2}}}
		data, err := encodeRecord(record, map[string]string{"theirs": "kept"})
		if err != nil || data["theirs"] != "kept" {
			t.Fatal(data, err)
		}
		stored := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ResourceVersion: "1"}, Data: data}
		got, err := (&Cluster{name: "c"}).decodeRecord(stored)
		if err != nil {
			t.Fatal(err)
		}
		again, err := encodeRecord(got, data)
		if err != nil || !reflect.DeepEqual(again, data) || !reflect.DeepEqual(got.Clusters, record.Clusters) || !reflect.DeepEqual(got.Database, record.Database) {
			t.Fatalf("%+v\n%+v\n%v", record, got, err)
		}
	})
	torn := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "quorate-bank", Namespace: "n"}, Data: map[string]string{keyClusters: "{"}}
	_, err := (&Cluster{name: "use1"}).decodeRecord(torn)
	for _, want := range []string{"use1", "quorate-bank", keyClusters} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}

func TestLeaseClockCountsFromOurSighting(t *testing.T) {
	var clock leaseClock
	start := time.Unix(5000, 0)
	held := regions.LeaseState{Holder: "a", RenewTime: time.Unix(1, 0), Transitions: 1} // its holder's clock is far behind
	if since := clock.unchangedSince("n/l", held, start); !since.Equal(start) {
		t.Errorf("first seen at %s", since)
	}
	if since := clock.unchangedSince("n/l", held, start.Add(time.Minute)); !since.Equal(start) {
		t.Errorf("unchanged since %s, want %s", since, start)
	}
	held.RenewTime = time.Unix(2, 0)
	later := start.Add(2 * time.Minute)
	if since := clock.unchangedSince("n/l", held, later); !since.Equal(later) {
		t.Errorf("a renewal counts from when it was seen, not from %s", since)
	}
	if since := clock.unchangedSince("n/other", held, start); !since.Equal(start) {
		t.Error("two Leases share a sighting")
	}
}
