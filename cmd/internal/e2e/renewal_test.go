package e2e

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"quorate.dev/quorate/regions"
	"quorate.dev/quorate/regions/kube"
)

// renewalNote is what the Secret's annotation says of a token.
type renewalNote struct {
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	Account string    `json:"account"`
}

const renewalAnnotation = "quorate.dev/credentials"

// TestAuthorityRenewsItsTokens, by nothing but the rights that its manifests give it: the one in the Secret of its own
// cluster is another one soon after it became due, and opens the other cluster by itself.
func TestAuthorityRenewsItsTokens(t *testing.T) {
	t.Parallel()
	in := newInsider(t, "renewal", 11)
	for _, cluster := range []string{"usw1", "use1"} {
		in.applyAuthority(cluster)
	}
	in.slice("use1", "renewal-1", "10.245.0.7")
	in.issue("use1", "")
	now := time.Now()
	key := regions.CredentialsToken("use1")
	before := in.keep(map[string]renewalNote{"use1": {Issued: now.Add(-80 * 24 * time.Hour), Expires: now.Add(10 * 24 * time.Hour), Account: "uid"}})
	in.run()
	in.answers("renewal-1.use1", "NOERROR [10.245.0.7]")
	var after *corev1.Secret
	for deadline := now.Add(30 * time.Second); time.Now().Before(deadline); pause(t.Context()) {
		if after = in.bank.credentialsOf("usw1", in.name); string(after.Data[key]) != before {
			break
		}
	}
	var notes map[string]renewalNote
	if err := json.Unmarshal([]byte(after.Annotations[renewalAnnotation]), &notes); err != nil {
		t.Fatal(err)
	}
	if string(after.Data[key]) == before || notes["use1"].Issued.Before(now.Add(-time.Hour)) || notes["use1"].Expires.Before(now) || notes["use1"].Account != "uid" {
		t.Fatalf("the token was not renewed: %+v", notes)
	}
	// The kubelet brings it into the pod; a restart knows nothing but that.
	if err := os.WriteFile(filepath.Join(in.credentials, key), after.Data[key], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := in.process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	in.process.Wait()
	in.run()
	in.slice("use1", "renewal-1", "10.245.0.8")
	in.answers("renewal-1.use1", "NOERROR [10.245.0.8]")
	for _, token := range []string{before, string(after.Data[key])} {
		if strings.Contains(in.process.Output(), strings.Split(token, ".")[2][:40]) {
			t.Error("a token is in the log")
		}
	}
}

// keep puts what is mounted into the Secret of usw1, as a run would have some time ago, and gives back the token.
func (in *insider) keep(notes map[string]renewalNote) string {
	in.t.Helper()
	encoded, err := json.Marshal(notes)
	if err != nil {
		in.t.Fatal(err)
	}
	data := map[string]any{}
	var token []byte
	for _, name := range []string{regions.CredentialsKubeconfig, regions.CredentialsToken("use1")} {
		if token, err = os.ReadFile(filepath.Join(in.credentials, name)); err != nil {
			in.t.Fatal(err)
		}
		data[name] = base64.StdEncoding.EncodeToString(token)
	}
	clusters, err := kube.Open(in.sandbox.kubeconfig, map[string]string{"usw1": "usw1"}, kube.Options{Version: "test"})
	if err == nil {
		_, err = clusters["usw1"].Apply(in.t.Context(), map[string]any{
			"apiVersion": "v1", "kind": "Secret", "data": data, "metadata": map[string]any{
				"name": regions.CredentialsName(in.name), "namespace": in.name, "annotations": map[string]any{renewalAnnotation: string(encoded)},
			},
		}, kube.ApplyOptions{Manager: kube.ManagerQuorate})
	}
	if err != nil {
		in.t.Fatal(err)
	}
	return string(token)
}
