package planner

import (
	"fmt"
	"slices"

	"quorate.dev/quorate/regions"
)

// applySite brings a cluster's objects to what the overlay says: its namespace
// first, then everything else. Pods do not move by it, since each partition is
// held before a template changes.
func (b *builder) applySite(s site) {
	if s.silent() {
		return
	}
	refs := b.toApply(s)
	namespaces := slices.DeleteFunc(slices.Clone(refs), func(r regions.ObjectRef) bool { return r.Kind != "Namespace" })
	rest := slices.DeleteFunc(slices.Clone(refs), func(r regions.ObjectRef) bool {
		return r.Kind == "Namespace" || b.startsAuthority(s, r)
	})
	before := ""
	if len(namespaces) > 0 {
		before = b.add(Step{
			ID: s.cluster.Name + "/namespace", Kind: KindNamespace, Cluster: s.cluster.Name, Region: s.region,
			Summary: namespaceSummary(s, namespaces), Payload: Payload{Objects: namespaces},
		})
	}
	before = b.holdBefore(s, before)
	if before != "" {
		b.applied[s.cluster.Name] = before
	}
	if len(rest) == 0 && !b.recordOutdated(s) {
		return
	}
	b.applied[s.cluster.Name] = b.add(Step{
		ID: s.cluster.Name + "/apply", Kind: KindApply, Cluster: s.cluster.Name, Region: s.region,
		Summary: b.applySummary(s, rest), Why: b.applyReason(s),
		Payload: Payload{Objects: rest, TakeOver: b.shared(s), Force: b.forced(s)},
	}, before)
}

func namespaceSummary(s site, namespaces []regions.ObjectRef) string {
	verb := "create"
	if s.obs.State.NamespaceExists {
		verb = "apply"
	}
	return fmt.Sprintf("%s namespace %s in %s", verb, namespaces[0].Name, s.cluster.Name)
}

// recordOutdated: the record in the cluster does not say what will be true.
func (b *builder) recordOutdated(s site) bool {
	record := s.obs.State.Record
	if !record.Exists || len(record.Clusters) != len(b.sites) || !slices.Equal(record.Database.Slots, Slots(b.in)) || record.Database.Zone != b.in.Topology.Spec.DNS.Zone {
		return true
	}
	if b.initialised && record.Database.Installed == "" || staleReleases(s.obs.State) {
		return true
	}
	for _, other := range b.sites {
		if record.Clusters[other.cluster.Name] == "" {
			return true
		}
	}
	return false
}

// holdBefore raises the partition of every pool whose template changes, so that
// applying the template moves no pod; after an unfinished update too, since its
// partition may have been left low. It also stops a controller that rolls by
// itself, since a run crashed right after it lowered the partition, or someone applied
// a template by hand: such a pool is held first.
func (b *builder) holdBefore(s site, before string) string {
	pools := slices.Clone(s.pools)
	slices.SortStableFunc(pools, func(a, o pool) int { return haste(s, a) - haste(s, o) })
	for _, p := range pools {
		why := "a new template must not move a pod by itself"
		if !p.templateChanged {
			why = "its controller may update replicas by itself at any moment"
		}
		if p.live == nil || p.live.Partition >= p.live.Replicas || !p.templateChanged && !(b.initialised && rollsByItself(s, p)) {
			continue
		}
		held := p.live.Replicas
		before = b.add(Step{
			ID: s.cluster.Name + "/hold/" + p.name, Kind: KindPartition, Cluster: s.cluster.Name, Region: s.region,
			Summary: fmt.Sprintf("hold %s/%s at its revisions (partition %d → %d)", s.cluster.Name, p.name, p.live.Partition, held),
			Why:     why, Payload: Payload{Pool: p.name, Partition: &held, TakeBack: s.released(p)},
		}, before)
	}
	return before
}

// haste orders pools by how soon they are to be held.
func haste(s site, p pool) int {
	if p.live != nil && rollsByItself(s, p) {
		return 0
	}
	return 1
}

// rollsByItself: the partition lets a healthy outdated replica go, so that its
// controller may take it down at any moment, whatever else is down by then.
func rollsByItself(s site, p pool) bool {
	return slices.ContainsFunc(s.outdated(p), func(ordinal int) bool {
		pod := FindPod(s.obs.State, s.id(p, ordinal))
		return ordinal >= p.live.Partition && pod != nil && pod.Up()
	})
}

// shared are the objects of which others own fields with our values: applying
// them takes a forced apply, for ownership alone.
func (b *builder) shared(s site) []regions.ObjectRef {
	var out []regions.ObjectRef
	for _, ref := range s.desiredRefs() {
		if slices.ContainsFunc(s.obs.Objects, func(o regions.ObjectState) bool { return len(o.Shared) > 0 && refersTo(o.Ref, ref) }) {
			out = append(out, ref)
		}
	}
	return out
}

func (b *builder) applySummary(s site, refs []regions.ObjectRef) string {
	created, updated := 0, 0
	for _, c := range b.plan.Objects {
		if c.Cluster != s.cluster.Name || !slices.ContainsFunc(refs, func(r regions.ObjectRef) bool { return refersTo(r, c.Object) }) {
			continue
		}
		switch c.Action {
		case ActionCreate:
			created++
		case ActionUpdate:
			updated++
		}
	}
	switch {
	case created+updated == 0 && len(refs) == 0:
		return "record what quorate owns in " + s.cluster.Name
	case created+updated == 0:
		return fmt.Sprintf("take ownership of %s in %s", count(len(refs), "object"), s.cluster.Name)
	case updated == 0:
		return fmt.Sprintf("create %s in %s", count(created, "object"), s.cluster.Name)
	case created == 0:
		return fmt.Sprintf("update %s in %s", count(updated, "object"), s.cluster.Name)
	}
	return fmt.Sprintf("create %d and update %s in %s", created, count(updated, "object"), s.cluster.Name)
}

func (b *builder) applyReason(s site) string {
	for _, p := range s.pools {
		if p.live != nil && p.templateChanged {
			return "the pod template changes; no pod moves by it"
		}
	}
	return ""
}

// planRetirement deletes, last, what fell out of the overlays and holds no data.
func (b *builder) planRetirement() {
	for _, s := range b.sites {
		var refs []regions.ObjectRef
		for _, ref := range s.dropped() {
			if !holdsData(ref) {
				refs = append(refs, ref)
				b.plan.Objects = append(b.plan.Objects, ObjectChange{Cluster: s.cluster.Name, Object: ref, Action: ActionDelete})
			}
		}
		if len(refs) == 0 {
			continue
		}
		b.link(Step{
			ID: s.cluster.Name + "/retire", Kind: KindRetire, Cluster: s.cluster.Name, Region: s.region,
			Summary: fmt.Sprintf("delete %s that fell out of the overlay of %s", count(len(refs), "object"), s.cluster.Name),
			Payload: Payload{Objects: refs},
		})
	}
}
