package regions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// SetPerZone tells whether every zone of a cluster has a StatefulSet of its own (locality.zone
// statefulSetPerZone), for servers that do not copy a node's zone to its pods. A pool is
// then named <deployment>-<zone>, and the replicas of a cluster go round its zones as listed: the
// first of each zone, then the second of each, as the spread places them where one set holds them all.
func (t *Topology) SetPerZone() bool {
	return t.Spec.Locality.Zone == zoneBySet && t.bringsManifests()
}

// bringsManifests tells whether the StatefulSets are the profile's, not the user's.
func (t *Topology) bringsManifests() bool {
	return t.Spec.Profile == profileCockroachDB || t.Spec.Profile == profileEtcd
}

func (t *Topology) zonePool(zone string) string { return t.Metadata.Name + "-" + zone }

// zonePools are a cluster's pools, one a zone, in the order of its zones. The cluster's replicas are
// spread evenly; what is left over goes to the first zones, so that one replica more touches one pool.
func (t *Topology) zonePools(c Cluster) []PoolSize {
	var pools []PoolSize
	for i, zone := range c.Zones {
		size := c.Replicas / len(c.Zones)
		if i < c.Replicas%len(c.Zones) {
			size++
		}
		pools = append(pools, PoolSize{Name: t.zonePool(zone), Zone: zone, Replicas: size})
	}
	return pools
}

// FormerPools are the names that a cluster's StatefulSets would have if locality.zone said
// otherwise: one that exists is of this deployment, and its replicas would be left behind. Empty
// where the user's own manifests name the sets.
func (t *Topology) FormerPools(c Cluster) []string {
	if !t.bringsManifests() {
		return nil
	}
	if t.SetPerZone() {
		return []string{t.Metadata.Name}
	}
	var out []string
	for _, zone := range c.Zones {
		out = append(out, t.zonePool(zone))
	}
	return out
}

// IsFormerPool tells whether a StatefulSet of the deployment has a name that it could have only if
// locality.zone said otherwise, whatever the zones were then.
func (t *Topology) IsFormerPool(name string) bool {
	if !t.bringsManifests() {
		return false
	}
	if t.SetPerZone() {
		return name == t.Metadata.Name
	}
	return strings.HasPrefix(name, t.Metadata.Name+"-")
}

// CompareUpdates orders two replicas of a cluster as an update takes them: pool by pool, the highest
// ordinal first; with a set for each zone round the zones, the last replica to be added first,
// which is the order that one set over all zones has.
func (t *Topology) CompareUpdates(c Cluster, a, b ReplicaID) int {
	if t.SetPerZone() {
		return t.CompareGrowth(c, b, a)
	}
	return cmp.Or(t.comparePools(c, a, b), b.Ordinal-a.Ordinal)
}

// CompareGrowth orders two replicas of a cluster as they are added: pool by pool, the lowest ordinal
// first; with a set for each zone round the zones.
func (t *Topology) CompareGrowth(c Cluster, a, b ReplicaID) int {
	if t.SetPerZone() {
		return cmp.Or(a.Ordinal-b.Ordinal, t.comparePools(c, a, b))
	}
	return cmp.Or(t.comparePools(c, a, b), a.Ordinal-b.Ordinal)
}

// comparePools orders by the place in Pools; pools that the topology does not know come last, by name.
func (t *Topology) comparePools(c Cluster, a, b ReplicaID) int {
	pools := t.Pools(c)
	place := func(id ReplicaID) int {
		if i := slices.IndexFunc(pools, func(p PoolSize) bool { return p.Name == id.Pool }); i >= 0 {
			return i
		}
		return len(pools)
	}
	return cmp.Or(place(a)-place(b), cmp.Compare(a.Pool, b.Pool))
}

// zoneOf is the zone that a replica is declared in, empty where none is.
func (t *Topology) zoneOf(c Cluster, id ReplicaID) string {
	if !t.SetPerZone() {
		return c.declaredZone(id.Ordinal)
	}
	for _, pool := range t.Pools(c) {
		if pool.Name == id.Pool {
			return pool.Zone
		}
	}
	return ""
}

// perZone checks what a StatefulSet for each zone needs: zones, whose names are part of names.
func (c *checker) perZone() {
	if c.t.Spec.Locality.Zone != zoneBySet {
		return
	}
	if c.t.Spec.Profile == profileGeneric {
		c.errorf("spec.locality.zone", codeNotSupportedYet, "write none, and pin your own StatefulSets to zones in spec.base; list them under pools",
			"profile %s brings its own StatefulSets, which quorate does not divide by zones", profileGeneric)
		return
	}
	c.eachCluster(func(cl Cluster, _ Region, path string) {
		if len(cl.Zones) == 0 && !c.isBroken(path+".zones") {
			c.errorf(path+".zones", codeZonesRequired, "write zones: and the label topology.kubernetes.io/zone of its nodes",
				"cluster %q declares no zones, and locality.zone %s makes a StatefulSet for each", shorten(cl.Name), zoneBySet)
		}
		for i, zone := range cl.Zones {
			c.zonePoolName(item(path+".zones", i), zone)
		}
	})
}

func (c *checker) zonePoolName(path, zone string) {
	if zone == "" || len(validation.IsValidLabelValue(zone)) > 0 {
		return // reported as no zone at all
	}
	name := c.t.zonePool(zone)
	switch {
	case len(validation.IsDNS1123Label(zone)) > 0:
		c.errorf(path, codeInvalidZone, "a StatefulSet and its pods are named after it, in lower-case letters, digits and hyphens (RFC 1123): use locality.zone podLabel on Kubernetes 1.35 or newer, or none",
			"zone %q cannot be part of the name of a StatefulSet, which locality.zone %s makes for it", shorten(zone), zoneBySet)
	case len(name) > maxStatefulSetName:
		c.errorf(path, codeNameTooLong, fmt.Sprintf("shorten metadata.name to at most %d characters", maxStatefulSetName-len(zone)-1),
			"the StatefulSet of zone %q would be %q, which has %d characters; more than %d and it could not make pods",
			zone, shorten(name), len(name), maxStatefulSetName)
	}
}
