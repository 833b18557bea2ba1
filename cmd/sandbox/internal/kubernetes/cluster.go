// Package kubernetes says how the components of a cluster of real containers are configured: their
// command lines, files, certificates, and the objects that a cluster holds from the start. It renders; it
// starts nothing.
package kubernetes

import (
	"bytes"
	"embed"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"text/template"

	"quorate.dev/quorate/cmd/sandbox/internal/addresses"
	"quorate.dev/quorate/cmd/sandbox/internal/binaries"
	"quorate.dev/quorate/cmd/sandbox/internal/credentials"
	"quorate.dev/quorate/cmd/sandbox/internal/places"
	"quorate.dev/quorate/cmd/sandbox/internal/state"
)

// Socket is where containerd listens, inside a node.
const Socket = "/run/containerd/containerd.sock"

// AdminFile is the base name of the administrator's certificate.
const AdminFile = "admin"

//go:embed templates
var templates embed.FS

// Cluster is what the configuration of one cluster is rendered from.
type Cluster struct {
	Sandbox  *state.Spec
	Index    int // in the sandbox
	Dir      state.Dir
	Binaries binaries.Set
	Places   places.Map
	CgroupOf func(place string) string // where a node's pods go
}

func (c Cluster) spec() state.Cluster  { return c.Sandbox.Clusters[c.Index] }
func (c Cluster) plan() addresses.Plan { return c.Places.Plan }

// Server is where the cluster's API server answers, from everywhere in the sandbox and from the machine.
func (c Cluster) Server() string {
	return "https://" + netip.AddrPortFrom(c.plan().ControlPlane(c.Index), 6443).String()
}

func (c Cluster) credentials() string { return c.Dir.Credentials(c.spec().Name) }

// Etc is where the configuration of a place lies.
func (c Cluster) etc(place string) string { return filepath.Join(c.Dir.Place(place), "etc") }

// nodes are the cluster's node places.
func (c Cluster) nodes() []places.Place {
	var nodes []places.Place
	for _, place := range c.Places.Of(c.spec().Name) {
		if place.Kind == places.Node {
			nodes = append(nodes, place)
		}
	}
	return nodes
}

// Subjects are the certificates that the cluster needs.
func (c Cluster) Subjects() []credentials.Subject {
	subjects := []credentials.Subject{
		{
			File: "apiserver", User: "kube-apiserver",
			Names:     []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
			Addresses: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), c.plan().ControlPlane(c.Index), c.plan().APIService(c.Index)},
		},
		{File: "apiserver-kubelet", User: "kube-apiserver-kubelet-client", Group: "system:masters"},
		{File: AdminFile, User: "sandbox-admin", Group: "system:masters"},
		{File: "controller-manager", User: "system:kube-controller-manager"},
		{File: "scheduler", User: "system:kube-scheduler"},
		{File: "kube-proxy", User: "system:kube-proxy"},
	}
	for _, node := range c.nodes() {
		subjects = append(subjects,
			credentials.Subject{File: node.Name, User: "system:node:" + node.Name, Group: "system:nodes"},
			credentials.Subject{
				File: node.Name + "-server", User: "system:node:" + node.Name, Group: "system:nodes",
				Names: []string{node.Name}, Addresses: []netip.Addr{node.Address},
			},
		)
	}
	return subjects
}

// Objects renders what the cluster holds from the start, as YAML documents.
func (c Cluster) Objects() ([]byte, error) {
	return render("cluster.yaml", map[string]any{
		"Sandbox": strconv.Quote(c.Sandbox.Name), "Cluster": strconv.Quote(c.spec().Name), "Region": strconv.Quote(c.spec().Region),
		"Nodes": c.nodes(), "DNS": c.plan().DNS(c.Index), "DNSImage": binaries.CoreDNSImage,
	})
}

// featureGates parses Kubernetes' own syntax, Name=bool,…, for the components that take them by file.
func (c Cluster) featureGates() (map[string]bool, error) {
	gates := map[string]bool{}
	for pair := range strings.SplitSeq(c.Sandbox.FeatureGates, ",") {
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		on, err := strconv.ParseBool(text)
		if err != nil {
			return nil, fmt.Errorf("feature gate %q: write Name=true or Name=false", pair)
		}
		gates[name] = on
	}
	return gates, nil
}

// render executes one of the embedded templates.
func render(name string, data any) ([]byte, error) {
	parsed, err := template.New(name).Option("missingkey=error").ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, fmt.Errorf("parse the template %s: %w", name, err)
	}
	var out bytes.Buffer
	if err := parsed.Execute(&out, data); err != nil {
		return nil, fmt.Errorf("render %s: %w", name, err)
	}
	return out.Bytes(), nil
}
