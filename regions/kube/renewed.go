package kube

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"quorate.dev/quorate/regions"
)

// renewed are tokens that take the place of those in the files, until the files change: a Secret takes a minute or
// so into a pod, and may not have been written at all.
type renewed struct {
	mu     sync.Mutex
	tokens map[string]renewedToken
}

type renewedToken struct {
	sealed *sealed
	file   []byte // what the file held then
}

// use makes a token the one that counts for a cluster.
func (m *Mounted) use(cluster string, token *sealed) {
	file, _ := os.ReadFile(m.tokenFile(cluster)) // a file that cannot be read holds nothing yet
	m.renewed.mu.Lock()
	defer m.renewed.mu.Unlock()
	if m.renewed.tokens == nil {
		m.renewed.tokens = map[string]renewedToken{}
	}
	m.renewed.tokens[cluster] = renewedToken{token, file}
}

func (m *Mounted) tokenFile(cluster string) string {
	return filepath.Join(m.dir, regions.CredentialsToken(cluster))
}

// followFiles takes the place of renewed tokens whose files have changed: what was written last counts. client-go itself would
// go on with what it read of the file before, for a minute.
func (m *Mounted) followFiles() {
	m.renewed.mu.Lock()
	defer m.renewed.mu.Unlock()
	for cluster, token := range m.renewed.tokens {
		if file, err := os.ReadFile(m.tokenFile(cluster)); err == nil && len(file) > 0 && !bytes.Equal(file, token.file) {
			m.renewed.tokens[cluster] = renewedToken{&sealed{bytes.TrimSpace(file)}, file}
		}
	}
}

func (r *renewed) token(cluster string) *sealed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tokens[cluster].sealed
}

// bearer sends a renewed token where there is one. client-go's own RoundTripper, which is outside of
// it, has set that of the file before.
type bearer struct {
	next    http.RoundTripper
	renewed *renewed
	cluster string
}

var _ http.RoundTripper = bearer{}

// RoundTrip is http.RoundTripper's.
func (b bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	if token := b.renewed.token(b.cluster); token != nil {
		request = request.Clone(request.Context())
		request.Header.Set("Authorization", "Bearer "+string(token.token))
	}
	return b.next.RoundTrip(request)
}

// WrappedRoundTripper lets client-go find the transport inside (apimachinery, util/net).
func (b bearer) WrappedRoundTripper() http.RoundTripper { return b.next }
