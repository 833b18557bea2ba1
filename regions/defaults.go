package regions

// The defaults of a topology. Promises are computed from the layout instead
// (see promises.go).
const (
	defaultTTL            = "10s"
	defaultNetwork        = networkFlat
	defaultZoneWay        = zoneByPodLabel
	defaultMaxUnavailable = 1
	defaultCanary         = 1
	defaultSoak           = "30s"
	defaultTimeout        = "15m"
)

// applyDefaults fills in what the file does not write. A number that is written
// as zero is left to validation: written tells it from one that is absent.
func applyDefaults(t *Topology, written func(path string) bool) {
	s := &t.Spec
	orElse(&s.Namespace, t.Metadata.Name)
	orElse(&s.Network.Mode, defaultNetwork)
	orElse(&s.Locality.Zone, defaultZoneWay)
	if !written("spec.dns.ttl") {
		s.DNS.TTL = defaultTTL
	}
	if in := t.AuthorityInCluster(); in != nil {
		orElse(&in.PodDNS, podDNSConfig)
	}
	for _, p := range s.DNS.Publish {
		if p.RFC2136 != nil {
			orElse(&p.RFC2136.Zone, s.DNS.Zone)
			orElse(&p.RFC2136.Transfer, transferWhole)
		}
	}
	for i := range s.Regions {
		for j := range s.Regions[i].Clusters {
			c := &s.Regions[i].Clusters[j]
			orElse(&c.Context, c.Name)
			orElse(&c.Namespace, s.Namespace)
		}
	}
	rolloutDefaults(t, written)
}

func rolloutDefaults(t *Topology, written func(path string) bool) {
	r := &t.Spec.Rollout
	if !written("spec.rollout.order") {
		for _, region := range t.Spec.Regions {
			r.Order = append(r.Order, region.Name)
		}
	}
	if !written("spec.rollout.maxUnavailable") {
		r.MaxUnavailable = defaultMaxUnavailable
	}
	if !written("spec.rollout.canary.replicas") {
		r.Canary.Replicas = defaultCanary
	}
	if !written("spec.rollout.soak") {
		r.Soak = defaultSoak
	}
	if !written("spec.rollout.canary.soak") {
		r.Canary.Soak = r.Soak
	}
	if !written("spec.rollout.timeout") {
		r.Timeout = defaultTimeout
	}
}

func orElse(value *string, otherwise string) {
	if *value == "" {
		*value = otherwise
	}
}
