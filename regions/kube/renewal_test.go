package kube

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"

	"quorate.dev/quorate/regions"
)

// keeper plays two API servers at one address: the own cluster's, which keeps the Secret, and the
// other one's, which gives tokens to who has one that it takes.
type keeper struct {
	mu      sync.Mutex
	secret  map[string]any
	version int
	takes   string // the token that the other cluster takes; empty: any that it gave
	given   []string
	denied  int // requests with another token
	refuses int // this many writes meet a Secret that has changed meanwhile
	down    bool
	expires time.Time // of the tokens to give
}

func (k *keeper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	reply := func(code int, body any) { w.WriteHeader(code); _ = json.NewEncoder(w).Encode(body) }
	status := func(code int, reason string) {
		reply(code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason})
	}
	last := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	switch {
	case last == "api":
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		_, _ = io.WriteString(w, `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{},"versions":[`+
			`{"version":"v1","resources":[{"resource":"secrets","responseKind":{"group":"","version":"v1","kind":"Secret"},"scope":"Namespaced","verbs":["get","patch"]}]}]}]}`)
	case last == "apis":
		w.Header().Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		_, _ = io.WriteString(w, `{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[]}`)
	case last == "token":
		if bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "); bearer != k.takes {
			k.denied++
			status(http.StatusUnauthorized, "Unauthorized")
			return
		}
		k.takes = fmt.Sprintf("token-%d", len(k.given)+1)
		k.given = append(k.given, k.takes)
		reply(http.StatusCreated, map[string]any{
			"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": map[string]any{"expirationSeconds": 7776000},
			"status": map[string]any{"token": k.takes, "expirationTimestamp": k.expires.UTC().Format(time.RFC3339)},
		})
	case k.down:
		status(http.StatusServiceUnavailable, "ServiceUnavailable")
	case r.Method == http.MethodPatch:
		var object map[string]any
		if json.NewDecoder(r.Body).Decode(&object) != nil || object["metadata"].(map[string]any)["resourceVersion"] != fmt.Sprint(k.version) || k.refuses > 0 {
			k.refuses--
			k.version++
			status(http.StatusConflict, "Conflict")
			return
		}
		k.version++
		k.secret = object
		reply(http.StatusOK, object)
	default:
		k.secret["metadata"].(map[string]any)["resourceVersion"] = fmt.Sprint(k.version)
		reply(http.StatusOK, k.secret)
	}
}

// held is the token in the Secret, and what its note says.
func (k *keeper) held(t *testing.T) (string, credentialNote) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	encoded, _ := k.secret["data"].(map[string]any)["euw1.token"].(string)
	token, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var notes map[string]credentialNote
	annotations := k.secret["metadata"].(map[string]any)["annotations"].(map[string]any)
	if err := json.Unmarshal([]byte(annotations[credentialsAnnotation].(string)), &notes); err != nil {
		t.Fatal(err)
	}
	return string(token), notes["euw1"]
}

// renewing is a Renewal of use1, which watches euw1 by a token of 90 days.
type renewing struct {
	*Renewal
	*keeper
	now    time.Time
	dir    string
	logged *bytes.Buffer
}

const renewalDay = 24 * time.Hour

