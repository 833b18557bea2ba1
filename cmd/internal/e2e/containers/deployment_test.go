package containers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/template"
	"time"

	"quorate.dev/quorate/cmd/internal/e2e/subprocess"
	"quorate.dev/quorate/planner"
	"quorate.dev/quorate/planner/journal"
)

// deployment is one etcd over the fleet, in a namespace of its own.
type deployment struct {
	t        *testing.T
	fleet    *fleet
	dir      string
	settings settings
}

// settings are what differs between tests, and what they change on the way.
type settings struct {
	Name, Version string
	PodDNS        string // how pods get to the authority
	CPU           string // changing it changes the pods' template
	Soak, Canary  string
	ServiceByte   byte // last byte of the authority's address in every cluster
	Clusters      []clusterSettings
}

type clusterSettings struct{ Name, Region, DNSServer, PodCIDR string }

const topologyText = `apiVersion: quorate.dev/v1alpha1
kind: Topology
metadata: {name: {{.Name}}}
spec:
  profile: etcd
  image: quorate.test/etcd:{{.Version}}
  storage: {size: 1Gi, className: standard}
  resources: {limits: {cpu: {{.CPU}}, memory: 256Mi}}
  survive: {failure: region}
  tls: {mode: disabled}
  locality: {zone: none}
  dns:
    zone: {{.Name}}.db.example.com
    ttl: 5s
    publish:
      - serve: {inCluster: {image: "quorate.test/quorate:test", forwarder: "quorate.test/coredns:v1.15.0", podDNS: {{.PodDNS}}}}
  rollout: {canary: {replicas: 1, soak: {{.Canary}}}, soak: {{.Soak}}, gateInterval: 1s, timeout: 90s}
  regions:
{{- range .Clusters}}
    - name: {{.Region}}
      clusters: [{name: {{.Name}}, replicas: 1, dnsServers: [{{.DNSServer}}], podCIDRs: ["{{.PodCIDR}}"]}]
{{- end}}
`

// newDeployment writes a topology; every deployment of the fleet has its own last byte for the
// addresses of its authority.
func newDeployment(t *testing.T, name string, serviceByte byte) *deployment {
	t.Helper()
	f := theFleet(t)
	d := &deployment{t: t, fleet: f, dir: t.TempDir(), settings: settings{
		Name: name, Version: "v3.6.16", PodDNS: "dnsConfig", CPU: "300m", Soak: "1s", Canary: "2s", ServiceByte: serviceByte,
	}}
	for i, region := range []string{"eu-central", "us-east", "ap-south"} {
		cluster := clusterNames[i]
		d.settings.Clusters = append(d.settings.Clusters, clusterSettings{
			Name: cluster, Region: region, DNSServer: f.service(cluster, serviceByte).String(), PodCIDR: f.pods[cluster].String(),
		})
	}
	d.write(func(*settings) {})
	return d
}

// write changes the topology file.
func (d *deployment) write(change func(*settings)) {
	d.t.Helper()
	change(&d.settings)
	var text bytes.Buffer
	if err := template.Must(template.New("topology").Parse(topologyText)).Execute(&text, d.settings); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.file(), text.Bytes(), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *deployment) file() string { return filepath.Join(d.dir, "topology.yaml") }

// name is a replica's stable name.
func (d *deployment) name(cluster string) string {
	return fmt.Sprintf("%s-0.%s.%s.db.example.com", d.settings.Name, cluster, d.settings.Name)
}

// pod is the replica's pod, the only one of its cluster.
func (d *deployment) pod() string { return d.settings.Name + "-0" }

// arguments completes an invocation of quorate.
func (d *deployment) arguments(args ...string) []string {
	return append(args, "-f", d.file(), "--kubeconfig", d.fleet.kubeconfig)
}

func (d *deployment) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(d.t.Context(), tools.quorate, d.arguments(args...)...)
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+filepath.Join(d.dir, "state"))
	return cmd
}

// expect runs quorate and fails the test on another exit code.
func (d *deployment) expect(code int, args ...string) subprocess.Result {
	d.t.Helper()
	r := subprocess.Run(d.t, d.command(args...))
	if r.Code != code {
		d.t.Fatalf("quorate %s: exit %d, want %d\nstdout:\n%s\nstderr:\n%s", strings.Join(args, " "), r.Code, code, r.Stdout, r.Stderr)
	}
	return r
}

// apply runs a whole plan to its end.
func (d *deployment) apply() { d.t.Helper(); d.expect(0, "apply", "--auto-approve") }

// expectEmpty fails unless nothing is left to do.
func (d *deployment) expectEmpty() {
	d.t.Helper()
	if r := d.expect(0, "plan", "--detailed-exitcode"); !strings.Contains(r.Stdout, "Nothing to do") {
		d.t.Fatalf("the plan is not empty:\n%s", r.Stdout)
	}
}

func (d *deployment) plan() *planner.Plan {
	d.t.Helper()
	plan, err := planner.Decode([]byte(d.expect(0, "plan", "--output", "json").Stdout))
	if err != nil {
		d.t.Fatal(err)
	}
	return plan
}

// etcdctl runs a command in the member of a cluster, by way of its API server.
func (d *deployment) etcdctl(cluster string, args ...string) subprocess.Result {
	d.t.Helper()
	exec := []string{"exec", "-n", d.settings.Name, d.pod(), "--", "/usr/local/bin/etcdctl", "--command-timeout", "3s"}
	return d.fleet.kubectl(d.t, cluster, append(exec, args...)...)
}

// unhealthy tells what keeps the members from being whole, asked in one of them; empty: nothing.
func (d *deployment) unhealthy(cluster string) string {
	r := d.etcdctl(cluster, "endpoint", "health", "--cluster", "--write-out", "json")
	type member struct {
		Endpoint string
		Health   bool
	}
	var members []member
	_ = json.Unmarshal([]byte(r.Stdout), &members) // what cannot be read has no members
	for _, name := range clusterNames {
		if !slices.Contains(members, member{"http://" + d.name(name) + ":2379", true}) {
			return name + " is not healthy: " + r.Stdout + r.Stderr
		}
	}
	return ""
}

// leader is the cluster whose member leads, empty while there is none.
func (d *deployment) leader() string {
	for _, cluster := range clusterNames {
		r := d.etcdctl(cluster, "endpoint", "status", "--write-out", "json")
		var status []struct {
			Status struct {
				Header struct {
					Member json.Number `json:"member_id"`
				} `json:"header"`
				Leader json.Number `json:"leader"`
			}
		}
		if json.Unmarshal([]byte(r.Stdout), &status) == nil && len(status) == 1 &&
			status[0].Status.Leader == status[0].Status.Header.Member {
			return cluster
		}
	}
	return ""
}

// eventually waits until wrong says nothing any more.
func eventually(t *testing.T, what string, within time.Duration, wrong func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	for {
		problem := wrong()
		if problem == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waited %s until %s: %s", within, what, problem)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// journals are the entries of all runs, oldest first.
func (d *deployment) journals() []journal.Entry {
	d.t.Helper()
	files, err := filepath.Glob(filepath.Join(d.dir, "state", "quorate", d.settings.Name, "*.jsonl"))
	if err != nil {
		d.t.Fatal(err)
	}
	var all []journal.Entry
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			d.t.Fatal(err)
		}
		entries, err := journal.Replay(file)
		if err := errors.Join(err, file.Close()); err != nil {
			d.t.Fatalf("%s: %v", path, err)
		}
		all = append(all, entries...)
	}
	return all
}
