package planner

import "slices"

// planPrimaries names the servers that a run writes the names into: the gate asks them, or what follows them, so the
// records have to be true while the run lasts.
func (b *builder) planPrimaries() {
	for _, p := range b.in.Topology.Updated() {
		if !slices.Contains(b.plan.DNS.Primaries, p.Server) {
			b.plan.DNS.Primaries = append(b.plan.DNS.Primaries, p.Server)
		}
	}
}