func newRenewing(t *testing.T) *renewing {
	t.Helper()
	k := &keeper{takes: "token-0", version: 1}
	server := httptest.NewTLSServer(k)
	t.Cleanup(server.Close)
	issued := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := &renewing{keeper: k, now: issued, dir: t.TempDir(), logged: &bytes.Buffer{}}
	k.expires = issued.Add(120 * renewalDay)
	ca := rest.TLSClientConfig{Insecure: true}
	opts := Options{Version: "test", Logger: slog.New(slog.NewTextHandler(r.logged, nil)), RequestTimeout: 5 * time.Second}
	own, err := watchful(&rest.Config{Host: server.URL, TLSClientConfig: ca}, "use1", opts.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	endpoint := Endpoint{Server: server.URL, CA: pemOf(server)}
	scope := Scope{Deployment: "bank", Namespace: "bank", Authority: &AuthorityScope{Watches: map[string]Endpoint{"euw1": endpoint}}}
	held := decodeCredentials(emptySecret())
	held.take(*scope.Authority, []Grant{{Cluster: "euw1", Account: "uid-1", Issued: issued, Expires: issued.Add(90 * renewalDay), endpoint: endpoint, sealed: &sealed{[]byte("token-0")}}})
	object, err := held.object(scope)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(object)
	if err != nil || json.Unmarshal(encoded, &k.secret) != nil {
		t.Fatal(err)
	}
	kubeconfig, _ := base64.StdEncoding.DecodeString(k.secret["data"].(map[string]any)[regions.CredentialsKubeconfig].(string))
	writeMounted(t, r.dir, regions.CredentialsKubeconfig, string(kubeconfig))
	writeMounted(t, r.dir, "euw1.token", "token-0")
	r.Renewal = NewRenewal(own, OpenMounted(r.dir, []string{"euw1"}, opts), RenewalScope{
		Deployment: "bank", Namespace: "bank", Namespaces: map[string]string{"euw1": "bank"}, Now: func() time.Time { return r.now },
	})
	return r
}

func (r *renewing) look(t *testing.T) {
	t.Helper()
	if err := r.Look(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestRenewal: before half of its lifetime is over a token is replaced, in the Secret and in use, though the
// file in the pod still holds the former one.
func TestRenewal(t *testing.T) {
	t.Parallel()
	r := newRenewing(t)
	r.now = r.now.Add(35 * renewalDay)
	if r.look(t); len(r.given) != 0 {
		t.Errorf("renewed early: %q", r.given)
	}
	r.now = r.now.Add(2 * renewalDay)
	r.look(t)
	if token, note := r.held(t); token != "token-1" || note.Account != "uid-1" || !note.Expires.Equal(r.expires) || len(r.given) != 1 {
		t.Errorf("the Secret holds %s, %+v; given %q", token, note, r.given)
	}
	if r.look(t); len(r.given) != 1 {
		t.Errorf("renewed again: %q", r.given)
	}
	r.now, r.expires = r.now.Add(60*renewalDay), r.expires.Add(90*renewalDay) // the first token, which the file holds, has expired
	r.look(t)
	if token, _ := r.held(t); token != "token-2" || r.denied != 0 {
		t.Errorf("the Secret holds %s; %d requests with a former token", token, r.denied)
	}
	r.takes = "from a run"
	writeMounted(t, r.dir, "euw1.token", r.takes)
	r.ways.look()
	r.now, r.expires = r.now.Add(60*renewalDay), r.expires.Add(90*renewalDay)
	r.look(t)
	if token, _ := r.held(t); token != "token-3" || r.denied != 0 {
		t.Errorf("what was written to the file last does not count: %s; %d", token, r.denied)
	}
	if strings.Contains(r.logged.String(), "token-") {
		t.Errorf("a token is in the log:\n%s", r.logged)
	}
}

// TestRenewalRaces: whoever writes first is not overwritten by an older token, and nothing that was renewed is lost.
func TestRenewalRaces(t *testing.T) {
	t.Parallel()
	r := newRenewing(t)
	r.now = r.now.Add(40 * renewalDay)
	r.refuses = 2
	r.look(t)
	if token, _ := r.held(t); token != "token-1" {
		t.Errorf("after two conflicts the Secret holds %s", token)
	}
	r.now, r.expires = r.now.Add(40*renewalDay), r.expires.Add(40*renewalDay)
	r.refuses = storeAttempts
	if err := r.Look(t.Context()); err == nil || !strings.Contains(err.Error(), "changes again and again") {
		t.Errorf("conflicts without an end: %v", err)
	}
	given := len(r.given)
	r.look(t)
	if token, _ := r.held(t); token != r.given[given-1] || len(r.given) != given {
		t.Errorf("the renewed token was lost: %s of %q", token, r.given)
	}
}

// TestRenewalWithoutItsOwnCluster: a token is renewed though it cannot be stored, and stored when that can be.
func TestRenewalWithoutItsOwnCluster(t *testing.T) {
	t.Parallel()
	r := newRenewing(t)
	r.look(t)
	r.now, r.down = r.now.Add(40*renewalDay), true
	if err := r.Look(t.Context()); err == nil || len(r.given) != 1 {
		t.Errorf("%v, given %q", err, r.given)
	}
	r.down = false
	r.look(t)
	if token, _ := r.held(t); token != "token-1" || len(r.given) != 1 {
		t.Errorf("the Secret holds %s; given %q", token, r.given)
	}
}

// TestRenewalTooLate: an expired token renews nothing, which is said, and not again at once.
func TestRenewalTooLate(t *testing.T) {
	t.Parallel()
	r := newRenewing(t)
	r.now = r.now.Add(91 * renewalDay)
	r.look(t)
	r.look(t)
	if got := strings.Count(r.logged.String(), "the present token has expired"); got != 1 || len(r.given) != 0 {
		t.Errorf("said %d times; given %q:\n%s", got, r.given, r.logged)
	}
	if err := os.Remove(filepath.Join(r.dir, "euw1.token")); err != nil {
		t.Fatal(err)
	}
}

func pemOf(server *httptest.Server) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
}

func emptySecret() *corev1.Secret { return &corev1.Secret{} }
