package e2e

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"quorate.dev/quorate/regions"
)

// recorder stands before the API servers of a sandbox, lets everything through as one user
// who has the rights that RBAC gives him and no other, and writes down what was done.
type recorder struct {
	mu   sync.Mutex
	done map[string]map[regions.Right]bool // cluster → rights that were used
	// wrote are requests that could have changed something.
	wrote []string
}

// as is the sandbox as one user sees it, and the record of what he does.
func (h *sandboxHandle) as(t *testing.T, user string) (*sandboxHandle, *recorder) {
	t.Helper()
	r := &recorder{done: map[string]map[regions.Right]bool{}}
	out := clientcmdapi.NewConfig()
	for _, cluster := range clusterNames {
		r.done[cluster] = map[regions.Right]bool{}
		out.Clusters[cluster] = &clientcmdapi.Cluster{Server: r.stand(t, h, cluster, user)}
		out.AuthInfos[cluster] = &clientcmdapi.AuthInfo{}
		out.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: cluster}
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*out, path); err != nil {
		t.Fatal(err)
	}
	return &sandboxHandle{name: h.name, kubeconfig: path, clients: h.clients}, r
}

// stand starts the way to one cluster.
func (r *recorder) stand(t *testing.T, h *sandboxHandle, cluster, user string) string {
	t.Helper()
	rules := &clientcmd.ClientConfigLoadingRules{ExplicitPath: h.kubeconfig}
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, &clientcmd.ConfigOverrides{CurrentContext: cluster}).ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	config.NextProtos = []string{"http/1.1"} // an upgrade needs it
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Transport: transport, FlushInterval: -1,
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) },
		ModifyResponse: func(answer *http.Response) error {
			r.note(cluster, answer)
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return server.URL
}

func (r *recorder) note(cluster string, answer *http.Response) {
	right, ok := rightOf(answer.Request)
	if !ok || answer.StatusCode == http.StatusForbidden {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done[cluster][right] = true
	if right.Verb == "patch" && answer.StatusCode == http.StatusCreated { // authorized again, as a create
		right.Verb = "create"
		r.done[cluster][right] = true
	}
	reads := right.Verb == "get" || right.Verb == "list" || right.Verb == "watch" || right.Group == "authorization.k8s.io"
	if !reads && answer.Request.URL.Query().Get("dryRun") == "" {
		r.wrote = append(r.wrote, right.String())
	}
}

// rightOf reads a request as the API server does (k8s.io/apiserver, endpoints/request/requestinfo.go).
func rightOf(request *http.Request) (regions.Right, bool) {
	parts := strings.Split(strings.Trim(request.URL.Path, "/"), "/")
	var right regions.Right
	switch {
	case len(parts) > 2 && parts[0] == "api":
		parts = parts[2:]
	case len(parts) > 3 && parts[0] == "apis":
		right.Group, parts = parts[1], parts[3:]
	default:
		return right, false
	}
	if parts[0] == "namespaces" && len(parts) > 1 {
		right.Namespace = parts[1]
		if len(parts) > 2 {
			parts = parts[2:]
		}
	}
	right.Resource = parts[0]
	if len(parts) > 1 {
		right.Name = parts[1]
	}
	if len(parts) > 2 {
		right.Resource += "/" + parts[2]
	}
	right.Verb = map[string]string{"GET": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[request.Method]
	if right.Verb == "get" && right.Name == "" {
		right.Verb = "list"
		if request.URL.Query().Get("watch") != "" {
			right.Verb = "watch"
		}
	}
	return right, true
}
