// Package clusters makes, stops, starts and removes the clusters of a sandbox: kwokctl runs the
// control planes, KWOK plays the nodes, and the player (package kubelet) everything on them.
package clusters

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"

	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Annotation of nodes that stages.yaml reads: the port on which the player answers for the node.
const kubeletPortAnnotation = "sandbox.quorate.dev/kubelet-port"

//go:embed kwokctl.yaml
var kwokctlTemplate string

//go:embed stages.yaml
var stages string

// Manager runs the clusters of one sandbox.
type Manager struct {
	Dir      state.Dir
	Binaries binaries.Set
}

// kwokctlConfig renders the configuration that a cluster is created from.
func (m Manager) kwokctlConfig(spec *state.Spec, cluster state.Cluster) ([]byte, error) {
	parsed, err := template.New("kwokctl.yaml").Parse(kwokctlTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse kwokctl's configuration: %w", err)
	}
	var out bytes.Buffer
	err = parsed.Execute(&out, map[string]any{
		"Cluster": cluster, "FeatureGates": spec.FeatureGates, "Bin": m.Binaries.Dir,
	})
	if err != nil {
		return nil, fmt.Errorf("render kwokctl's configuration of cluster %s: %w", cluster.Name, err)
	}
	out.WriteString("---\n" + stages)
	return out.Bytes(), nil
}

// create makes and starts a cluster that does not exist yet.
func (m Manager) create(ctx context.Context, spec *state.Spec, cluster state.Cluster) error {
	config, err := m.kwokctlConfig(spec, cluster)
	if err != nil {
		return err
	}
	file := filepath.Join(m.Dir.KwokHome(), cluster.Name+".yaml")
	if err := state.WriteFile(file, config); err != nil {
		return err
	}
	return m.kwokctl(ctx, "create", "cluster", "--name", cluster.Name, "--config", file, "--kubeconfig", "")
}

// kwokctl runs one of kwokctl's commands with its home inside the sandbox's directory and the
// sandbox's kubectl first in PATH (kwokctl would download one otherwise).
func (m Manager) kwokctl(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, m.Binaries.Path("kwokctl"), args...)
	cmd.Dir = m.Dir.Path
	cmd.Env = append(environment(), "KWOK_WORKDIR="+m.Dir.KwokHome(), "KUBECACHEDIR="+filepath.Join(m.Dir.KwokHome(), "kubectl"),
		"PATH="+m.Binaries.Dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("kwokctl %s: %w: %s", strings.Join(args, " "), err, lastLines(out, 5))
	}
	return nil
}

// environment is the process's own without what would change how kwokctl, the control plane or
// kubectl behave.
func environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "KWOK_") && !strings.HasPrefix(entry, "KUBE") && !strings.HasPrefix(entry, "ETCD_") && !strings.HasPrefix(entry, "PATH=") {
			kept = append(kept, entry)
		}
	}
	return kept
}

// lastLines is the end of a command's output: where the reason stands.
func lastLines(out []byte, n int) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	return strings.Join(lines, "; ")
}
