// Package access knows which rights at an API server each use of quorate needs, no more and no
// less, and prints them as RBAC objects. It derives them from the overlay that is applied.
package access

import (
	"slices"

	"quorate.dev/quorate/regions"
)

// Mode is a use of quorate.
type Mode string

// The modes, each with all rights of the one before it, except Preflight, Probe and those of DNS.
const (
	ReadOnly  Mode = "read-only"  // status, and plan without dry runs: nothing but reading
	Plan      Mode = "plan"       // plan with server-side dry runs, which the API server authorizes as the writes that they try
	Apply     Mode = "apply"      // everything that a run does
	Preflight Mode = "preflight"  // the checks before an installation, which look at the whole cluster
	Probe     Mode = "probe"      // those checks, and a look at the network from inside pods
	DNSServe  Mode = "dns-serve"  // dns serve outside the clusters, dns records, plan and apply
	DNSSync   Mode = "dns-sync"   // dns sync, which needs the Lease in its home cluster alone
	DNSVerify Mode = "dns-verify" // dns verify --from-clusters
	DNSStub   Mode = "dns-stub"   // dns stub, which writes to the cluster's own DNS
)

// Modes are all modes, in the order of what they may do.
func Modes() []Mode {
	return []Mode{ReadOnly, Plan, Apply, Preflight, Probe, DNSServe, DNSSync, DNSVerify, DNSStub}
}

// Site is a deployment's part in one cluster.
type Site struct {
	Deployment string
	Namespace  string
	// Objects are the overlay's. Those without a namespace are of the cluster's scope.
	Objects []map[string]any
	// Owned are objects that a run may have to remove beside those of the overlay: the inventory's.
	Owned []regions.ObjectRef
	// Inside tells that the authority for the zone runs inside the clusters.
	Inside bool
	// Serves tells that a run answers for the zone from its own process, or writes it into a primary.
	Serves bool
	// Execs tells that the profile has commands to be run in replicas.
	Execs bool
	// AsksZoneCopy tells that replicas learn their zones from labels that the server copies to pods.
	AsksZoneCopy bool
	// CreatesNamespace tells that the namespace does not exist yet.
	CreatesNamespace bool
	// Recorded tells that the deployment has a record here, so that others need not be looked for.
	Recorded bool
}

// Need is one right and what for. What is Optional is done without where it is missing, with a word
// about it.
type Need struct {
	regions.Right
	Why      string
	Optional bool
}

// Needs are the rights that a mode needs in one cluster, sorted, none twice.
func Needs(mode Mode, s Site) []Need {
	b := &needs{site: s}
	b.identify()
	switch mode {
	case DNSServe:
		b.state()
		b.slices()
	case DNSStub:
		b.state()
		b.clusterDNS()
	case DNSSync:
		b.state()
		b.slices()
		b.election()
	case DNSVerify:
		b.state()
		b.slices()
		b.look()
	case Preflight:
		b.state()
		b.ground()
	case Probe:
		b.state()
		b.ground()
		b.probe()
	case ReadOnly:
		b.read()
	case Plan:
		b.read()
		b.write(false)
	case Apply:
		b.read()
		b.write(true)
		b.run()
	}
	return b.sorted()
}

// Missing are the needs among rights that are lacking; optional ones are left out.
func Missing(needs []Need, lacking []regions.Right) []Need {
	var out []Need
	for _, n := range needs {
		if !n.Optional && slices.Contains(lacking, n.Right) {
			out = append(out, n)
		}
	}
	return out
}

// Rights are the rights alone.
func Rights(needs []Need) []regions.Right {
	out := make([]regions.Right, 0, len(needs))
	for _, n := range needs {
		out = append(out, n.Right)
	}
	return out
}
