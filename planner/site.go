package planner

import (
	"slices"

	"quorate.dev/quorate/regions"
)

// site is one cluster of the topology beside what was seen of it.
type site struct {
	region  string
	cluster regions.Cluster
	obs     Observation
	desired []map[string]any
	pools   []pool
}

// pool is one StatefulSet of a site.
type pool struct {
	name    string
	want    int
	live    *regions.StatefulSetState // nil: does not exist yet
	missing bool                      // the cluster answered and has no such StatefulSet
	// templateChanged: applying the desired object changes the live pod template.
	templateChanged bool
	// target is the name of the revision that the desired template has, empty
	// where the controller has yet to make it.
	target string
}

// sites lists the clusters in rollout order: regions as ordered, clusters as listed.
func sites(in Input) []site {
	t := in.Topology
	order := t.Spec.Rollout.Order
	var out []site
	for _, name := range order {
		i := slices.IndexFunc(t.Spec.Regions, func(r regions.Region) bool { return r.Name == name })
		if i < 0 {
			continue
		}
		for _, c := range t.Spec.Regions[i].Clusters {
			out = append(out, newSite(in, name, c))
		}
	}
	return out
}

func newSite(in Input, region string, c regions.Cluster) site {
	s := site{region: region, cluster: c, obs: in.observation(c.Name), desired: in.Desired[c.Name]}
	for _, size := range in.Topology.Pools(c) {
		s.pools = append(s.pools, newPool(s.obs, size))
	}
	return s
}

func newPool(obs Observation, size regions.PoolSize) pool {
	p := pool{name: size.Name, want: size.Replicas, live: FindSet(obs.State, size.Name)}
	p.missing = p.live == nil && obs.Unreachable == ""
	if p.live == nil {
		return p
	}
	p.target = p.live.UpdateRevision
	if object := findObject(obs.Objects, "StatefulSet", size.Name); object != nil {
		live, after := podTemplate(object.Live), podTemplate(object.After)
		p.templateChanged = after != nil && !equalValues(live, after)
		if p.templateChanged {
			p.target = revisionOf(p.live.Revisions, after)
		}
	}
	return p
}

func findObject(objects []regions.ObjectState, kind, name string) *regions.ObjectState {
	for i := range objects {
		if objects[i].Ref.Kind == kind && objects[i].Ref.Name == name {
			return &objects[i]
		}
	}
	return nil
}

func podTemplate(set map[string]any) map[string]any {
	spec, _ := set["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	return template
}

// revisionOf finds the revision that already has the template: the controller
// reuses an equal one instead of making another (controller_history.go), so going
// back to an earlier template restarts only the pods that had left it.
func revisionOf(revisions []regions.Revision, template map[string]any) string {
	for _, r := range revisions {
		if equalValues(plainTemplate(r.Template), plainTemplate(template)) {
			return r.Name
		}
	}
	return ""
}

// plainTemplate drops what a ControllerRevision adds to a template ($patch) and
// the always-empty creation time.
func plainTemplate(template map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range template {
		if k == "$patch" {
			continue
		}
		if metadata, ok := v.(map[string]any); ok && k == "metadata" {
			v = withoutNulls(metadata)
		}
		out[k] = v
	}
	return out
}

func withoutNulls(m map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if v != nil {
			out[k] = v
		}
	}
	return out
}

// id is the identity of one of the pool's replicas.
func (s site) id(p pool, ordinal int) regions.ReplicaID {
	return regions.ReplicaID{Cluster: s.cluster.Name, Pool: p.name, Ordinal: ordinal}
}

// replicas are the first n replicas of a pool.
func (s site) replicas(p pool, n int) []regions.ReplicaID {
	out := make([]regions.ReplicaID, n)
	for i := range out {
		out[i] = s.id(p, i)
	}
	return out
}

// outdated are the ordinals of the live replicas that the desired template does
// not run on yet, highest first: the order in which the controller updates.
func (s site) outdated(p pool) []int {
	if p.live == nil {
		return nil
	}
	var out []int
	for ordinal := p.live.Replicas - 1; ordinal >= 0; ordinal-- {
		pod := FindPod(s.obs.State, s.id(p, ordinal))
		if p.target == "" || pod == nil || pod.Revision != p.target {
			if pod == nil && !p.templateChanged && p.live.CurrentRevision == p.live.UpdateRevision {
				continue // it comes back at the only revision there is
			}
			out = append(out, ordinal)
		}
	}
	return out
}
