package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// emptyAPI is the API server of a cluster with three nodes, one in each zone, a StorageClass and nothing else: it
// answers what init, preflight checks and plans ask of it, and a write with an error.
type emptyAPI struct{ name, region, version string }

type object = map[string]any

func (e emptyAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	status, body := e.answer(r)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away has its answer
}

func (e emptyAPI) answer(r *http.Request) (int, object) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/version":
		return 200, object{"gitVersion": e.version}
	case r.Method == http.MethodPost && parts[len(parts)-1] == "selfsubjectaccessreviews":
		return 201, object{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "status": object{"allowed": true}}
	case r.Method == http.MethodPost && parts[len(parts)-1] == "selfsubjectrulesreviews":
		all := object{"verbs": []string{"*"}, "apiGroups": []string{"*"}, "resources": []string{"*"}}
		return 201, object{"kind": "SelfSubjectRulesReview", "apiVersion": "authorization.k8s.io/v1", "status": object{"resourceRules": []object{all}, "nonResourceRules": []object{}, "incomplete": false}}
	case r.Method == http.MethodPatch && r.URL.Query().Get("dryRun") != "":
		var applied object
		if err := json.NewDecoder(r.Body).Decode(&applied); err == nil {
			return 201, applied
		}
		return 400, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "BadRequest", "code": 400, "message": "no JSON"}
	case r.Method != http.MethodGet:
		return 404, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "nothing can be written here"}
	case strings.HasSuffix(r.URL.Path, "/namespaces/kube-system"):
		return 200, object{"kind": "Namespace", "apiVersion": "v1", "metadata": object{"name": "kube-system", "uid": "uid-of-" + e.name}}
	case strings.HasSuffix(r.URL.Path, "/nodes"):
		return 200, object{"kind": "NodeList", "apiVersion": "v1", "items": e.nodes()}
	case strings.HasSuffix(r.URL.Path, "/storageclasses"):
		return 200, object{"kind": "StorageClassList", "apiVersion": "storage.k8s.io/v1", "items": []object{{"metadata": object{"name": "fast"}}}}
	}
	// /api/v1 or /apis/GROUP/VERSION, [namespaces/NAME,] RESOURCE[, NAME]
	version, rest := parts[1], parts[2:]
	if parts[0] == "apis" {
		version, rest = parts[1]+"/"+parts[2], parts[3:]
	}
	if len(rest) > 2 && rest[0] == "namespaces" {
		rest = rest[2:]
	}
	if len(rest) == 1 {
		kind := map[string]string{
			"statefulsets": "StatefulSet", "controllerrevisions": "ControllerRevision", "pods": "Pod",
			"persistentvolumeclaims": "PersistentVolumeClaim",
		}[rest[0]]
		return 200, object{"kind": kind + "List", "apiVersion": version, "metadata": object{"resourceVersion": "1"}, "items": []object{}}
	}
	return 404, object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": r.URL.Path + " not found"}
}

func (e emptyAPI) nodes() []object {
	var out []object
	for _, zone := range []string{"a", "b", "c"} {
		out = append(out, object{
			"metadata": object{"name": "n-" + zone, "labels": object{
				"topology.kubernetes.io/region": e.region, "topology.kubernetes.io/zone": e.region + "-" + zone,
			}},
			"status": object{
				"allocatable": object{"cpu": "8", "memory": "32Gi", "pods": "110"},
				"conditions":  []object{{"type": "Ready", "status": "True"}},
			},
		})
	}
	return out
}

// emptyClusters starts three of them and gives the kubeconfig of all.
func emptyClusters(t *testing.T, version string) (kubeconfig string) {
	t.Helper()
	clusters, contexts := "", ""
	for _, e := range []emptyAPI{{"use1", "us-east1", version}, {"usw1", "us-west1", version}, {"euw1", "europe-west1", version}} {
		server := httptest.NewServer(e)
		t.Cleanup(server.Close)
		clusters += fmt.Sprintf("  - {name: %s, cluster: {server: %q}}\n", e.name, server.URL)
		contexts += fmt.Sprintf("  - {name: %s, context: {cluster: %s, user: u}}\n", e.name, e.name)
	}
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\nusers: [{name: u, user: {}}]\nclusters:\n" + clusters + "contexts:\n" + contexts
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
