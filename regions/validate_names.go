package regions

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

const (
	// maxStatefulSetName leaves room for what the controller appends to it in the
	// label controller-revision-hash (kubernetes/kubernetes#64023).
	maxStatefulSetName = 52
	maxDNSName         = 253 // RFC 1035 §3.1, in presentation form without the final dot
)

func (c *checker) names() {
	c.deployment()
	c.seedNames()
	c.regionNames()
	c.clusterNames()
	c.eachCluster(c.poolNames)
}

func (c *checker) deployment() {
	name := c.t.Metadata.Name
	switch {
	case name == "" && !c.written("metadata.name"):
		c.errorf("metadata.name", codeMissingName, "write metadata: {name: …}", "the deployment has no name")
	case len(validation.IsDNS1035Label(name)) > 0:
		c.errorf("metadata.name", codeInvalidName, "use lower-case letters, digits and hyphens, beginning with a letter (RFC 1035): it becomes the name of a Service",
			"%q cannot name a deployment", shorten(name))
	case len(name) > maxStatefulSetName:
		c.errorf("metadata.name", codeNameTooLong, fmt.Sprintf("use at most %d characters", maxStatefulSetName),
			"%q has %d characters; a StatefulSet of that name could not make pods", shorten(name), len(name))
	}
	if !c.written("spec.namespace") && strings.HasPrefix(name, "kube-") {
		c.errorf("metadata.name", codeReservedNamespace, "choose another name, or write spec.namespace",
			"the deployment's namespace would be %q, which belongs to Kubernetes", shorten(name))
	}
	c.namespace("spec.namespace", c.t.Spec.Namespace, c.written("spec.namespace"))
}

// seedNames checks the names of the seeds, which may be the longest of all.
func (c *checker) seedNames() {
	if name := fmt.Sprintf("join-%d.%s", seedSlots-1, c.t.Spec.DNS.Zone); len(name) > maxDNSName {
		c.errorf("spec.dns.zone", codeNameTooLong, fmt.Sprintf("use at most %d characters", maxDNSName-len(name)+len(c.t.Spec.DNS.Zone)),
			"the names of the seeds would have %d characters, more than DNS allows (%d)", len(name), maxDNSName)
	}
}

// namespace checks a namespace where it is written itself; one that is
// inherited was judged where it came from.
func (c *checker) namespace(path, value string, own bool) {
	if !own {
		return
	}
	if c.label(path, value, codeInvalidNamespace) && strings.HasPrefix(value, "kube-") {
		c.errorf(path, codeReservedNamespace, "use a namespace of the deployment's own", "namespace %q belongs to Kubernetes", value)
	}
}

func (c *checker) regionNames() {
	seen := map[string]bool{}
	for i, r := range c.t.Spec.Regions {
		path := item("spec.regions", i) + ".name"
		c.zoneLabel(path, r.Name, "region")
		if seen[r.Name] && r.Name != "" {
			c.errorf(path, codeDuplicateRegion, "put the clusters of one region into one entry", "region %q is already declared", shorten(r.Name))
		}
		seen[r.Name] = true
		if name := r.Name + "." + c.t.Spec.DNS.Zone; len(name) > maxDNSName {
			c.errorf(path, codeNameTooLong, "shorten the zone or the region's name",
				"the name of region %q has %d characters, more than DNS allows (%d)", shorten(r.Name), len(name), maxDNSName)
		}
	}
}

func (c *checker) clusterNames() {
	regions := map[string]bool{}
	for _, r := range c.t.Spec.Regions {
		regions[r.Name] = true
	}
	seen := map[string]string{}
	c.eachCluster(func(cl Cluster, r Region, path string) {
		path += ".name"
		c.zoneLabel(path, cl.Name, "cluster")
		other, twice := seen[cl.Name]
		switch {
		case cl.Name == "":
		case twice:
			c.errorf(path, codeDuplicateCluster, "cluster names are unique across regions",
				"cluster %q is already declared in region %s", shorten(cl.Name), shorten(other))
		case regions[cl.Name]:
			c.errorf(path, codeNameCollision, fmt.Sprintf("name it after both, such as %s-a", shorten(cl.Name)),
				"cluster %q has the name of a region; both are names in the DNS zone", shorten(cl.Name))
		}
		if !twice {
			seen[cl.Name] = r.Name
		}
	})
}

// zoneLabel checks a name that becomes a label directly in the DNS zone, beside
// quorate's own: join-0 for the seeds, ns for name servers, _<port>._tcp for SRV.
func (c *checker) zoneLabel(path, value, kind string) {
	if value == "" {
		c.errorf(path, codeMissingName, "write its name", "the %s has no name", kind)
		return
	}
	for _, prefix := range []string{"join-", "ns", "_"} {
		if strings.HasPrefix(value, prefix) {
			c.errorf(path, codeReservedName, "choose a name that begins otherwise",
				"%s name %q begins with %s, which the DNS zone keeps for itself", kind, shorten(value), prefix)
			return
		}
	}
	c.label(path, value, codeInvalidName)
}

// poolNames checks the StatefulSets' names of a cluster and the longest name of a replica.
func (c *checker) poolNames(cl Cluster, _ Region, path string) {
	for _, name := range slices.Sorted(maps.Keys(cl.Pools)) {
		at := field(path+".pools", name)
		if c.label(at, name, codeInvalidName) && len(name) > maxStatefulSetName {
			c.errorf(at, codeNameTooLong, fmt.Sprintf("use at most %d characters", maxStatefulSetName),
				"%q has %d characters; a StatefulSet of that name could not make pods", shorten(name), len(name))
		}
	}
	if c.t.Spec.DNS.Zone == "" {
		return
	}
	longest := ""
	for _, pool := range c.t.Pools(cl) {
		id := ReplicaID{Cluster: cl.Name, Pool: pool.Name, Ordinal: max(0, pool.Replicas-1)}
		if name := id.Pod() + "." + cl.Name + "." + c.t.Spec.DNS.Zone; len(name) > len(longest) {
			longest = name
		}
	}
	if len(longest) > maxDNSName {
		c.errorf(path+".name", codeNameTooLong, "shorten the zone or the cluster's name",
			"the longest replica name of cluster %q has %d characters, more than DNS allows (%d)", shorten(cl.Name), len(longest), maxDNSName)
	}
}
