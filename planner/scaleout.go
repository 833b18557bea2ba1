package planner

import (
	"fmt"
	"strings"

	"quorate.dev/quorate/dns"
	"quorate.dev/quorate/regions"
)

// planScaleOut adds replicas to a database that holds data: one at a time over
// all clusters, each ready, named and known to the database before the next.
func (b *builder) planScaleOut() {
	for _, s := range b.sites {
		for _, p := range s.pools {
			from := 0
			if p.live != nil {
				from = p.live.Replicas
			}
			for ordinal := from; ordinal < p.want; ordinal++ {
				b.grow(s, p, ordinal)
			}
		}
	}
}

func (b *builder) grow(s site, p pool, ordinal int) {
	id, replicas := s.id(p, ordinal), ordinal+1
	step := s.cluster.Name + "/scale/" + id.Pod()
	b.link(Step{
		ID: step, Kind: KindScale, Cluster: s.cluster.Name, Region: s.region,
		Summary: "add " + id.String(), Why: fmt.Sprintf("replicas %d → %d", ordinal, replicas),
		Payload: Payload{Pool: p.name, Replicas: &replicas, Condition: ConditionReady, Targets: []regions.ReplicaID{id}},
	})
	b.probe(step)
	b.soak(step, b.in.Topology.Spec.Rollout.Soak)
}

// planNames lists the names that new replicas bring.
func (b *builder) planNames() {
	t := b.in.Topology
	for _, s := range b.sites {
		if s.obs.Unreachable != "" {
			continue
		}
		for _, id := range s.allTargets() {
			if FindPod(s.obs.State, id) != nil {
				continue
			}
			b.plan.DNS.Changes = append(b.plan.DNS.Changes, dns.Change{
				Action: dns.Create, Name: dns.ReplicaName(t, id), Type: dns.TypeA, TTL: int(t.Spec.DNS.TTLDuration().Seconds()),
			})
		}
	}
}

// templateReason says in few words what changes in a pod template.
func templateReason(fields []FieldChange) string {
	var other []string
	for _, f := range fields {
		if !strings.HasPrefix(f.Path, "spec.template.") {
			continue
		}
		if strings.HasSuffix(f.Path, ".image") {
			return fmt.Sprintf("image %s → %s", imageTag(f.Before), imageTag(f.After))
		}
		other = append(other, strings.TrimPrefix(f.Path, "spec.template."))
	}
	switch {
	case len(other) == 0:
		return ""
	case len(other) > 2:
		return fmt.Sprintf("%s and %d more fields change", other[0], len(other)-1)
	}
	return strings.Join(other, ", ") + " changes"
}

// imageTag is the part of an image that a reader tells versions by.
func imageTag(image any) string {
	text, _ := image.(string)
	if i := strings.LastIndexAny(text, ":@"); i >= 0 && !strings.Contains(text[i:], "/") {
		return text[i+1:]
	}
	return text
}
