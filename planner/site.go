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
	// emptied: the cluster held replicas before and holds nothing now.
	emptied bool
}

// silent tells that the cluster did not answer: nothing is known of it.
func (s site) silent() bool { return s.obs.Unreachable != "" }

// pool is one StatefulSet of a site.
type pool struct {
	name string
	want int
	live *regions.StatefulSetState // nil: does not exist yet
	// had is the number of replicas that are there or were before: more than the live
	// set asks for where volumes are left of ones that someone scaled away or whose set was
	// deleted, and more than the topology wants where it was made smaller. Of a cluster
	// that was emptied it is what the topology says: nothing else is left to tell. In a
	// static cluster it is no less than the topology says: a replica that was never made is
	// a member.
	had int
	// made is the part of had that was ever made: what the live set asks for, and volumes.
	made int
	// leftAlone: the partition was handed back, and nothing of the pool is to be changed.
	leftAlone bool
	// templateChanged: applying the desired object changes the live pod template.
	templateChanged bool
	template        map[string]any // the desired one, as far as it is known
	// target is the name of the revision that the desired template has, empty
	// where the controller has yet to make it.
	target string
}

// replicas is the live spec.replicas, 0 where there is no set.
func (p pool) replicas() int {
	if p.live == nil {
		return 0
	}
	return p.live.Replicas
}

// sites lists the clusters in rollout order: regions as ordered, clusters as listed.
func sites(in Input) []site {
	var out []site
	for _, c := range in.Topology.OrderedClusters() {
		out = append(out, newSite(in, in.Topology.RegionOf(c.Name), c))
	}
	return out
}

func newSite(in Input, region string, c regions.Cluster) site {
	s := site{region: region, cluster: c, obs: in.observation(c.Name), desired: in.Desired[c.Name]}
	if s.silent() {
		s.obs.State, s.obs.Objects = regions.ClusterState{Cluster: c.Name}, nil // what is old is not known
	}
	s.emptied = regions.Emptied(in.Topology, c.Name, in.states())
	allBorn := in.Topology.DeclaresMembers() && in.initialised() && !s.silent()
	sizes := in.Topology.Pools(c)
	for _, size := range sizes {
		p := newPool(s.obs, size)
		p.made = max(p.replicas(), claimedCount(s.obs.State, size.Name, sizes))
		p.had = p.made
		switch {
		case s.emptied:
			p.had = p.want
		case allBorn:
			p.had = max(p.made, p.want)
		}
		p.leftAlone = s.leaveAlone(p)
		s.pools = append(s.pools, p)
	}
	return s
}

// claimedCount is one more than the highest ordinal of the pool that has a volume
// claim, whether the topology wants it or not, 0 where there is none.
func claimedCount(state regions.ClusterState, pool string, sizes []regions.PoolSize) int {
	var names []string
	for _, size := range sizes {
		names = append(names, size.Name)
	}
	n := 0
	for _, id := range regions.Claimed(state, names) {
		if id.Pool == pool {
			n = max(n, id.Ordinal+1)
		}
	}
	return n
}

func newPool(obs Observation, size regions.PoolSize) pool {
	p := pool{name: size.Name, want: size.Replicas, live: FindSet(obs.State, size.Name)}
	if p.live == nil {
		return p
	}
	p.target = p.live.UpdateRevision
	object := findObject(obs.Objects, "StatefulSet", size.Name)
	if object == nil || object.Live == nil {
		return p
	}
	live, after := podTemplate(object.comparableLive()), podTemplate(object.After)
	p.template, p.templateChanged = after, after != nil && !equalValues(live, after)
	switch {
	case p.templateChanged:
		p.target = revisionOf(p.live.Revisions, after)
	case p.live.ObservedGeneration < p.live.Generation:
		// The status is older than the spec, and with it the update revision.
		p.target = revisionOf(p.live.Revisions, podTemplate(object.Live))
	}
	return p
}

// seen is an ObjectState with the planner's view of it.
type seen struct{ regions.ObjectState }

func findObject(objects []regions.ObjectState, kind, name string) *seen {
	for i := range objects {
		if objects[i].Ref.Kind == kind && objects[i].Ref.Name == name {
			return &seen{objects[i]}
		}
	}
	return nil
}

// comparableLive is the live object as it may be compared with After. Where no
// dry run was to be had, After lacks what the API server fills in, and only
// the fields that it has can be compared.
func (o seen) comparableLive() map[string]any {
	if o.Live == nil || o.ClientSide == "" && o.Rejected == "" {
		return o.Live
	}
	reduced, _ := within(o.Live, o.After).(map[string]any)
	return reduced
}

func podTemplate(set map[string]any) map[string]any {
	spec, _ := set["spec"].(map[string]any)
	template, _ := spec["template"].(map[string]any)
	return template
}

// revisionOf finds the revision that already has the template: the controller
// reuses an equal one, the newest of several, instead of making another
// (getStatefulSetRevisions in stateful_set_control.go), so going back to an
// earlier template restarts only the pods that had left it.
func revisionOf(revisions []regions.Revision, template map[string]any) string {
	name, number := "", int64(-1)
	for _, r := range revisions {
		if r.Number > number && equalValues(plainTemplate(r.Template), plainTemplate(template)) {
			name, number = r.Name, r.Number
		}
	}
	return name
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

// outdated are the ordinals of the replicas that the desired template does not
// run on yet, highest first: the order in which the controller updates. A pod that
// is missing or going counts, unless it can only come back at the desired template:
// at which one it does depends on the partition at that moment.
func (s site) outdated(p pool) []int {
	if p.live == nil || p.leftAlone {
		return nil
	}
	var out []int
	for ordinal := p.had - 1; ordinal >= 0; ordinal-- {
		revision := p.live.CurrentRevision
		if pod := FindPod(s.obs.State, s.id(p, ordinal)); pod != nil && !pod.Terminating {
			revision = pod.Revision
		}
		if p.target == "" || revision != p.target {
			out = append(out, ordinal)
		}
	}
	return out
}

// region is the clusters of one region, in rollout order.
type region []site

func (r region) silent() bool { return slices.ContainsFunc(r, site.silent) }
