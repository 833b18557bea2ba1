package regions

import (
	"maps"
	"slices"
	"time"
)

// PoolSize is one StatefulSet of a cluster and its declared number of replicas.
type PoolSize struct {
	Name     string
	Zone     string `json:",omitempty"` // that the set is pinned to; empty: it spreads over the cluster's zones
	Replicas int
}

// Pools are the StatefulSets of a cluster, sorted by name. A cluster that gives
// replicas has one pool, named as the deployment, or one for each zone, as the zones are
// listed (SetPerZone).
func (t *Topology) Pools(c Cluster) []PoolSize {
	if t.SetPerZone() && len(c.Zones) > 0 {
		return t.zonePools(c)
	}
	if len(c.Pools) == 0 {
		return []PoolSize{{Name: t.Metadata.Name, Replicas: c.Replicas}}
	}
	var pools []PoolSize
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		pools = append(pools, PoolSize{Name: name, Replicas: c.Pools[name]})
	}
	return pools
}

// poolNames are the names of the pools of all clusters.
func (t *Topology) poolNames() []string {
	var out []string
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			for _, pool := range t.Pools(c) {
				out = append(out, pool.Name)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Replicas are all declared replicas, by region and cluster as in the file, then by pool
// and ordinal. The i-th replica of a pool is declared in zone i modulo the cluster's zones,
// unless the pool is of one zone.
func (t *Topology) Replicas() []Replica {
	var out []Replica
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			out = append(out, t.replicasOf(region.Name, c)...)
		}
	}
	return out
}

func (t *Topology) replicasOf(region string, c Cluster) []Replica {
	var out []Replica
	for _, pool := range t.Pools(c) {
		for ordinal := range pool.Replicas {
			id := ReplicaID{Cluster: c.Name, Pool: pool.Name, Ordinal: ordinal}
			out = append(out, Replica{ID: id, Region: region, Zone: t.zoneOf(c, id)})
		}
	}
	return out
}

// declaredZone is the zone that the spread should give an ordinal, empty where none are declared.
func (c Cluster) declaredZone(ordinal int) string {
	if len(c.Zones) == 0 {
		return ""
	}
	return c.Zones[ordinal%len(c.Zones)]
}

// ClusterByName finds a cluster.
func (t *Topology) ClusterByName(name string) (Cluster, bool) {
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			if c.Name == name {
				return c, true
			}
		}
	}
	return Cluster{}, false
}

// RegionOf is the name of the region that holds the cluster, empty where none does.
func (t *Topology) RegionOf(cluster string) string {
	for _, region := range t.Spec.Regions {
		for _, c := range region.Clusters {
			if c.Name == cluster {
				return region.Name
			}
		}
	}
	return ""
}

// OrderedClusters are all clusters by the regions' place in rollout.order, within
// a region as in the file. Regions that the order leaves out come last.
func (t *Topology) OrderedClusters() []Cluster {
	place := func(r Region) int {
		if i := slices.Index(t.Spec.Rollout.Order, r.Name); i >= 0 {
			return i
		}
		return len(t.Spec.Rollout.Order)
	}
	regions := slices.Clone(t.Spec.Regions)
	slices.SortStableFunc(regions, func(a, b Region) int { return place(a) - place(b) })
	var out []Cluster
	for _, r := range regions {
		out = append(out, r.Clusters...)
	}
	return out
}

// TTLDuration is the records' time to live, in whole seconds. Valid after Parse.
func (d DNS) TTLDuration() time.Duration { return duration(d.TTL) }

// SoakDuration is the wait between two replicas. Valid after Parse.
func (r Rollout) SoakDuration() time.Duration { return duration(r.Soak) }

// TimeoutDuration is the deadline of each wait. Valid after Parse.
func (r Rollout) TimeoutDuration() time.Duration { return duration(r.Timeout) }

// GateIntervalDuration is the time between the two looks of the database gate;
// 0 means the profile's. Valid after Parse.
func (r Rollout) GateIntervalDuration() time.Duration { return duration(r.GateInterval) }

// SoakDuration is the wait after the canary. Valid after Parse.
func (c Canary) SoakDuration() time.Duration { return duration(c.Soak) }

// duration reads what Parse has validated; text that it refused counts as 0.
func duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0
	}
	return d
}
