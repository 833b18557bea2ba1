package e2e

import (
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/regions"
)

// putInside gives the bank an authority inside every cluster, at a free address of its Service range.
func (b *bank) putInside() {
	b.t.Helper()
	data, err := os.ReadFile(b.file())
	if err != nil {
		b.t.Fatal(err)
	}
	text := strings.Replace(string(data), `publish: [{serve: {listen: "127.0.0.1:5300"}}]`,
		`publish: [{serve: {inCluster: {image: "quorate.test/quorate:dev", forwarder: "quorate.test/coredns:v1.15.0"}}}]`, 1)
	for i, cluster := range clusterNames {
		first, err := b.sandbox.clients[cluster].CoreV1().Services("default").Get(b.t.Context(), "kubernetes", metav1.GetOptions{})
		if err != nil {
			b.t.Fatal(err)
		}
		server := strings.TrimSuffix(first.Spec.ClusterIP, ".1") + ".53"
		text = strings.Replace(text, "{name: "+cluster+", ", "{name: "+cluster+", dnsServers: ["+server+"], podCIDRs: [10.20"+string(rune('0'+i))+".0.0/16], ", 1)
	}
	if err := os.WriteFile(b.file(), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// tokens are what the Secrets of all clusters hold.
func (b *bank) tokens() []string {
	b.t.Helper()
	var out []string
	for _, cluster := range clusterNames {
		secret := b.credentials(cluster)
		for key, value := range secret.Data {
			if strings.HasSuffix(key, ".token") {
				out = append(out, string(value))
			}
		}
	}
	return out
}

func (b *bank) credentials(cluster string) *corev1.Secret {
	b.t.Helper()
	return b.credentialsOf(cluster, b.settings.Name)
}

func (b *bank) credentialsOf(cluster, deployment string) *corev1.Secret {
	b.t.Helper()
	secret, err := b.sandbox.clients[cluster].CoreV1().Secrets(deployment).Get(b.t.Context(), regions.CredentialsName(deployment), metav1.GetOptions{})
	if err != nil {
		b.t.Fatal(err)
	}
	return secret
}

// kept are all files that runs left on this machine.
func (b *bank) kept() string {
	b.t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(filepath.Join(b.dir, "state"), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out.Write(data)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out.String()
}

// TestCredentials: a run, and the command beside it, put tokens straight into the clusters'
// Secrets, and nowhere else. The pods of this sandbox run nothing that could answer, so the run ends
// where it waits for the authority.
func TestCredentials(t *testing.T) {
	t.Parallel()
	b := newBank(t, sandbox(t, "gate-on"), "tokens")
	b.write(func(s *settings) { s.Timeout = "8s" })
	b.putInside()
	said := map[string]result{"early": b.expect(1, "dns", "credentials")}
	if !strings.Contains(said["early"].stderr, "apply the overlay of") {
		t.Errorf("nothing says what to do first:\n%s", said["early"].stderr)
	}
	said["plan"] = b.expect(0, "plan", "--output", "json")
	plan, err := planner.Decode([]byte(said["plan"].stdout))
	if err != nil {
		t.Fatal(err)
	}
	peers := 0
	for _, s := range plan.Steps {
		peers += len(s.Payload.Peers)
	}
	if peers != 6 {
		t.Errorf("%d credentials are planned, want 6", peers)
	}
	said["apply"] = b.expect(1, "apply", "--auto-approve", "--output", "json", "--log-level", "debug")
	if !strings.Contains(said["apply"].stderr, "the authority of usw1 to answer for the zone") {
		t.Errorf("nothing says what was waited for:\n%s", said["apply"].stderr)
	}
	before := b.tokens()
	if len(before) != 6 {
		t.Fatalf("%d tokens, want 6", len(before))
	}
	said["kept"] = b.expect(0, "dns", "credentials")
	said["issued"] = b.expect(0, "dns", "credentials", "--all", "--output", "json", "--log-level", "debug")
	said["status"] = b.quorate("status", "--output", "json")
	said["journals"] = result{stdout: b.kept()}
	if n := strings.Count(said["kept"].stdout, "kept  expires 20"); n != 6 {
		t.Errorf("%d of 6 credentials kept:\n%s", n, said["kept"].stdout)
	}
	if n := strings.Count(said["issued"].stdout, `"action": "issued"`); n != 6 {
		t.Errorf("%d of 6 credentials issued:\n%s", n, said["issued"].stdout)
	}
	if !strings.Contains(said["journals"].stdout, "let the authority of") {
		t.Error("the journal does not tell of the credentials")
	}
	for _, token := range append(before, b.tokens()...) {
		if len(token) < 200 {
			t.Fatalf("a token of %d bytes", len(token))
		}
		for name, r := range said {
			if shows(r.stdout+r.stderr, token) {
				t.Errorf("a token shows in what %q said", name)
			}
		}
	}
}

// shows tells whether a good part of a token is in a text, as it is or encoded as in a Secret.
func shows(text, token string) bool {
	parts := strings.Split(token, ".")
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	// A token's header is the same for all of one issuer; its claims and its signature are its own.
	return strings.Contains(text, parts[1][:60]) || strings.Contains(text, parts[2][:60]) || strings.Contains(text, encoded[len(encoded)-80:])
}
