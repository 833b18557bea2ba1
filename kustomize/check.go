package kustomize

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"quorate.dev/quorate/regions"
)

// CheckPools tells whether the built objects of a cluster hold what its topology
// says of its pools: a StatefulSet of each pool's name with its replicas, moved by
// a RollingUpdate that names no partition, its replicas counted from 0 and governed by
// a Service that finds them, with spec.image in it; and no StatefulSet beside them,
// which nothing would roll out in order. Nor may there be an autoscaler of a pool, or a
// Job that goes away. objects are as build.Objects returns them. The error lists
// everything found, each with the cluster.
func CheckPools(t *regions.Topology, p Profile, c regions.Cluster, objects []map[string]any) error {
	sets := map[string]map[string]any{}
	for _, o := range objects {
		if o["kind"] == "StatefulSet" {
			sets[nameOf(o)] = o
		}
	}
	names := slices.Sorted(maps.Keys(sets))
	var errs []error
	for _, pool := range t.Pools(c) {
		set, ok := sets[pool.Name]
		if !ok {
			errs = append(errs, noSuchPool(c, pool, names))
			continue
		}
		delete(sets, pool.Name)
		errs = append(errs, checkSet(set, pool, imageOf(t, p))...)
		errs = append(errs, checkNamed(set, objects)...)
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		errs = append(errs, fmt.Errorf("StatefulSet %s belongs to no pool: add it to pools, with 0 replicas where the cluster shall have none, or move it out of spec.base", name))
	}
	errs = append(errs, checkFleeting(objects)...)
	errs = append(errs, checkAutoscaled(t.Pools(c), objects)...)
	errs = append(errs, checkServices(t, objects)...)
	return inCluster(c, errs).ErrorOrNil()
}

// inCluster names the cluster in each of several problems, so that each stands by itself.
func inCluster(c regions.Cluster, errs []error) *multierror.Error {
	var all *multierror.Error
	for _, err := range errs {
		all = multierror.Append(all, fmt.Errorf("cluster %s: %w", c.Name, err))
	}
	return all
}

// wantedImage is the image that a pool's StatefulSet must hold; empty: any.
type wantedImage struct{ container, image string }

func imageOf(t *regions.Topology, p Profile) wantedImage {
	container := t.Spec.Container
	if container == "" && t.Spec.Base == "" {
		container = p.Container
	}
	return wantedImage{container: container, image: t.Spec.Image}
}

func checkSet(set map[string]any, pool regions.PoolSize, want wantedImage) []error {
	var errs []error
	if n, _ := field(set, "spec", "replicas").(int64); n != int64(pool.Replicas) {
		errs = append(errs, fmt.Errorf("StatefulSet %s has replicas %v, the topology says %d",
			pool.Name, field(set, "spec", "replicas"), pool.Replicas))
	}
	if n := field(set, "spec", "updateStrategy", "rollingUpdate", "partition"); n != nil {
		errs = append(errs, fmt.Errorf("StatefulSet %s names a partition (%v), which quorate moves itself: remove it from spec.base", pool.Name, n))
	}
	if s := field(set, "spec", "updateStrategy", "type"); s == "OnDelete" {
		errs = append(errs, fmt.Errorf("StatefulSet %s has updateStrategy OnDelete, under which a partition does nothing: use RollingUpdate", pool.Name))
	}
	if want.image != "" && !slices.ContainsFunc(containers(set), want.met) {
		errs = append(errs, fmt.Errorf("StatefulSet %s has no container %q with image %s: its base sets the image in a way that an overlay cannot change",
			pool.Name, want.container, want.image))
	}
	return errs
}

// met tells whether a container is the wanted one; any container is where none is named.
func (w wantedImage) met(container map[string]any) bool {
	return container["image"] == w.image && (w.container == "" || container["name"] == w.container)
}

func containers(set map[string]any) []map[string]any {
	list, _ := field(set, "spec", "template", "spec", "containers").([]any)
	var out []map[string]any
	for _, c := range list {
		if m, ok := c.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}

// field is the value at a path of nested objects, nil where there is none.
func field(object map[string]any, keys ...string) any {
	var v any = object
	for _, key := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[key]
	}
	return v
}
