package regions

import (
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation"
)

// Bounds on replicas. They are far above what one deployment has, and keep a
// slip of the finger (300000 for 3) from being planned.
const (
	maxPoolReplicas  = 1000
	maxTotalReplicas = 10_000
)

// layout checks regions, clusters, their replicas and zones.
func (c *checker) layout() {
	regions := c.t.Spec.Regions
	if len(regions) == 0 {
		c.errorf("spec.regions", codeNoRegions, "write at least one region with a cluster", "the topology has no regions")
		return
	}
	for i, r := range regions {
		if path := item("spec.regions", i); len(r.Clusters) == 0 {
			c.errorf(path+".clusters", codeNoClusters, "write at least one cluster, or remove the region", "region %q has no clusters", shorten(r.Name))
		}
	}
	c.eachCluster(c.replicas)
	c.total()
	c.targets()
	c.zones()
}

func (c *checker) replicas(cl Cluster, _ Region, path string) {
	hasReplicas, hasPools := c.written(path+".replicas"), c.written(path+".pools")
	switch {
	case hasReplicas && hasPools:
		c.errorf(path+".pools", codeReplicasAndPools, "keep pools for a base with several StatefulSets, replicas otherwise",
			"cluster %q has both replicas and pools", shorten(cl.Name))
	case !hasReplicas && (!hasPools || len(cl.Pools) == 0):
		c.errorf(path+".replicas", codeMissingReplicas, "write replicas: and their number", "cluster %q has no number of replicas", shorten(cl.Name))
	}
	if hasReplicas {
		c.poolSize(path+".replicas", cl.Replicas)
	}
	for _, name := range slices.Sorted(maps.Keys(cl.Pools)) {
		c.poolSize(field(path+".pools", name), cl.Pools[name])
	}
}

func (c *checker) poolSize(path string, replicas int) {
	if replicas < 0 || replicas > maxPoolReplicas {
		c.errorf(path, codeInvalidReplicas, fmt.Sprintf("write a number from 0 to %d", maxPoolReplicas), "%d is no number of replicas", replicas)
	}
}

func (c *checker) total() {
	if c.has(codeInvalidReplicas, codeMissingReplicas, codeNoClusters) || c.brokenUnder("spec.regions") {
		return
	}
	total := 0
	c.eachCluster(func(cl Cluster, _ Region, _ string) {
		for _, pool := range c.t.Pools(cl) {
			total += pool.Replicas
		}
	})
	switch {
	case total == 0:
		c.errorf("spec.regions", codeNoReplicas, "give at least one cluster a replica", "all clusters together have no replica")
	case total > maxTotalReplicas:
		c.errorf("spec.regions", codeTooManyReplicas, "check the numbers of replicas",
			"all clusters together have %d replicas, more than %d", total, maxTotalReplicas)
	}
}

// targets checks that no two clusters are the same namespace of the same Kubernetes cluster, and tells of two
// that are one: whatever takes it away takes both, where the promises count them as two.
func (c *checker) targets() {
	type target struct{ context, namespace string }
	seen, first := map[target]string{}, map[string]string{}
	regionOf := map[string]string{}
	c.eachCluster(func(cl Cluster, r Region, path string) {
		c.namespace(path+".namespace", cl.Namespace, cl.Namespace != c.t.Spec.Namespace)
		if cl.Context == "" || c.isBroken(path) {
			return
		}
		key := target{cl.Context, cl.Namespace}
		other, shared := first[cl.Context]
		another := shared && other != cl.Name // a name given twice is told as such
		switch same, twice := seen[key]; {
		case twice && same != cl.Name:
			c.errorf(path+".context", codeDuplicateTarget, "give each cluster its own context, or another namespace",
				"clusters %q and %q are both namespace %q of context %q", shorten(same), shorten(cl.Name), shorten(cl.Namespace), shorten(cl.Context))
		case another && regionOf[cl.Context] != r.Name:
			c.errorf(path+".context", codeContextInTwoRegions, "give each cluster its own context: a Kubernetes cluster lies in one region, and its loss would be that of both",
				"context %q is already that of cluster %q in region %q", shorten(cl.Context), shorten(other), shorten(regionOf[cl.Context]))
		case another:
			c.warnf(path+".context", codeDuplicateContext, "give each cluster its own context, unless they are meant to be one",
				"clusters %q and %q are both context %q: what takes one away takes the other, and their replicas may share nodes", shorten(other), shorten(cl.Name), shorten(cl.Context))
		}
		if !shared {
			first[cl.Context], regionOf[cl.Context] = cl.Name, r.Name
		}
		seen[key] = cl.Name
	})
}

// zones checks that each zone is a label value, once a cluster, in one region.
func (c *checker) zones() {
	regionOf := map[string]string{}
	c.eachCluster(func(cl Cluster, r Region, path string) {
		seen := map[string]bool{}
		for i, zone := range cl.Zones {
			at := item(path+".zones", i)
			other, known := regionOf[zone]
			switch {
			case zone == "" || len(validation.IsValidLabelValue(zone)) > 0:
				c.errorf(at, codeInvalidZone, "write the nodes' label topology.kubernetes.io/zone", "%q is not a zone", shorten(zone))
			case seen[zone]:
				c.errorf(at, codeDuplicateZone, "list each zone once", "zone %q is listed twice in cluster %q", zone, shorten(cl.Name))
			case known && other != r.Name:
				c.errorf(at, codeZoneInTwoRegions, "a zone lies in one region", "zone %q is already in region %q", zone, shorten(other))
			case !known:
				regionOf[zone] = r.Name
			}
			seen[zone] = true
		}
	})
}

// brokenUnder tells whether anything at or below the path could not be decoded.
func (c *checker) brokenUnder(path string) bool {
	for broken := range c.broken {
		for at := broken; at != ""; at = parent(at) {
			if at == path {
				return true
			}
		}
	}
	return c.isBroken(path)
}
