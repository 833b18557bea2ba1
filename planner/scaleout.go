package planner

import (
	"fmt"
	"slices"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// planScaleOut adds replicas to a database that holds data: one at a time over
// all clusters, each ready, named and known to the database before the next.
func (b *builder) planScaleOut() {
	for _, s := range b.sites {
		if s.silent() {
			continue
		}
		for _, m := range b.missing(s, func(p pool) int { return p.had }, func(p pool) int { return p.want }) {
			step := b.grow(s, m.pool, m.ordinal, "add", fmt.Sprintf("replicas %d → %d", m.ordinal, m.ordinal+1))
			b.probe(step)
			b.soak(step, b.in.Topology.Spec.Rollout.SoakDuration())
		}
	}
}

// missing are the replicas of a site from one count of each of its pools to another, in the order in
// which they are made.
func (b *builder) missing(s site, from, to func(pool) int) []move {
	var out []move
	for _, p := range s.pools {
		for ordinal := from(p); ordinal < to(p); ordinal++ {
			out = append(out, move{site: s, pool: p, ordinal: ordinal})
		}
	}
	slices.SortStableFunc(out, func(a, o move) int { return b.in.Topology.CompareGrowth(s.cluster, a.id(), o.id()) })
	return out
}

// grow makes the pool's next replica; it is born at the template that the pool's
// partition leaves it, the former one while an update is under way.
func (b *builder) grow(s site, p pool, ordinal int, what, why string) string {
	id, replicas := s.id(p, ordinal), ordinal+1
	step := s.cluster.Name + "/scale/" + id.Pod()
	b.link(Step{
		ID: step, Kind: KindScale, Cluster: s.cluster.Name, Region: s.region,
		Summary: what + " " + id.String(), Why: why,
		Payload: Payload{Pool: p.name, Replicas: &replicas, Condition: ConditionReady, Targets: []regions.ReplicaID{id}},
	})
	return step
}

// planNames lists the names that new replicas bring, sorted. A replica whose pod
// is merely gone for a while keeps its name.
func (b *builder) planNames() {
	t := b.in.Topology
	for _, s := range b.sites {
		if s.silent() {
			continue
		}
		for _, p := range s.pools {
			for ordinal := p.replicas(); ordinal < p.want; ordinal++ {
				b.plan.DNS.Changes = append(b.plan.DNS.Changes, dns.Change{
					Action: dns.Create, Name: dns.ReplicaName(t, s.id(p, ordinal)), Type: dns.TypeA, TTL: dns.TTL(t), Cluster: s.cluster.Name,
				})
			}
		}
	}
	slices.SortFunc(b.plan.DNS.Changes, func(a, c dns.Change) int { return strings.Compare(a.Name, c.Name) })
}

// templateReason says in few words how two pod templates differ: by the image,
// where it is one of the differences, since that is what most updates are.
func templateReason(fields []FieldChange) string {
	for _, f := range fields {
		if strings.HasSuffix(f.Path, ".image") {
			return imageReason(f.Before, f.After)
		}
	}
	switch len(fields) {
	case 0:
		return ""
	case 1:
		return fields[0].Path + " changes"
	case 2:
		return fields[0].Path + ", " + fields[1].Path + " change"
	}
	return fmt.Sprintf("%s and %d more fields change", fields[0].Path, len(fields)-1)
}

// imageReason tells versions by their tags, and repositories where they differ.
func imageReason(before, after any) string {
	old, _ := before.(string)
	wanted, _ := after.(string)
	if repository(old) == repository(wanted) {
		return fmt.Sprintf("image %s → %s", imageTag(before), imageTag(after))
	}
	return fmt.Sprintf("image %s → %s", old, wanted)
}

// repository is an image without its tag or digest.
func repository(image string) string {
	if i := strings.LastIndexAny(image, ":@"); i >= 0 && !strings.Contains(image[i:], "/") {
		image = strings.TrimSuffix(image[:i], "@sha256")
	}
	return image
}

// imageTag is the part of an image that a reader tells versions by.
func imageTag(image any) string {
	text, _ := image.(string)
	if i := strings.LastIndexAny(text, ":@"); i >= 0 && !strings.Contains(text[i:], "/") {
		return text[i+1:]
	}
	return text
}
