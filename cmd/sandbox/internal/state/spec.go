package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// FormatVersion is that of sandbox.json.
const FormatVersion = "1.0"

// Provisioner is the name by which the storage classes of a sandbox ask the player for volumes.
const Provisioner = "sandbox.quorate.dev/volume"

// Spec describes a sandbox: what `up` was asked for, and what it chose (ports, networks).
type Spec struct {
	FormatVersion string    `json:"format_version"`
	Name          string    `json:"name"`
	FeatureGates  string    `json:"feature_gates,omitempty"` // Kubernetes' own syntax: Name=bool,…
	Binaries      string    `json:"binaries"`                // directory of what it was made with
	AdminPort     int       `json:"admin_port"`              // the player's, for `sandbox db`
	AdminToken    string    `json:"admin_token"`             // what a caller of AdminPort must show
	Clusters      []Cluster `json:"clusters"`

	// What follows is for the runtime Containers alone.
	Runtime    string      `json:"runtime,omitempty"`    // empty is Simulated
	Nodes      int         `json:"nodes,omitempty"`      // real nodes of each cluster
	Network    string      `json:"network,omitempty"`    // the block of package addresses that the sandbox has
	Outside    []string    `json:"outside,omitempty"`    // places of clients, in the order of their addresses
	Partitions []Partition `json:"partitions,omitempty"` // in force now
}

// Runtimes of a sandbox.
const (
	Simulated  = "simulated"  // KWOK's nodes and a player
	Containers = "containers" // real kubelets and containers, in namespaces of this machine
)

// Partition keeps two sides apart; each is a cluster or an outside place.
type Partition struct {
	From   string `json:"from"`
	To     string `json:"to"`
	OneWay bool   `json:"one_way,omitempty"` // From cannot open connections to To, To still can to From
}

// Is tells whether the partition is between these two, in either order.
func (p Partition) Is(a, b string) bool {
	return (p.From == a && p.To == b) || (p.From == b && p.To == a)
}

// Cluster is one Kubernetes cluster of a sandbox.
type Cluster struct {
	Name         string   `json:"name"`
	Region       string   `json:"region"`
	Zones        []string `json:"zones"`
	NodesPerZone int      `json:"nodes_per_zone"`
	PodCIDR      string   `json:"pod_cidr"`
	ServiceCIDR  string   `json:"service_cidr"`
	NodeCIDR     string   `json:"node_cidr"` // InternalIPs of nodes; nothing answers there
	Ports        Ports    `json:"ports"`
}

// Ports are the loopback ports of one cluster.
type Ports struct {
	APIServer         int `json:"api_server"`
	Etcd              int `json:"etcd"`
	EtcdPeer          int `json:"etcd_peer"`
	ControllerManager int `json:"controller_manager"`
	Scheduler         int `json:"scheduler"`
	Kwok              int `json:"kwok"`
	Kubelet           int `json:"kubelet"` // where the player answers exec and logs for the nodes
}

// all lists the ports for choosing and comparing.
func (p *Ports) all() []*int {
	return []*int{&p.APIServer, &p.Etcd, &p.EtcdPeer, &p.ControllerManager, &p.Scheduler, &p.Kwok, &p.Kubelet}
}

// Cluster finds a cluster by name; the error names those that exist.
func (s *Spec) Cluster(name string) (Cluster, error) {
	var known []string
	for _, cluster := range s.Clusters {
		if cluster.Name == name {
			return cluster, nil
		}
		known = append(known, cluster.Name)
	}
	return Cluster{}, fmt.Errorf("sandbox %s has no cluster %q; it has %v", s.Name, name, known)
}

// SameShape tells whether both describe the same clusters, whatever ports they got.
func (s *Spec) SameShape(other *Spec) bool {
	return s.FeatureGates == other.FeatureGates && s.Runtime == other.Runtime && s.Nodes == other.Nodes && slices.EqualFunc(s.Clusters, other.Clusters, func(a, b Cluster) bool {
		return a.Name == b.Name && a.Region == b.Region && slices.Equal(a.Zones, b.Zones) && a.NodesPerZone == b.NodesPerZone
	})
}

// Load reads the description; a sandbox that is not there is an error that wraps os.ErrNotExist.
func (d Dir) Load() (*Spec, error) {
	data, err := os.ReadFile(d.SpecFile())
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("sandbox %s is not up (no %s): %w; run `sandbox up --name %s`", d.Name, d.SpecFile(), err, d.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("read sandbox %s: %w", d.Name, err)
	}
	spec := &Spec{}
	if err := json.Unmarshal(data, spec); err != nil {
		return nil, fmt.Errorf("read %s: %w; `sandbox down --name %s` clears it away", d.SpecFile(), err, d.Name)
	}
	return spec, nil
}

// Save writes the description so that a crash leaves the old or the new one, never half of one.
func (d Dir) Save(spec *Spec) error {
	data, err := json.MarshalIndent(spec, "", "  ")
	if err != nil {
		return fmt.Errorf("encode sandbox %s: %w", d.Name, err)
	}
	return WriteFile(d.SpecFile(), append(data, '\n'))
}

// WriteFile replaces the file at path atomically, readable by its owner only.
func WriteFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make %s: %w", filepath.Dir(path), err)
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = temp.Write(data)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
