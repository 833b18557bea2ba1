// Package discover proposes a first topology from what clusters were seen to be: which regions and zones they
// have, which storage classes, which Kubernetes. Every choice is explained in a comment of
// the file, and whatever was left out is there too, with the reason.
//
// The package is pure: it asks no cluster. The same facts and choices always give the same file.
package discover

import "quorate.dev/quorate/regions"

// Facts are what one kubeconfig context's cluster was seen to be.
type Facts struct {
	Context string
	// Version is the API server's, such as v1.37.2.
	Version string
	// UID is that of namespace kube-system: the cluster's identity.
	UID     string
	Sandbox bool // the cluster carries the sandbox's mark
	Nodes   []Node
	Classes []Class
	// NotLooked is what could not be looked at, for want of rights: Nodes, StorageClasses.
	NotLooked []string
}

// What may stand in Facts.NotLooked.
const (
	Nodes          = "nodes"
	StorageClasses = "storage classes"
)

// Node is a node that takes ordinary pods.
type Node struct {
	Name     string
	Region   string   // label topology.kubernetes.io/region
	Zone     string   // label topology.kubernetes.io/zone
	PodCIDRs []string // the ranges of its pods' addresses, where the cluster gives them out
	MilliCPU int64    // allocatable, in thousandths of a core; 0: not known
	Memory   int64    // allocatable, in bytes; 0: not known
}

// Class is a StorageClass.
type Class struct {
	Name    string
	Default bool
	// Immediate classes make a volume before its pod has a node, in a zone of their own choice.
	Immediate bool
}

// Silent is a context whose cluster did not answer, with a reason in a few words that
// does not change from one try to the next.
type Silent struct {
	Context string
	Reason  string
}

// Choices are what no cluster can tell.
type Choices struct {
	Name      string // of the deployment
	Namespace string // empty: the deployment's name
	Profile   string
	Base      string // profile generic alone
	Image     string
	Zone      string // the DNS zone
	// Authorities are name servers (host:port) that serve the zone already.
	Authorities []string
	Size        string // of each replica's volume, a Kubernetes quantity
	Class       string // the StorageClass; empty: chosen among those that every cluster has
	Replicas    int    // of each cluster
	// Regions are the regions of contexts whose nodes do not say theirs, and overrule those that do.
	Regions map[string]string
}

// Found is a cluster that is part of the proposal.
type Found struct {
	Context  string   `json:"context"`
	Cluster  string   `json:"cluster"` // its name in the topology
	Region   string   `json:"region"`
	Zones    []string `json:"zones"`
	Version  string   `json:"version"`
	UID      string   `json:"uid"`
	Nodes    int      `json:"nodes"`
	Replicas int      `json:"replicas"`

	facts   Facts
	remarks []string // for the comment above the cluster
}

// LeftOut is a context that is in the proposal as a comment alone.
type LeftOut struct {
	Context string `json:"context"`
	Reason  string `json:"reason"`
}

// Proposal is a first topology.
type Proposal struct {
	Text     []byte // the file
	Clusters []Found
	LeftOut  []LeftOut
	// Problems are those of the file: what is still missing, and what to know.
	Problems regions.Problems
	// Ahead is what stands between the file and a first apply, in sentences.
	Ahead []string
}
