package regions

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// HostOf is the name under which a replica is known to the others of its database, without a final dot, where
// spec.advertised says so; empty: its name in the zone.
func (t *Topology) HostOf(id ReplicaID) string {
	if t.Spec.Advertised == "" {
		return ""
	}
	c, _ := t.ClusterByName(id.Cluster)
	return advertisedName(t.Spec.Advertised, id.Pod(), id.Cluster, c.Namespace)
}

func advertisedName(pattern, pod, cluster, namespace string) string {
	return strings.NewReplacer("{pod}", pod, "{cluster}", cluster, "{namespace}", namespace).Replace(pattern)
}

// profileOverBase checks a profile whose manifests are replaced by a base of the user's own: what the profile knows
// of the database stays, its commands among it, which speak to it without certificates.
func (c *checker) profileOverBase() {
	s := c.t.Spec
	c.base()
	for _, path := range []string{"spec.storage", "spec.resources"} {
		if c.written(path) {
			c.errorf(path, codeNotForProfile, "write it in the manifests of spec.base", "with spec.base, %s is left to your own manifests", path)
		}
	}
	if s.TLS.Mode == "" {
		c.errorf("spec.tls.mode", codeTLSRequired, "write tls: {mode: disabled} where the database runs without certificates; use profile generic where it has them",
			"the commands of profile %s speak to a database without certificates, and running without them must be said", s.Profile)
	}
}

// advertised checks the names under which the replicas know one another.
func (c *checker) advertised() {
	const path = "spec.advertised"
	s := c.t.Spec
	if s.Advertised == "" {
		return
	}
	if s.Base == "" || s.Profile != profileCockroachDB {
		c.errorf(path, codeNotForProfile, "remove advertised",
			"advertised is for profile cockroachdb over a base of yours; elsewhere replicas go by their names in the zone, or no command needs a name")
		return
	}
	if !strings.Contains(s.Advertised, "{pod}") || len(validation.IsDNS1123Subdomain(advertisedName(s.Advertised, "pod", "cluster", "namespace"))) > 0 {
		c.errorf(path, codeInvalidName, "write it as {pod}.cockroachdb.{namespace}.svc.cluster.local", "%q is no name of each replica", shorten(s.Advertised))
	}
}
