package e2e

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// requestCount counts the requests to a sandbox's API servers, by method.
type requestCount struct {
	sandbox *sandboxHandle // the same one, reached through the counters

	mu     sync.Mutex
	counts map[string]int
}

// countRequests puts a counter before every API server, for as long as the test lasts.
func countRequests(t *testing.T, h *sandboxHandle) *requestCount {
	t.Helper()
	c := &requestCount{counts: map[string]int{}}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.AuthInfos["counted"] = clientcmdapi.NewAuthInfo()
	for _, name := range clusterNames {
		server := clientcmdapi.NewCluster()
		server.Server = c.before(t, h.kubeconfig, name)
		config.Clusters[name] = server
		config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: "counted"}
	}
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	c.sandbox = &sandboxHandle{name: h.name, kubeconfig: file, clients: h.clients}
	return c
}

// verb is what a request asks for: its method, except that a question about one's own rights, which is
// posted and stores nothing, says so.
func verb(r *http.Request) string {
	if r.Method == http.MethodPost && strings.HasPrefix(path.Base(r.URL.Path), "selfsubject") {
		return "may I"
	}
	return r.Method
}

// before serves one API server's clients on loopback, with the sandbox's credentials.
func (c *requestCount) before(t *testing.T, kubeconfig, cluster string) string {
	t.Helper()
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: cluster}).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }, Transport: transport}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.counts[verb(r)]++
		c.mu.Unlock()
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// verbs are the methods that were used so far, sorted.
func (c *requestCount) verbs() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Sorted(maps.Keys(c.counts))
}
