package regions

import (
	"fmt"
	"time"
)

// The authority inside the clusters: `quorate dns serve --in-cluster` as a Deployment in
// every cluster, each of which watches all clusters.
const (
	// AuthorityComponent is the value of label app.kubernetes.io/component on every
	// object of the authority.
	AuthorityComponent = "dns-authority"
	// AuthorityPort is the port, on the loopback of its pod alone, on which the authority
	// answers over TCP.
	AuthorityPort = 1054
	// CredentialsDir is where the authority finds the Secret of its credentials mounted.
	CredentialsDir = "/etc/quorate/credentials"
	// CredentialsKubeconfig is the Secret's key of the kubeconfig, which has a
	// context for each of the other clusters, named as the cluster.
	CredentialsKubeconfig = "kubeconfig"
	// NotLookedCredentials stands in ClusterState.NotLooked where the Secret of the
	// authority's credentials may not be read.
	NotLookedCredentials = "the credentials of the authority"
)

// AuthorityInCluster is the authority that runs inside every cluster, nil where the topology
// has none.
func (t *Topology) AuthorityInCluster() *InClusterServe {
	for _, p := range t.Spec.DNS.Publish {
		if p.Serve != nil && p.Serve.InCluster != nil {
			return p.Serve.InCluster
		}
	}
	return nil
}

// PodNameServers are the addresses to which the pods of a cluster send all their questions, by a
// dnsConfig of their own; empty where they keep the cluster's DNS.
func (t *Topology) PodNameServers(c Cluster) []string {
	if in := t.AuthorityInCluster(); in != nil && in.PodDNS == podDNSStubDomain {
		return nil
	}
	return c.DNSServers
}

// AuthorityName is the name of the authority's objects in every cluster, its
// ServiceAccount and its Deployment among them.
func AuthorityName(deployment string) string { return "quorate-dns-" + deployment }

// AuthorityPodAccount is the name of the ServiceAccount of the authority's pods, which may do
// more in their own cluster than whoever watches it from another one.
func AuthorityPodAccount(deployment string) string { return AuthorityName(deployment) + "-pod" }

// CredentialsName is the name of the Secret that lets the authority of one cluster watch
// the others.
func CredentialsName(deployment string) string { return AuthorityName(deployment) + "-credentials" }

// WriterName is the name of the Lease by which one of several writers of the deployment's zones leads (quorate dns sync).
func WriterName(deployment string) string { return AuthorityName(deployment) + "-sync" }

// CredentialsToken is the Secret's key of the token for one cluster.
func CredentialsToken(cluster string) string { return cluster + ".token" }

// AuthorityState is what one cluster holds of the authority that runs inside it. No
// token is ever part of it.
type AuthorityState struct {
	// Account is the UID of the authority's ServiceAccount, by which the other
	// clusters' authorities watch this one; empty where it does not exist.
	Account string
	Exists  bool // its Deployment exists
	Seen    bool // the Deployment's controller has reported on its newest generation
	Wanted  int  // replicas that the Deployment asks for
	Updated int  // replicas at its newest template
	Total   int  // replicas of whichever template
	Ready   int
	// Credentials are what its Secret holds or lacks, by cluster.
	Credentials []Credential
}

// Credential is a cluster's way into one other cluster, as its Secret has it.
type Credential struct {
	Cluster string // the cluster that it opens
	// Account is the UID of the ServiceAccount that the token is of; empty where none was issued.
	Account string
	Expires time.Time // zero where none was issued
	// Due says why it is to be issued anew, as far as this cluster and the time tell;
	// empty: it is not.
	Due string
	// Extra: the topology knows no such cluster, or no longer.
	Extra bool
}

// DueNever is why a credential is due that was never issued.
const DueNever = "never issued"

// Missing says what keeps the authority of a cluster from standing at its newest template with
// all of its replicas ready; empty: nothing.
func (a *AuthorityState) Missing() string {
	switch {
	case a == nil || !a.Exists:
		return "its Deployment does not exist"
	case !a.Seen:
		return "its newest template was not taken up yet"
	case a.Updated < a.Wanted:
		return fmt.Sprintf("%d of %d replicas are at its newest template", a.Updated, a.Wanted)
	case a.Total > a.Wanted:
		return "replicas of its former template are still there"
	case a.Ready < a.Wanted:
		return fmt.Sprintf("%d of %d replicas are ready", a.Ready, a.Wanted)
	}
	return ""
}

// CredentialFor is what the authority of this cluster holds for another one; one that
// was never seen was never issued.
func (a *AuthorityState) CredentialFor(cluster string) Credential {
	if a != nil {
		for _, c := range a.Credentials {
			if c.Cluster == cluster {
				return c
			}
		}
	}
	return Credential{Cluster: cluster, Due: DueNever}
}
