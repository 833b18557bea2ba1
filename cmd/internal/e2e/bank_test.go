package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"text/template"
	"time"

	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
)

// bank is one deployment in its own namespace of a sandbox.
type bank struct {
	t        *testing.T
	sandbox  *sandboxHandle
	dir      string
	settings settings
}

// settings are what the tests change in the topology.
type settings struct {
	Name, Image, Timeout, Soak, CanarySoak string
	Authorities, Publish                   string // YAML lists
	Locality                               string // how a replica learns its zone
	Replicas                               map[string]int
}

const topology = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: {{.Name}}}
spec:
  profile: cockroachdb
  image: cockroachdb/cockroach:{{.Image}}
  storage: {size: 1Gi, className: standard}
  resources:
    requests: {cpu: 100m, memory: 64Mi}
    limits: {cpu: 100m, memory: 64Mi}
  survive: {failure: region, voters: 5}
  tls: {mode: disabled}
  locality: {zone: {{.Locality}}}
  dns: {zone: {{.Name}}.db.example.com, ttl: 5s, publish: {{.Publish}}, authorities: {{.Authorities}}}
  rollout:
    order: [us-west1, us-east1, europe-west1]
    soak: {{.Soak}}
    canary: {replicas: 1, soak: {{.CanarySoak}}}
    gateInterval: 300ms
    timeout: {{.Timeout}}
  regions:
    - name: us-east1
      clusters: [{name: use1, replicas: {{.Replicas.use1}}, zones: [us-east1-a, us-east1-b, us-east1-c]}]
    - name: us-west1
      clusters: [{name: usw1, replicas: {{.Replicas.usw1}}, zones: [us-west1-a, us-west1-b, us-west1-c]}]
    - name: europe-west1
      clusters: [{name: euw1, replicas: {{.Replicas.euw1}}, zones: [europe-west1-a, europe-west1-b, europe-west1-c]}]
`

func newBank(t *testing.T, h *sandboxHandle, name string) *bank {
	t.Helper()
	h.claim(t, name)
	b := &bank{t: t, sandbox: h, dir: t.TempDir(), settings: settings{
		Name: name, Image: "v25.4.0", Timeout: "60s", Soak: "300ms", CanarySoak: "1s", Authorities: "[]", Locality: h.locality(),
		Publish:  `[{serve: {listen: "127.0.0.1:5300"}}]`,
		Replicas: map[string]int{"usw1": 3, "use1": 3, "euw1": 3},
	}}
	b.write(func(*settings) {})
	return b
}

// write changes the topology file.
func (b *bank) write(change func(*settings)) {
	b.t.Helper()
	change(&b.settings)
	var text bytes.Buffer
	if err := template.Must(template.New("topology").Parse(topology)).Execute(&text, b.settings); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(b.file(), text.Bytes(), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bank) file() string { return filepath.Join(b.dir, "topology.yaml") }

// result is how one invocation ended.
type result struct {
	stdout, stderr string
	code           int
}

// command prepares one invocation of quorate.
func (b *bank) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, shared.quorate, append(args, "-f", b.file(), "--kubeconfig", b.sandbox.kubeconfig)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(b.dir, "state"))
	return cmd
}

func (b *bank) quorate(args ...string) result {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := b.command(ctx, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		b.t.Fatalf("quorate %s: %v", strings.Join(args, " "), err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// expect runs quorate and fails the test on another exit code.
func (b *bank) expect(code int, args ...string) result {
	b.t.Helper()
	r := b.quorate(args...)
	if r.code != code {
		b.t.Fatalf("quorate %s: exit %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

func (b *bank) apply() result { b.t.Helper(); return b.expect(0, "apply", "--auto-approve") }

// expectEmpty: a plan right after has nothing to do.
func (b *bank) expectEmpty() {
	b.t.Helper()
	r := b.expect(0, "plan", "--detailed-exitcode")
	if !strings.Contains(r.stdout, "Nothing to do") {
		b.t.Fatalf("the plan is not empty:\n%s", r.stdout)
	}
}

func (b *bank) plan() *planner.Plan {
	b.t.Helper()
	p, err := planner.Decode([]byte(b.expect(0, "plan", "--output", "json").stdout))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

// journals are the entries of all runs so far, in the order of the runs.
func (b *bank) journals() []journal.Entry {
	b.t.Helper()
	files, err := filepath.Glob(filepath.Join(b.dir, "state", "quorate", b.settings.Name, "*.jsonl"))
	if err != nil {
		b.t.Fatal(err)
	}
	var out []journal.Entry
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			b.t.Fatal(err)
		}
		entries, err := journal.Replay(f)
		if err := errors.Join(err, f.Close()); err != nil {
			b.t.Fatalf("%s: %v", path, err)
		}
		out = append(out, entries...)
	}
	return out
}

// statusDocument is the part of `quorate status --output json` that tests read.
type statusDocument struct {
	Clusters []struct {
		Name      string `json:"name"`
		Reachable bool   `json:"reachable"`
		Lease     *struct {
			Held bool `json:"held"`
		} `json:"lease"`
		Pools []struct {
			Replicas  int    `json:"replicas"`
			Partition int    `json:"partition"`
			Hold      string `json:"hold"`
			Members   []struct {
				ID    string `json:"id"`
				Ready bool   `json:"ready"`
				Image string `json:"image"`
				Zone  string `json:"zone"`
				State string `json:"name_state"`
			} `json:"members"`
		} `json:"pools"`
	} `json:"clusters"`
	Exposure struct {
		Survives map[string]bool `json:"survives"`
		Slack    int             `json:"slack"`
	} `json:"exposure"`
}

func (b *bank) status(code int) statusDocument {
	b.t.Helper()
	var doc statusDocument
	r := b.expect(code, "status", "--output", "json")
	if err := json.Unmarshal([]byte(r.stdout), &doc); err != nil {
		b.t.Fatalf("status: %v\n%s", err, r.stdout)
	}
	return doc
}

// expectSettled: every replica is ready, of the wanted image, named rightly, and held.
func (b *bank) expectSettled() {
	b.t.Helper()
	for _, c := range b.status(0).Clusters {
		p := c.Pools[0]
		if p.Replicas != b.settings.Replicas[c.Name] || len(p.Members) != p.Replicas || p.Hold != "held" {
			b.t.Errorf("%s: %d replicas, %s; want %d, held", c.Name, p.Replicas, p.Hold, b.settings.Replicas[c.Name])
		}
		for _, m := range p.Members {
			if !m.Ready || m.State != "right" || !strings.HasSuffix(m.Image, ":"+b.settings.Image) || m.Zone == "" {
				b.t.Errorf("%s is not settled at %s: %+v", m.ID, b.settings.Image, m)
			}
		}
		if c.Lease == nil || c.Lease.Held {
			b.t.Errorf("%s: the Lease was not released", c.Name)
		}
	}
}
